"""The journal on disks that are full, read-only or not there."""

import os
from typing import TYPE_CHECKING

import pytest

from p1meter.archive import FileError
from tests.disks import mounted, remount

from .journals import NOVEMBER, journal, line, names, write
from .telegrams import entries

if TYPE_CHECKING:
    from pathlib import Path

    from p1meter.archive import JournalFormat


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("journal_format", ["sml3", "raw", "csv"])
def test_a_full_disk_takes_nothing_that_was_written_and_goes_on_when_there_is_room(
    tmp_path: Path, journal_format: JournalFormat
) -> None:
    with mounted(tmp_path / "disk", "size=64k") as disk:
        one = journal(disk / "house", journal_format)
        one.open()
        ballast = disk / "ballast"
        ballast.write_bytes(b"x" * 20_000)
        written = 0
        error: FileError | None = None
        while error is None:
            try:
                written += one.append(entries(written, 7))
            except FileError as err:
                error = err
        assert error.kind == "disk_full"
        assert written > 50
        (name,) = names(disk / "house")
        text = (disk / "house" / name).read_bytes()
        assert text.endswith(b"\n")
        # Still full: the same again, and nothing changes.
        with pytest.raises(FileError):
            one.append(entries(written, 7))
        assert (disk / "house" / name).read_bytes() == text

        ballast.unlink()
        write(one, entries(written, 7))
        one.close()

        whole = journal(tmp_path / "whole", journal_format)
        write(whole, entries(0, written + 7))
        whole.close()
        assert (disk / "house" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_disk_that_is_full_from_the_start_is_said(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=8k") as disk:
        with pytest.raises(OSError):
            (disk / "ballast").write_bytes(b"x" * 20_000)
        one = journal(disk / "house")

        with pytest.raises(FileError) as caught:
            write(one, entries(0, 1))
        assert caught.value.kind == "disk_full"

        (disk / "ballast").unlink()
        write(one, entries(0, 1))
        one.close()
        assert names(disk / "house") == [NOVEMBER]


def test_a_disk_that_is_read_only_is_said(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=64k") as disk:
        remount(disk, "ro")
        one = journal(disk / "house")

        for attempt in (one.open, lambda: one.append(entries(0, 1))):
            with pytest.raises(FileError) as caught:
                attempt()
            assert caught.value.kind == "denied"
            assert str(caught.value) == f"{disk}/house: Read-only file system"


def test_a_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "house").write_text("")

    with pytest.raises(FileError) as caught:
        journal(tmp_path / "house").open()

    assert caught.value.kind == "failed"
    assert caught.value.detail == "File exists"


def test_a_file_that_cannot_even_be_cut_is_mended_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = journal(tmp_path)
    first, second = entries(0, 2)
    write(one, [first])
    real_write = os.write

    def half(descriptor: int, data: memoryview) -> int:
        real_write(descriptor, data[:10])
        raise OSError(5, "Input/output error")

    def fails(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", half)
        broken.setattr(os, "ftruncate", fails)
        with pytest.raises(FileError) as caught:
            one.append([second])
    assert caught.value.kind == "failed"

    write(one, [second])
    one.close()
    assert (tmp_path / NOVEMBER).read_text() == line(first) + line(second)
