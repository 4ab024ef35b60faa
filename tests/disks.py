"""Disks of their own for tests: as small as wanted, full, or read-only."""

from contextlib import contextmanager
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from . import needs

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@contextmanager
def mounted(folder: Path, *options: str) -> Generator[Path]:
    """A disk at a folder, which is made, with these options of tmpfs: `size=64k`."""
    if os.geteuid() != 0:
        pytest.skip(f"{needs.PREFIX}root, to mount a small disk")
    folder.mkdir(parents=True)
    _mount(folder, *options)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def remount(folder: Path, *options: str) -> None:
    """Change a disk that is mounted."""
    _mount(folder, "remount", *options)


def _mount(folder: Path, *options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "none", folder], check=True)
