"""What is news in a telegram: a message from the grid company, a power failure.

Pure: no clock of its own, nothing of Home Assistant.
"""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from .memory import Memory, slot_id
from .meter.history import rows
from .roles import ELECTRICITY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .meter import Reading, Telegram

MESSAGE_KEYS: Final = ("message", "message_code", "message_2", "message_3", "message_4", "message_5")
"""The registers that hold a message of the grid company."""
FAILURE_KEYS: Final = ("last_power_failure", "power_failures")
"""The registers that tell of power failures: the log's newest, and how many there were."""

_ID: Final = "equipment_id"
_LOG, _COUNTER = FAILURE_KEYS
_WATCHED: Final = (_ID, *MESSAGE_KEYS, *FAILURE_KEYS)
_ID_SLOT, _LOG_SLOT, _COUNTER_SLOT = (slot_id(ELECTRICITY, key) for key in (_ID, _LOG, _COUNTER))


class NewsKind(StrEnum):
    """What happened."""

    MESSAGE = "message"
    POWER_FAILURE = "power_failure"


class News(NamedTuple):
    """One thing that happened.

    Attributes:
        kind: what.
        facts: of a message its `text`; of a power failure its `start` and `end`, aware, and its `duration` in seconds,
            as far as the meter tells.
    """

    kind: NewsKind
    facts: dict[str, str | int | datetime]


class NewsReader:
    """Reads the telegrams of one meter for what was not there before; what it read is kept in the memory.

    What is in the first telegram of a meter is not news, nor is what another meter has.
    """

    def __init__(self, memory: Memory) -> None:
        """Begin with what is known."""
        self._memory = memory
        self._told = memory.events
        self.looked_at: object = None
        """The statements of the telegram that was read last: `read` finds nothing new in the same ones."""

    def read(self, telegram: Telegram) -> list[News] | None:
        """Return what is new in the newest telegram, oldest first; None if there is nothing to remember either."""
        readings = telegram.readings
        if telegram.statements is self.looked_at:
            return None
        sent_id = _text(readings, _ID)
        if sent_id != "" and sent_id != (self._memory.ids.get(ELECTRICITY) or sent_id):
            return None
        self.looked_at = telegram.statements
        before = dict(self._told)
        self._told.update({slot_id(ELECTRICITY, key): _text(readings, key) for key in _WATCHED if key in readings})
        self._told[_ID_SLOT] = sent_id
        if self._told == before:
            return None
        known = before.get(_ID_SLOT) == sent_id
        return [*_messages(telegram, before), *_failures(telegram, before)] if known else []


def _messages(telegram: Telegram, before: Mapping[str, str]) -> Iterator[News]:
    for key in MESSAGE_KEYS:
        text = _text(telegram.readings, key)
        if text not in {"", before.get(slot_id(ELECTRICITY, key))}:
            yield News(NewsKind.MESSAGE, {"text": text})


def _failures(telegram: Telegram, before: Mapping[str, str]) -> Iterator[News]:
    logged, end = before.get(_LOG_SLOT), _text(telegram.readings, _LOG)
    if logged is not None and end not in {"", logged}:
        last = datetime.fromisoformat(logged) if logged else None
        for row in rows(telegram):
            if row.kind != "power_failure" or row.at is None or row.occurred is None or row.duration_s is None:
                continue
            if last is None or row.at > last:
                seconds = int(row.duration_s)
                yield News(NewsKind.POWER_FAILURE, {"start": row.occurred, "end": row.at, "duration": seconds})
        return
    # Short failures are counted, but not logged; a long one is both.
    counted, count = before.get(_COUNTER_SLOT), _text(telegram.readings, _COUNTER)
    if counted and count and int(count) > int(counted):
        yield News(NewsKind.POWER_FAILURE, {})


def _text(readings: Mapping[str, Reading], key: str) -> str:
    """Return a reading as it is remembered."""
    reading = readings.get(key)
    if reading is None or reading.value is None:
        return ""
    return reading.value.isoformat() if isinstance(reading.value, datetime) else str(reading.value)
