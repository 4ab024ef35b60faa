"""What a person chose to be kept and shared, as types, from and to the options of the entry."""

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from .meter import Obis

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .archive import JournalFormat

# In the entry's options; each is absent where it is off.
CONF_JOURNAL: Final = "journal"
CONF_LATEST_FILE: Final = "latest_file"
CONF_MQTT: Final = "mqtt"
CONF_INFLUXDB: Final = "influxdb"
CONF_SERVER: Final = "server"
CONF_SELECTED: Final = "selected_objects"
"""The codes of the objects that go to journal and MQTT, a list; absent: all."""

type LatestMode = Literal["replace", "if_absent"]
type MqttLayout = Literal["topics", "json", "json_array", "smartmeter_reader", "dsmr_reader"]
type InfluxVersion = Literal["1", "2", "3"]
type FieldNames = Literal["p1meter", "smartmeter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSettings:
    """The monthly files.

    Attributes:
        folder: name of the folder under `p1meter/` in Home Assistant's configuration folder.
        format: of the lines; `raw` is the whole telegram, all others hold the selected objects.
        interval: seconds between two entries; 0: every telegram.
        keep_months: so many whole months are kept besides the running one; None: for ever.
        max_mb: when the files take more than so many megabytes the oldest goes; None: no limit.
    """

    folder: str
    format: JournalFormat = "sml3"
    interval: int = 60
    keep_months: int | None = None
    max_mb: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestFileSettings:
    """A file that holds the newest telegram, as it came.

    Attributes:
        path: absolute, in a folder that Home Assistant may write to.
        mode: whether it is replaced each time, or written when whoever reads it has taken it away.
        interval: seconds between two writings; 0: every telegram.
    """

    path: str
    mode: LatestMode = "replace"
    interval: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttSettings:
    """What is published at the broker of Home Assistant's MQTT integration.

    Attributes:
        layouts: how; several at once.
        prefix: of all topics but DSMR-reader's.
        interval: seconds between two publications; 0: every telegram.
        qos: 0, 1 or 2.
        retain: whether the broker keeps the last of each topic.
        keep_s: for so long is kept what cannot be sent because the broker is away.
    """

    layouts: tuple[MqttLayout, ...]
    prefix: str
    interval: int = 0
    qos: int = 0
    retain: bool = False
    keep_s: int = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluxSettings:
    """A database that gets every value with the meter's own time.

    Attributes:
        url: of the server, `http://influxdb.local:8086`.
        version: of its way of writing: 1 (`/write`), 2 (`/api/v2/write`), 3 (`/api/v3/write_lp`).
        database: of version 1 and 3; the bucket of version 2.
        user, password: of version 1; "" without.
        token: of versions 2 and 3; "" without.
        organisation: of version 2.
        verify_ssl: whether its certificate has to be right.
        names: how the fields are called: as p1meter calls them, or as the Belgian program smartmeter did.
        interval: seconds between two points; 0: every telegram.
        keep_s: for so long is kept what cannot be written because the server is away.
    """

    url: str
    version: InfluxVersion = "1"
    database: str
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    organisation: str = ""
    verify_ssl: bool = True
    names: FieldNames = "p1meter"
    interval: int = 10
    keep_s: int = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """A port at which others may read along.

    Attributes:
        host: the address it listens at.
        port: its number.
        max_clients: so many may read at the same time.
    """

    host: str = "127.0.0.1"
    port: int = 8088
    max_clients: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSettings:
    """Everything that is kept and shared; None: off.

    Attributes:
        selected: the objects that go to journal and MQTT; None: all.
    """

    journal: JournalSettings | None = None
    latest_file: LatestFileSettings | None = None
    mqtt: MqttSettings | None = None
    influxdb: InfluxSettings | None = None
    server: ServerSettings | None = None
    selected: frozenset[Obis] | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Read the options of a config entry; each sink is a mapping with its own names."""
        mqtt = options.get(CONF_MQTT)
        selected = options.get(CONF_SELECTED)
        return cls(
            journal=None if (one := options.get(CONF_JOURNAL)) is None else JournalSettings(**one),
            latest_file=None if (one := options.get(CONF_LATEST_FILE)) is None else LatestFileSettings(**one),
            mqtt=None if mqtt is None else MqttSettings(**{**mqtt, "layouts": tuple(mqtt["layouts"])}),
            influxdb=None if (one := options.get(CONF_INFLUXDB)) is None else InfluxSettings(**one),
            server=None if (one := options.get(CONF_SERVER)) is None else ServerSettings(**one),
            selected=None if selected is None else frozenset(map(Obis.parse, selected)),
        )


type AnySinkSettings = JournalSettings | LatestFileSettings | MqttSettings | InfluxSettings | ServerSettings


def to_options(settings: AnySinkSettings) -> dict[str, Any]:
    """Return what `SinkSettings.of` reads again: JSON, without what is as it is by default."""
    chosen = {one.name: getattr(settings, one.name) for one in fields(settings)}
    defaults = {one.name: one.default for one in fields(settings)}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in chosen.items()
        if value != defaults[name]
    }
