"""Files appear whole or not at all."""

import os
from typing import TYPE_CHECKING, Any

import pytest

from p1meter.archive import FileError, replacing

from .journals import names

if TYPE_CHECKING:
    from pathlib import Path

# --- files that appear whole ------------------------------------------------------------------------------------------


def test_a_file_is_replaced_only_by_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "latest"
    path.write_bytes(b"old")

    def breaks_off() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        breaks_off()

    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["latest"]


@pytest.mark.parametrize(
    ("path", "kind"), [("away/latest", "missing"), ("a file/latest", "failed"), ("folder", "failed")]
)
def test_who_cannot_have_a_file_reads_its_name(tmp_path: Path, path: str, kind: str) -> None:
    """And not that of the part of it that is written first."""
    (tmp_path / "a file").write_text("")
    (tmp_path / "folder" / "something").mkdir(parents=True)

    with pytest.raises(OSError) as caught, replacing(tmp_path / path) as file:
        file.write(b"new")

    err = FileError(caught.value, tmp_path)
    assert (err.kind, err.path) == (kind, str(tmp_path / path))
    assert names(tmp_path) == ["a file", "folder"]


def test_nothing_is_written_through_a_link_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / ".latest.part").symlink_to(tmp_path / "precious")

    with replacing(tmp_path / "latest") as file:
        file.write(b"new")

    assert (tmp_path / "latest").read_bytes() == b"new"
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_a_disk_that_cannot_sync_names_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_open = os.open

    def no_folders(path: Any, flags: int, *mode: Any) -> int:
        if flags & os.O_DIRECTORY:
            raise OSError(22, "Invalid argument")
        return real_open(path, flags, *mode)

    monkeypatch.setattr(os, "open", no_folders)
    with replacing(tmp_path / "latest") as file:
        file.write(b"new")

    assert (tmp_path / "latest").read_bytes() == b"new"
