"""Why a file cannot be kept."""

import errno
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

type FileErrorKind = Literal["disk_full", "denied", "missing", "in_use", "failed"]

_KINDS: Final[Mapping[int, FileErrorKind]] = {
    errno.ENOSPC: "disk_full",
    errno.EDQUOT: "disk_full",
    errno.EACCES: "denied",
    errno.EPERM: "denied",
    errno.EROFS: "denied",
    errno.ENOENT: "missing",
    errno.EWOULDBLOCK: "in_use",
}


class FileError(Exception):
    """A file cannot be written, read or removed.

    Attributes:
        kind: `disk_full`, `denied` (also a disk that is read-only), `missing` (a folder), `in_use` (another program
            writes the same journal) or `failed`.
        path: which file or folder.
        detail: what the system says.
    """

    def __init__(self, error: OSError, path: Path) -> None:
        """Say what `error` means; `path` is what was dealt with, where the error does not say it."""
        self.kind: FileErrorKind = _KINDS.get(error.errno or 0, "failed")
        self.path = str(error.filename or path)
        self.detail = error.strerror or str(error)
        super().__init__(f"{self.path}: {self.detail}")
