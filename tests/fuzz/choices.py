"""The bytes that a fuzzer makes up, taken as choices: what is built of them is built again of the same bytes."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Choices:
    """Choices, one after the other; when the bytes are used up each is the first that there is."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def are_left(self) -> bool:
        """Whether there are bytes left to choose with."""
        return self._at < len(self._data)

    def below(self, limit: int) -> int:
        """A number from 0 to below `limit`, at most 65,536."""
        size = 1 if limit <= 0x100 else 2
        return int.from_bytes(self.take(size)) % limit

    def one_in(self, count: int) -> bool:
        """True once in `count` times."""
        return self.below(count) == count - 1

    def one_of[T](self, sequence: Sequence[T]) -> T:
        """One of these."""
        return sequence[self.below(len(sequence))]

    def take(self, count: int) -> bytes:
        """So many bytes as they are, or what is left."""
        taken = self._data[self._at : self._at + count]
        self._at += len(taken)
        return taken

    def some(self, most: int) -> bytes:
        """Some bytes as they are."""
        return self.take(self.below(most + 1))

    def text(self, characters: str, most: int) -> str:
        """A text of these characters."""
        return "".join(characters[byte % len(characters)] for byte in self.some(most))

    def cut(self, data: bytes) -> list[bytes]:
        """Some data in pieces: whole, of any size, or byte by byte."""
        how = self.below(32)
        if how < 16:
            return [data]
        pieces = []
        at = 0
        while at < len(data):
            size = 1 if how == 16 else 1 + self.below(700) if self.are_left else len(data)
            pieces.append(data[at : at + size])
            at += size
        return pieces
