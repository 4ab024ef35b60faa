"""Several files of the past at once, beside each other or in a zip archive; and archives that are meant to do harm."""

import gzip
from io import BytesIO
from typing import TYPE_CHECKING
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZipFile

import pytest

from p1meter.archive import FileError, HistoryError, collect, open_history
from p1meter.archive.past import files

from .pasts import told
from .telegrams import AMSTERDAM
from .test_formats import WITH_CODES, WITHOUT_CODES
from .test_import_foreign import DAY, DAYS, minute
from .test_import_lines import COLUMNS

if TYPE_CHECKING:
    from pathlib import Path

    from p1meter.archive import HistoryFile


def line(stamp: str, low: str) -> str:
    return f"00100;({stamp}S);10181;({low}*kWh)\n"


SEPTEMBER = line("150930220000", "000001.000") + line("150930230000", "000002.000")
OCTOBER = line("151001000000", "000003.000") + line("151001010000", "000004.500")
# 22 h in summer is 20 h UTC. (The total is worked out: it says the same.)
SAYS = [
    "2015-09-30 20:00:00 1.000",
    "2015-09-30 21:00:00 2.000",
    "2015-09-30 22:00:00 3.000",
    "2015-09-30 23:00:00 4.500",
]


def archive(members: dict[str, str | bytes], compression: int = ZIP_DEFLATED) -> bytes:
    made = BytesIO()
    with ZipFile(made, "w", compression) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return made.getvalue()


