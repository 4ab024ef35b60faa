"""Files that appear whole or not at all."""

from contextlib import contextmanager, suppress
import os
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PART = ".part"
"""The end of the name of a file that is not whole yet; it begins with a dot."""


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write to, which takes the place of `path` when it is complete and on the disk.

    Until then, and when anything fails, what was at `path` stays. The other file is in the same folder.

    Raises:
        OSError: it cannot be written.
    """
    part = path.with_name(f".{path.name}{PART}")
    try:
        # What a power loss has left behind. And never through a link that somebody else has put here.
        part.unlink(missing_ok=True)
        with part.open("xb") as file:
            yield file
            file.flush()
            # Without it a file system may put the new name on the disk before what is in the file.
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException as err:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(err, OSError) and err.filename == str(part):
            # Nobody knows the other name.
            err.filename = str(path)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk."""
    # Some network file systems do not know this; they do without.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
