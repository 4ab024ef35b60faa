"""A real Mosquitto, somebody who listens to it, and Home Assistant's MQTT integration connected to it."""

import asyncio
from contextlib import asynccontextmanager
import signal
from typing import TYPE_CHECKING, NamedTuple
from unittest.mock import patch

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.link.line import free_port
from tests.link.servers import program

from .conftest import until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from homeassistant.core import HomeAssistant


class Heard(NamedTuple):
    """A message as it came."""

    topic: str
    payload: str
    retain: bool


class Broker:
    """Mosquitto, which can be stopped and started again, and keeps what it has for those who are away."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self._config = folder / f"mosquitto-{port}.conf"
        self._config.write_text(
            f"listener {port} 127.0.0.1\n"
            "allow_anonymous true\n"
            f"persistence true\npersistence_location {folder}/\npersistence_file {port}.db\n"
            # Of whoever listens nothing is thrown away: it is the sender that is tested.
            "max_queued_messages 0\nqueue_qos0_messages true\n"
            "log_dest none\nuser root\n"
        )
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            program("mosquitto", "mosquitto"),
            "-c",
            str(self._config),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(10):
            while True:
                assert self._process.returncode is None
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.01)
                else:
                    writer.close()
                    return

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it, as a restart of its machine would; SIGSTOP: it is there and does nothing."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(how)
        if how is not signal.SIGSTOP:
            await process.wait()

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


class Listener:
    """Listens to everything, and comes back when the broker does; the broker keeps for it what it misses.

    With QoS 0, so that the broker repeats nothing by itself.
    """

    def __init__(self, port: int, topic: str = "#") -> None:
        self.heard: list[Heard] = []
        self.is_there = False
        self._topic = topic
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="listener", clean_session=False)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        # It takes whole seconds only, by its types.
        self._client.reconnect_delay_set(0.05, 0.05)  # type: ignore[arg-type] # (and less works)
        self._client.connect("127.0.0.1", port)

    def start(self) -> None:
        self._client.loop_start()

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def payloads(self, topic: str) -> list[str]:
        return [message.payload for message in self.heard if message.topic == topic]

    def _on_connect(self, client: Client, *_: object) -> None:
        client.subscribe(self._topic, 0)

    def _on_subscribe(self, *_: object) -> None:
        self.is_there = True

    def _on_disconnect(self, *_: object) -> None:
        self.is_there = False

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.heard.append(Heard(message.topic, message.payload.decode(), message.retain))


@asynccontextmanager
async def mosquitto(folder: Path) -> AsyncGenerator[Broker]:
    broker = Broker(folder, free_port())
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop(signal.SIGKILL)


@asynccontextmanager
async def listening(port: int, topic: str = "#") -> AsyncGenerator[Listener]:
    listener = Listener(port, topic)
    listener.start()
    try:
        await until(lambda: listener.is_there)
        yield listener
    finally:
        await asyncio.to_thread(listener.stop)


def mqtt_entry(hass: HomeAssistant, port: int) -> MockConfigEntry:
    """Home Assistant's MQTT integration, as it is after its own dialog; not set up."""
    entry = MockConfigEntry(
        domain="mqtt",
        title="MQTT",
        version=2,
        minor_version=1,
        data={"broker": "127.0.0.1", "port": port, "protocol": "5"},
        options={"discovery": False, "birth_message": {}},
    )
    entry.add_to_hass(hass)
    return entry


@asynccontextmanager
async def mqtt(hass: HomeAssistant, port: int) -> AsyncGenerator[MockConfigEntry]:
    """The same, connected; it looks for a broker that is gone five times a second and not every ten seconds."""
    with (
        patch("homeassistant.components.mqtt.client.RECONNECT_INTERVAL_SECONDS", 0.2),
        # The harness has no configuration.yaml, in which MQTT would look for more.
        patch("homeassistant.config.load_yaml_config_file", return_value={}),
    ):
        entry = mqtt_entry(hass, port)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        try:
            yield entry
        finally:
            if hass.config_entries.async_get_entry(entry.entry_id) is not None:
                await hass.config_entries.async_unload(entry.entry_id)
                await hass.async_block_till_done()


class ForgetfulBroker:
    """Takes everything, and acknowledges nothing until it is told to (MQTT 5, as much of it as is needed)."""

    def __init__(self) -> None:
        self.payloads: list[str] = []
        self.acknowledges = False
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen, and return at which port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self._server.close_clients()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                kind, body = await self._packet(reader)
                if kind >> 4 == 1:  # CONNECT
                    writer.write(b"\x20\x03\x00\x00\x00")
                elif kind >> 4 == 12:  # PINGREQ
                    writer.write(b"\xd0\x00")
                elif kind >> 4 == 3:  # PUBLISH
                    end = 2 + int.from_bytes(body[:2])
                    qos = kind >> 1 & 3
                    identifier = body[end : end + 2] if qos else b""
                    start = end + len(identifier)
                    # The properties are shorter than 128 bytes: one byte says how long.
                    self.payloads.append(body[start + 1 + body[start] :].decode())
                    if qos and self.acknowledges:
                        writer.write(b"\x40\x02" + identifier)
        except asyncio.IncompleteReadError:
            writer.close()

    @staticmethod
    async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
        kind = (await reader.readexactly(1))[0]
        length = shift = 0
        while True:
            digit = (await reader.readexactly(1))[0]
            length |= (digit & 127) << shift
            shift += 7
            if digit < 128:
                return kind, await reader.readexactly(length)


@asynccontextmanager
async def forgetful_broker() -> AsyncGenerator[tuple[ForgetfulBroker, int]]:
    broker = ForgetfulBroker()
    port = await broker.start()
    try:
        yield broker, port
    finally:
        broker.stop()