def opened(folder: Path, given: dict[str, str | bytes], *columns: str) -> HistoryFile:
    """Put files into a folder, and open them in this order."""
    for name, data in given.items():
        (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return open_history(*(folder / name for name in given), zone=AMSTERDAM, columns=columns)


def said(file: HistoryFile) -> list[str]:
    """Return what they say of the low tariff."""
    return [
        one.replace(" import_tariff_1", "").replace(" kWh", "")
        for one in told(file.values())
        if "import_tariff_1" in one
    ]


def problems(file: HistoryFile) -> list[tuple[str, int, str]]:
    return [(one.file, one.line, one.kind) for one in file.problems.kept]


def test_the_months_of_an_archive_are_one_history(tmp_path: Path) -> None:
    file = opened(
        tmp_path, {"logs.zip": archive({"logs/SML3Sep2015": SEPTEMBER, "logs/SML3Oct2015": OCTOBER, "logs/": ""})}
    )

    assert file.kind == "sml3"
    assert said(file) == SAYS
    assert problems(file) == []
    assert file.progress == 1


def test_so_are_files_beside_each_other_each_packed_as_it_likes(tmp_path: Path) -> None:
    days = DAYS + DAY.format("2015-10-02", "2015-10-02", "100.5", "2015-10-02")
    given: dict[str, str | bytes] = {
        "SML3Sep2015.gz": gzip.compress(SEPTEMBER.encode()),
        "logs.zip": archive({"SML3Oct2015": OCTOBER}),
        "days.csv": days,
    }
    file = opened(tmp_path, given)

    assert file.size == sum(len(data) for data in given.values())
    seen = [file.progress for _ in file.values()]
    assert seen == sorted(seen)
    history = collect(file.values(), problems=file.problems)
    assert [str(row.state) for row in history.series["import_tariff_1"].rows][:4] == [
        "1.000",
        "2.000",
        "3.000",
        "4.500",
    ]
    assert len(history.series["import_tariff_1"].rows) == 5


def test_what_is_wrong_is_told_with_the_file_it_is_in(tmp_path: Path) -> None:
    falling = line("151001020000", "000001.000") + line("151001030000", "000005.000")
    file = opened(
        tmp_path, {"logs.zip": archive({"a": SEPTEMBER + "x\n", "readme.txt": "hello", "b": OCTOBER + falling})}
    )

    collect(file.values(), problems=file.problems)

    # The reading that falls is noticed in the end, when all hours are there.
    assert problems(file) == [
        ("readme.txt", 0, "unknown_file"),
        ("a", 3, "damaged"),
        ("b", 3, "wrong_value"),
    ]
    assert file.problems.kept[0].detail == "readme.txt"


def test_beside_the_rows_of_p1_monitor_nobody_misses_its_settings(tmp_path: Path) -> None:
    rows = minute("2026-11-21 12:34:00", "101.5")
    file = opened(tmp_path, {"export.zip": archive({"history": rows, "config": "update config set x"})})

    assert (file.kind, problems(file)) == ("p1_monitor", [])
    assert said(file) == ["2026-11-21 11:35:00 101.5"]


def test_which_of_several_has_lines_without_codes(tmp_path: Path) -> None:
    given: dict[str, str | bytes] = {"a": WITH_CODES, "b": WITHOUT_CODES}
    with pytest.raises(HistoryError) as raised:
        opened(tmp_path, given)
    assert (raised.value.kind, raised.value.file, raised.value.detail) == ("columns_needed", "b", WITHOUT_CODES)

    assert said(opened(tmp_path, given, *COLUMNS)) == ["2015-09-17 09:23:14 2078.645"]


def test_a_first_line_that_was_wrapped_is_shown_as_a_whole(tmp_path: Path) -> None:
    wrapped = WITHOUT_CODES.replace(";(02.073", ";\n(02.073").replace(";(1509", ";\r\n(1509")
    for end in ("", f"\n{WITHOUT_CODES}\n"):
        with pytest.raises(HistoryError) as raised:
            opened(tmp_path, {"a": wrapped + end})
        assert raised.value.detail == WITHOUT_CODES
    # Nothing comes after it.
    with pytest.raises(HistoryError) as raised:
        opened(tmp_path, {"a": "(150917112314S);(002078.645*kWh);"})
    assert raised.value.detail == "(150917112314S);(002078.645*kWh);"


def test_which_of_several_is_not_whole(tmp_path: Path) -> None:
    cut = gzip.compress(OCTOBER.encode())[:-12]
    with pytest.raises(HistoryError) as raised:
        opened(tmp_path, {"a": SEPTEMBER, "b.gz": cut})
    assert (raised.value.kind, raised.value.file) == ("not_whole", "b.gz")
    with pytest.raises(FileError) as missing:
        open_history(tmp_path / "a", tmp_path / "none", zone=AMSTERDAM)
    assert missing.value.path == str(tmp_path / "none")


def test_reading_can_be_stopped(tmp_path: Path) -> None:
    file = opened(tmp_path, {"a": SEPTEMBER, "b": OCTOBER})
    values = file.values()
    next(values)

    file.stop()

    with pytest.raises(HistoryError, match="stopped"):
        list(values)


# --- what is meant to do harm -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["/etc/passwd", "../../up", "C:\\up", "\x1b[31m"])
def test_a_name_is_never_a_path(tmp_path: Path, name: str) -> None:
    before = set(tmp_path.parent.rglob("*"))
    file = opened(tmp_path, {"a.zip": archive({name: SEPTEMBER + "x\n"})})

    assert said(file) == SAYS[:2]
    assert file.problems.kept[0].file.endswith(name[-4:])
    assert set(tmp_path.parent.rglob("*")) - before == {tmp_path / "a.zip"}


@pytest.mark.parametrize("packed", ["gzip", "zip"])
def test_a_bomb_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: str) -> None:
    monkeypatch.setattr(files, "_FREE", 0)
    # A thousand to one; what a meter says packs ten to one.
    bomb = SEPTEMBER.encode() + bytes(4_000_000)
    data = gzip.compress(bomb) if packed == "gzip" else archive({"a": SEPTEMBER, "b": bomb})
    file = opened(tmp_path, {"file": data})

    with pytest.raises(HistoryError) as raised:
        list(file.values())

    assert raised.value.kind == "too_large"
    assert raised.value.file == ("" if packed == "gzip" else "b")


def test_an_archive_of_more_files_than_anybody_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = archive({f"{number:03}": "" for number in range(50)})
    with pytest.raises(HistoryError, match="unknown_format"):
        opened(tmp_path, {"a.zip": made})
    # Each takes 46 bytes and its name in the list at the end.
    monkeypatch.setattr(files, "_LARGEST_LIST", 50 * 49 - 1)
    with pytest.raises(HistoryError, match="too_large"):
        opened(tmp_path, {"a.zip": made})
    # The list may be told of in another way, too: then there are more than 65,535 of them, or four gigabytes.
    monkeypatch.undo()
    end = made.rindex(b"PK\5\6")
    with pytest.raises(HistoryError, match="too_large"):
        opened(tmp_path, {"a.zip": made[:end] + b"PK\6\7" + bytes(16) + made[end:]})


def test_ways_of_packing_that_nobody_has_used_for_this(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="unknown_format"):
        opened(tmp_path, {"a.zip": archive({"a": SEPTEMBER}, ZIP_BZIP2)})
    made = bytearray(archive({"a": SEPTEMBER}))
    # The version that is needed to unpack it, in the list at the end.
    made[made.index(b"PK\1\2") + 6] = 99
    with pytest.raises(HistoryError, match="not_whole"):
        opened(tmp_path, {"a.zip": bytes(made)})
