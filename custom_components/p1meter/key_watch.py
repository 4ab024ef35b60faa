"""Does the key of a meter that encrypts still fit? Noise must not look like a wrong key.

Pure: no clock of its own, nothing of Home Assistant.
"""

from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from .meter import DecryptionKeys

# A key that never opened anything is wrong after so many frames in a row that it did not open.
_NEVER_WORKED: Final = 3
# One that has is wrong only after so many, over so long (s).
_HAS_WORKED: Final = 10
_HAS_WORKED_FOR: Final = 300.0
# The slowest meters send every 10 s: what did not open for so long (s) is not coming any more.
_STILL_COMING: Final = 60.0
# The person who closed the dialog is not asked again before (s).
_ASK_AGAIN: Final = 3600.0


class KeyRecord(NamedTuple):
    """What is remembered of a key over restarts.

    Attributes:
        of: which key it is about; nothing leads from it back to the key.
        worked: whether it ever opened a telegram.
        wrong: whether it does not fit any more.
    """

    of: str = ""
    worked: bool = False
    wrong: bool = False


class KeyWatch:
    """Watches what one key opens and what not."""

    def __init__(self, record: KeyRecord, keys: DecryptionKeys | None) -> None:
        """Begin with what is remembered, if it is of these keys; None: what comes is not encrypted, or was not."""
        name = _name_of(keys)
        self.record = record if record.of == name else KeyRecord(name)
        """What is to be remembered."""
        self.failures = 0
        """How many frames in a row it did not open."""
        self._since = self._last = 0.0
        self._asked: float | None = None

    def opened(self) -> bool:
        """A telegram was read; return whether that is to be remembered."""
        self.failures = 0
        if self.record.worked and not self.record.wrong:
            return False
        self.record = self.record._replace(worked=True, wrong=False)
        # Should it be wrong again, that is news.
        self._asked = None
        return True

    def failed(self, now: float) -> None:
        """A whole frame did not open; `now` in seconds of any clock that only goes forward."""
        if self.failures == 0:
            self._since = now
        self.failures += 1
        self._last = now
        lasting = self.failures >= _HAS_WORKED and now - self._since >= _HAS_WORKED_FOR
        if lasting or (self.failures >= _NEVER_WORKED and not self.record.worked):
            self.record = self.record._replace(wrong=True)

    def is_doubtful(self, now: float) -> bool:
        """Return whether frames are coming that do not open; whether that is the key's fault will be known."""
        return self.failures >= _NEVER_WORKED and now - self._last < _STILL_COMING

    def is_to_be_asked(self, now: float) -> bool:
        """Return whether the person is to be asked for the key now, and take it as done."""
        if not self.record.wrong or (self._asked is not None and now - self._asked < _ASK_AGAIN):
            return False
        self._asked = now
        return True


def _name_of(keys: DecryptionKeys | None) -> str:
    return "" if keys is None else sha256(keys.encryption + (keys.authentication or b"")).hexdigest()[:16]
