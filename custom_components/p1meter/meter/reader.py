"""Bytes in, telegrams out: the only door of this room."""

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from .frames import Frame, FrameFinder, ReceivedAt, Rejected
from .telegram import Decoder, Telegram

if TYPE_CHECKING:
    from datetime import tzinfo

    from .cipher import DecryptionKeys

_AMSTERDAM = ZoneInfo("Europe/Amsterdam")


class Reader:
    """Turns a stream of bytes, cut anywhere and with noise anywhere, into telegrams."""

    def __init__(
        self, keys: DecryptionKeys | None = None, *, zone: tzinfo = _AMSTERDAM, country: str | None = None
    ) -> None:
        """Read one meter.

        Args:
            keys: What opens its telegrams, where it encrypts them.
            zone: Where times are local that come without an offset.
            country: The ISO 3166 code (`NL`) that decides where a telegram fits several countries.
        """
        self._decoder = Decoder(zone=zone, country=country)
        self._finder = FrameFinder(keys, self._decoder.knows)
        self._at: ReceivedAt | None = None

    def feed(self, data: bytes, at: ReceivedAt | None = None) -> list[Telegram | Rejected]:
        """Take what was received at `at`; return, in order, the telegrams that became whole and what was refused."""
        self._at = at
        if data.endswith(b"\n"):
            whole = self._finder.since(data)
            telegram = self._decoder.again(whole, at)
            if telegram is not None:
                if whole is not data:
                    self._finder.start_anew()
                return [telegram]
        return self._decode(self._finder.feed(data))

    def close(self) -> list[Telegram | Rejected]:
        """End the input, or note that it fell silent: what is left is no telegram but `timeout`. `feed` may follow."""
        return self._decode(self._finder.close())

    def _decode(self, items: list[Frame | Rejected]) -> list[Telegram | Rejected]:
        return [item if isinstance(item, Rejected) else self._decoder.decode(item, self._at) for item in items]
