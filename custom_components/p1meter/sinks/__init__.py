"""Where telegrams go to be kept or shared: the journal, files, MQTT, InfluxDB, a TCP port."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ..meter.values import captured

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from ..archive import FileError
    from ..archive.errors import FileErrorKind
    from ..meter import Reading, Telegram


@dataclass(frozen=True, slots=True)
class Delivery:
    """One accepted telegram of our own meter, with what of it is believed.

    Attributes:
        telegram: as it came; whole, also what is not believed.
        readings: what is believed, by the name that the world knows it by: the register's key for the electricity
            meter (`power`, `import_tariff_1`), the role for what a meter on the M-Bus measures (`gas`, `gas_2`,
            `water`), `<role>_<key>` for what else it sends, the code as sent for what p1meter has no register for,
            `own_<id>` for a register that the person has defined.
        received: when it came in, aware, UTC.
    """

    telegram: Telegram
    readings: Mapping[str, Reading]
    received: datetime

    @property
    def time(self) -> datetime:
        """The meter's own time, aware; the time of reception where it sends none, or its clock was never set."""
        return captured(self.telegram.time) or self.received


@dataclass(slots=True)
class SinkStatus:
    """How a sink is doing.

    Attributes:
        taken: telegrams that it was given and that its interval and selection left.
        sent: of these, how many have arrived where they belong.
        dropped: how many were lost because the other side was away for longer than the sink remembers.
        waiting: how many are kept until they can be sent.
        error: key of the sentence that says what is wrong now; None: nothing.
    """

    taken: int = 0
    sent: int = 0
    dropped: int = 0
    waiting: int = 0
    error: str | None = None
    facts: dict[str, str] = field(default_factory=dict)
    """What goes into that sentence, beside `name`."""

    def cannot_write(self, sink: str, err: FileError, told: Collection[FileErrorKind]) -> bool:
        """Say that a file cannot be written; return whether that is news.

        Args:
            sink: begins the keys of the sentences.
            err: why.
            told: what a person can do something about; all else is `failed`, with what the system says.
        """
        before = self.error
        self.error = f"{sink}_{err.kind if err.kind in told else 'failed'}"
        self.facts = {"path": err.path, "error": err.detail}
        return self.error != before


class Sink(Protocol):
    """One place where telegrams go. It never slows the meter: what takes time happens in a task of its own."""

    status: SinkStatus

    def take(self, delivery: Delivery) -> None:
        """Take the next telegram, in order; called in the event loop, returns at once and does not fail."""

    async def async_start(self) -> None:
        """Begin; what is away now is tried again by itself, so this does not fail either."""

    async def async_stop(self) -> None:
        """Send what can be sent within five seconds, and let everything go: tasks, files, sockets."""
