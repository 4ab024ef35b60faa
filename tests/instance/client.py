"""Speaking with a running Home Assistant: REST and WebSocket, signed in as the user of the demo."""

import asyncio
from contextlib import asynccontextmanager, suppress
import secrets
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

USER = PASSWORD = "demo"  # noqa: S105 a house of sand: it only listens on this machine, and says so on the terminal
ANSWER_SECONDS = 30

type Json = dict[str, Any]


class InstanceError(Exception):
    """Home Assistant did not do what was asked; the text says what, for a person."""


class Client:
    """One signed-in user. REST paths begin with `/`; WebSocket commands are named as Home Assistant names them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS))
        self._headers: dict[str, str] = {}
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._number = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._events: dict[int, asyncio.Queue[Any]] = {}

    async def sign_in(self) -> None:
        """Get a token; on a new installation make the user first. Raises aiohttp's errors while nobody answers."""
        client_id = f"{self.url}/"
        async with self._session.get(f"{self.url}/api/onboarding") as answer:
            new = answer.ok and any(step == {"step": "user", "done": False} for step in await answer.json())
        if new:
            person = {"name": "Demo", "username": USER, "password": PASSWORD, "client_id": client_id, "language": "en"}
            code = (await self.post("/api/onboarding/users", person))["auth_code"]
        else:
            flow = {"client_id": client_id, "handler": ["homeassistant", None], "redirect_uri": client_id}
            flow_id = (await self.post("/auth/login_flow", flow))["flow_id"]
            login = {"client_id": client_id, "username": USER, "password": PASSWORD}
            answered = await self.post(f"/auth/login_flow/{flow_id}", login)
            if "result" not in answered:
                raise InstanceError(f"the user {USER} cannot sign in with the password {PASSWORD}: was it changed?")
            code = answered["result"]
        form = {"grant_type": "authorization_code", "code": code, "client_id": client_id}
        async with self._session.post(f"{self.url}/auth/token", data=form) as answer:
            self._headers = {"Authorization": f"Bearer {(await _checked(answer))['access_token']}"}

    async def stay_signed_in(self, days: int) -> None:
        """Get a token that lasts for so long; that of `sign_in` is good for half an hour."""
        name = f"tests {secrets.token_hex(4)}"  # there may be one for each start
        token = await self.command("auth/long_lived_access_token", client_name=name, lifespan=days)
        self._headers = {"Authorization": f"Bearer {token}"}

    async def connect(self) -> None:
        """Open the WebSocket with the token of `sign_in`."""
        self._socket = await self._session.ws_connect(f"{self.url}/api/websocket", max_msg_size=0, heartbeat=None)
        await self._socket.receive_json()
        await self._socket.send_json({"type": "auth", "access_token": self._headers["Authorization"].split()[1]})
        if (answer := await self._socket.receive_json())["type"] != "auth_ok":
            raise InstanceError(f"Home Assistant refused the token: {answer}")
        self._reader = asyncio.create_task(self._read(self._socket))

    async def close(self) -> None:
        """Close everything; may be called at any time."""
        if self._reader is not None:
            self._reader.cancel()
        await self._session.close()

    async def get(self, path: str) -> Any:
        """Return what GET answers. Raises InstanceError with Home Assistant's own words."""
        async with self._session.get(self.url + path, headers=self._headers) as answer:
            return await _checked(answer)

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Return what POST answers. Raises InstanceError with Home Assistant's own words."""
        async with self._session.post(self.url + path, json=body, headers=self._headers) as answer:
            return await _checked(answer)

    async def command(self, name: str, **fields: Any) -> Any:
        """Send one WebSocket command and return its result. Raises InstanceError if it is refused."""
        return await self._command(name, fields)[1]

    async def act(self, domain: str, action: str, *, answers: bool = False, **data: Any) -> Any:
        """Do what a click on an action does, and return its answer, if it gives one."""
        done = await self.command(
            "call_service", domain=domain, service=action, service_data=data, return_response=answers
        )
        return done.get("response")

    async def ping(self) -> None:
        """Return when Home Assistant has done what was there to be done."""
        await self.command("ping")

    def _command(self, name: str, fields: Mapping[str, Any]) -> tuple[int, asyncio.Task[Any]]:
        self._number += 1
        return self._number, asyncio.create_task(self._ask(self._number, name, fields))

    async def _ask(self, number: int, name: str, fields: Mapping[str, Any]) -> Any:
        if self._socket is None:
            raise InstanceError("not connected")
        future = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "type": name, **fields})
        try:
            message = await asyncio.wait_for(future, ANSWER_SECONDS)
        except TimeoutError:
            # An answer that comes after all would end the reader: nobody waits for it any more.
            self._answers.pop(number, None)
            raise InstanceError(f"{name}: no answer in {ANSWER_SECONDS} s") from None
        if not message.get("success", True):
            raise InstanceError(f"{name}: {message['error']['message']}")
        return message.get("result")

    @asynccontextmanager
    async def subscribed(self, name: str, **fields: Any) -> AsyncGenerator[asyncio.Queue[Any]]:
        """Subscribe with a WebSocket command for as long as the context lasts; what comes goes into the queue."""
        queue: asyncio.Queue[Any] = asyncio.Queue()
        number, answer = self._command(name, fields)
        self._events[number] = queue
        await answer
        try:
            yield queue
        finally:
            del self._events[number]
            # Where Home Assistant has gone, so has the subscription.
            with suppress(aiohttp.ClientConnectionError):
                await self.command("unsubscribe_events", subscription=number)

    async def states(self) -> dict[str, Json]:
        """Return all states by entity id."""
        return {state["entity_id"]: state for state in await self.get("/api/states")}

    async def until(self, what: str, found: Callable[[dict[str, Json]], bool], seconds: float) -> dict[str, Json]:
        """Return the states as soon as `found` says yes to them. Raises InstanceError naming `what` after `seconds`."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not found(states := await self.states()):
            if loop.time() > end:
                raise InstanceError(f"not within {seconds:.0f} s: {what}")
            await asyncio.sleep(0.1)
        return states

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            received = message.json()
            for part in received if isinstance(received, list) else [received]:
                if part["type"] == "event" and (queue := self._events.get(part["id"])):
                    queue.put_nowait(part["event"])
                elif part["type"] in {"result", "pong"} and (future := self._answers.pop(part["id"], None)):
                    future.set_result(part)


async def _checked(answer: aiohttp.ClientResponse) -> Any:
    if not answer.ok:
        raise InstanceError(f"{answer.method} {answer.url.path}: {answer.status} {(await answer.text())[:500]}")
    return await answer.json()
