"""The mutants of scripts/mutants: drawn by seed, each in a copy of the project, each against the tests of its room."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
import difflib
from itertools import chain, islice, repeat
import os
from pathlib import Path
from queue import SimpleQueue
import random
import re
import shutil
import subprocess
import sys
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from cosmic_ray.ast import ast_nodes, get_ast  # type: ignore[import-not-found]  # it has an environment of its own
from cosmic_ray.mutating import mutate_code  # type: ignore[import-not-found]  # the same
from cosmic_ray.plugins import get_operator, operator_names  # type: ignore[import-not-found]  # the same

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = Path("custom_components/p1meter")
# What is broken, and whose tests have to notice.
ROOMS: Final = {
    "frames and checksum": (("meter/frames.py", "meter/checksum.py", "meter/verdict.py"), Path("tests/meter")),
    "telegram": (("meter/telegram.py", "meter/form.py", "meter/lines.py", "meter/values.py"), Path("tests/meter")),
    "law": (
        tuple(f"loads/{name}.py" for name in ("fuse", "law", "orders", "surplus", "unit", "window")),
        Path("tests/loads"),
    ),
}
# Mistakes that people make. Others of cosmic-ray's change annotations, which nothing reads, or do not even run.
OPERATORS: Final = re.compile(
    r"core/(AddNot|NumberReplacer|ReplaceAndWithOr|ReplaceOrWithAnd|ReplaceBreakWithContinue|ReplaceContinueWithBreak"
    r"|ReplaceTrueWithFalse|ReplaceFalseWithTrue|ZeroIterationForLoop|ExceptionReplacer"
    r"|ReplaceComparisonOperator_((Lt|LtE|Gt|GtE|Eq|NotEq)_(Lt|LtE|Gt|GtE|Eq|NotEq)|Is_IsNot|IsNot_Is)"
    r"|ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|FloorDiv_Mul|Mod_Add)"
    r"|ReplaceUnaryOperator_(Delete_Not|Delete_USub))"
)
# What only a type checker runs, and how much is remembered: no change of these can be seen.
UNSEEN: Final = re.compile(r"if TYPE_CHECKING:|lru_cache\(maxsize=")
# What only says how something is called, and that two are always as many.
PROMISES: Final = (("*,", "/,"), ("strict=True", "strict=False"))
# Other changes that cannot be seen from outside: the file and its line as it becomes, and why.
SAME: Final[dict[tuple[str, str], str]] = {
    ("meter/form.py", "_MOST_FORMS = 5"): "it says how much is remembered",
    ("meter/frames.py", "self._size = 1"): "where a frame begins it is told how long that is",
    ("meter/frames.py", "self._searched = -1"): "a search that begins before the first byte begins with it",
    ("meter/frames.py", "_LONGEST_END = 12"): "a byte more than is needed is searched again",
    ("meter/frames.py", "_LONGEST_UNFINISHED_HEADER = 15"): "a byte more than is needed is searched again",
    (
        "meter/frames.py",
        "if self._restart(_PLAIN_START_WITHIN, again if again > -1 else min(size, len(buffer)), only_first=True):",
    ): "the ident itself stands at 0, and is not looked for there",
    (
        "meter/frames.py",
        "if block_end := _BLOCK_END_IN_TEXT.search(buffer, max( -1, self._searched - _REACH), until):",
    ): "what is searched from before the first byte is searched from there",
    (
        "meter/frames.py",
        "if not following.startswith(ETX) and not BLOCK_START.search(buffer, -1, size):",
    ): "what is searched from before the first byte is searched from there",
    ("meter/frames.py", "until = limit if mark <= 0 else mark + 1"): "the first byte is the ident's slash",
    (
        "meter/frames.py",
        "self._searched = max(self._searched, limit - 2)",
    ): "a byte more than is needed is searched again",
    ("meter/frames.py", "return cut > 1"): "no start stands one byte behind another",
    ("meter/frames.py", "return cut != 0"): "it is never less than nothing",
    ("meter/verdict.py", "_SLASHES_IN_IDENT = 3"): "no meter's ident has so many",
    ("meter/verdict.py", "continue"): "what was found once is found at every turn",
    (
        "meter/verdict.py",
        "if slash < -1 or not _BETWEEN_SLASHES.fullmatch(before, slash):",
    ): "where there is no slash, nothing stands between two",
    (
        "meter/telegram.py",
        "if len(readings) < len(form.blank) or (anew and not all(readings.values())):",
    ): "what is more than before was computed, as it would be from the beginning",
    (
        "meter/telegram.py",
        "if len(number) >= MAX_COUNT_DIGITS:",
    ): "what is not read at once is read one by one",
    ("meter/telegram.py", "return rank <= other_rank"): "that they are not the same was looked at before",
    ("meter/form.py", "or len(set(parts)) < len(parts)"): "a set is never the longer one",
    ("meter/form.py", "if len(line.groups) <= 1 and key not in CHECKED:"): "there is always one",
    (
        "meter/form.py",
        "[(index, field.item) for index, field in enumerate(fields) if field.kind >= UNKNOWN],",
    ): "of the kinds it is the last by its letters",
    (
        "meter/telegram.py",
        "if digits or not are_unsigned(digits):",
    ): "what is not read at once is read one by one",
    (
        "meter/values.py",
        'return "".join(sent).replace(".", "").isdecimal() and max(map(len, sent)) == _MOST_DIGITS',
    ): "what is not read at once is read one by one",
    (
        "meter/lines.py",
        "alone = [(place, item) for place, item in fields if givers[item.key] < 1 and item.name not in MOVABLE]",
    ): "what is not read at once is read one by one",
    (
        "meter/lines.py",
        "found = code(head) if len(head) > _LONGEST_CODE else None",
    ): "what is not taken apart at once is taken apart step by step",
    (
        "meter/lines.py",
        "found = code(head) if len(head) >= _LONGEST_CODE else None",
    ): "what is not taken apart at once is taken apart step by step",
    (
        "meter/lines.py",
        "alone = [(place, item) for place, item in fields if givers[item.key] == 0 and item.name not in MOVABLE]",
    ): "what is not read at once is read one by one",
    (
        "meter/lines.py",
        'or data.count(")(") < opened - lines',
    ): "there are never more: before a line's first bracket stands a code",
    (
        "meter/lines.py",
        'or text.count(f"){line_ends}") < lines',
    ): "there are never more: what is before has counted the others",
    (
        "meter/lines.py",
        'return groups if body.count("(") > body.count(")") == len(groups) - 1 else ()',
    ): "what is not split at once is split step by step",
    (
        "meter/lines.py",
        'return groups if body.count("(") == body.count(")") <= len(groups) - 1 else ()',
    ): "there are never fewer: where groups meet stands one of both",
    (
        "meter/lines.py",
        'return groups if body.count("(") <= body.count(")") == len(groups) - 1 else ()',
    ): "there are never fewer: where groups meet stands one of both",
    (
        "loads/fuse.py",
        "self.shed_at_a = -1.0",
    ): "it is looked at only after something was shed",
    (
        "loads/fuse.py",
        "return -current if (export_w or -1.0) > (import_w or 0.0) else current",
    ): "what is imported is never less than nothing",
    ("loads/law.py", "powers[n] = 1.0"): "a watt decides nothing",
    ("loads/law.py", "left_w = here.surplus_w or -1.0"): "a watt decides nothing",
    ("loads/surplus.py", "if left_w <= 1:"): "a watt decides nothing",
    (
        "loads/surplus.py",
        "self._gains = [ 1.0] * len(self._sets)",
    ): "it is looked at only after it was computed",
    ("loads/surplus.py", "self._at_rest = True"): "the loads are told before the first telegram",
    (
        "loads/law.py",
        "unit.account.step(wall, dt, active=False, sun_w=0.0, grid_w= -1.0)",
    ): "of what draws nothing only the time is looked at",
    (
        "loads/orders.py",
        "if on is unit.told or not unit.agreed:",
    ): "what is as before, or late, is so at the next telegram as well",
    (
        "loads/orders.py",
        "counted = unit.on if unit.differs_since >= inf else unit.actual",
    ): "nothing is later than never",
    ("loads/unit.py", "self.fuse_current_a = -1.0"): "it is looked at only after something was shed",
    ("loads/unit.py", "self._told_at = inf"): "it is looked at only after something was told",
    ("loads/unit.py", "returns = self.differs_since < inf"): "nothing is later than never",
    (
        "loads/window.py",
        "self._fit = -1.0",
    ): "with the first telegram a window begins, and this with it",
    (
        "loads/window.py",
        'if kept and kept["number"] == number and kept["length"] >= length and register is not None:',
    ): "windows of another length have numbers that are far away",
    (
        "loads/window.py",
        "if self._whole is None and self._fit and taken > _TELLING_WH:",
    ): "a watt decides nothing",
    ("loads/window.py", "elif site.peak_count != 1:"): "it is never less than one",
    (
        "loads/window.py",
        "if number == self.number and length >= self._length:",
    ): "windows of another length have numbers that are far away",
    (
        "loads/window.py",
        "if self.number is not None and number == self.number + 1 and length >= self._length and 0 < gap < length:",
    ): "windows of another length have numbers that are far away",
    ("loads/surplus.py", "continue"): "where nothing is left for a load, nothing is left for those after it",
    ("loads/surplus.py", "if left_w < 0:"): "of nothing nothing is added",
    ("loads/surplus.py", "if left_w <= -1:"): "a watt decides nothing",
    ("loads/window.py", "self.energy_wh = 1.0"): "with the first telegram a window begins, and this with it",
    ("loads/window.py", "self.energy_wh = -1.0"): "with the first telegram a window begins, and this with it",
    ("loads/window.py", "self._fit = 1.0"): "with the first telegram a window begins, and this with it",
    ("loads/window.py", "_MOST_W: Final = 100001.0"): "a watt decides nothing",
    ("loads/window.py", "_MOST_W: Final = 99999.0"): "a watt decides nothing",
    ("loads/unit.py", "self._repeats = -1"): "it is looked at only after something was told",
    (
        "meter/telegram.py",
        "if len(readings) > len(form.blank) or (anew and not all(readings.values())):",
    ): "there are never fewer: what was read stays until all is read from the beginning",
    ("meter/verdict.py", "@dataclass(frozen=True, slots=False)"): "it says how it is kept",
    (
        "meter/lines.py",
        'if found is not None and rest[- 2:] == ")":',
    ): "what is not taken apart at once is taken apart step by step",
    (
        "meter/lines.py",
        'if found is not None and rest[- 0:] == ")":',
    ): "what is not taken apart at once is taken apart step by step",
    (
        "meter/lines.py",
        'if found is not None and rest[1:] == ")":',
    ): "what is not taken apart at once is taken apart step by step",
    (
        "meter/lines.py",
        "alone = [(place, item) for place, item in fields if givers[item.key] <= 1 and item.name not in MOVABLE]",
    ): "each is given at least once: by itself",
    ("meter/frames.py", "self._searched = mark + 1"): "a byte more than is needed is searched again",
    (
        "meter/frames.py",
        "self._searched = mark + 3",
    ): "where a line of an end is none, no other begins within its first two bytes",
    ("meter/frames.py", "if len(self._gap) >= _GARBAGE_LIMIT:"): "it is never longer",
    (
        "meter/form.py",
        "if kind <= READING and (reads := reader_of_text(item, key, self._known.profile)) is not None:",
    ): "a count is read as a count either way",
    ("loads/window.py", "self.began = True"): "with the first telegram a window begins, and this with it",
    (
        "loads/window.py",
        "return self.remaining_s >= least_s or power_w * self._length / _HOUR_S < self._budget_wh",
    ): "a watt decides nothing",
    ("loads/window.py", "power_w = max( 1.0, self.mean_w + more_w + self._site.reserve_w)"): "a watt decides nothing",
    (
        "loads/window.py",
        "if self.energy_wh + power_w * self.remaining_s / _HOUR_S >= self._budget_wh or not self._surge.bears(more_w):",
    ): "a watt decides nothing",
    (
        "loads/window.py",
        "wait_s = max( -1.0, over * _HOUR_S / added, self._surge.wait_s(more_w - less_w))",
    ): "a surge is never awaited for less than nothing",
    (
        "loads/law.py",
        'weight = 1.0 if here.site.priority <= "fair" else 2.0 ** (count - 1 - n)',
    ): "of the two it is the first by its letters",
    (
        "loads/law.py",
        "if now <= here.next_start or any(here.barrier(unit) is not None for unit in started):",
    ): "what was started has not settled then",
    ("loads/law.py", "if (here.surplus_w or 1.0) > -_LOST * learner.power_w:"): "a watt decides nothing",
    ("loads/unit.py", "self.agreed = False"): "the first state that is known it agrees with",
    (
        "loads/unit.py",
        '"changed_at": None if self.changed_at <= -inf else self.changed_at + past,',
    ): "nothing is earlier than never",
    ("loads/surplus.py", "if self._gains[n] > 1:"): "a watt decides nothing",
    ("loads/fuse.py", "elif current < -1:"): "what is over the fuse is more than an ampere",
    ("loads/fuse.py", "elif current < 1:"): "what is over the fuse is more than an ampere",
    ("loads/fuse.py", "elif current <= 0:"): "what is over the fuse is more than an ampere",
    ("meter/form.py", "_MOST_FORMS = 3"): "it says how much is remembered",
    ("meter/form.py", "self._known = (form, *self._known[: _MOST_FORMS + 1])"): "it says how much is remembered",
    ("meter/form.py", "self._known = (form, *self._known[: _MOST_FORMS - 2])"): "it says how much is remembered",
    (
        "meter/form.py",
        "return item.name in _DECIDING or (item.part <= _DEVICE_TYPE and item.channel is not None and bool(self.meters))",  # noqa: E501 (a line of the code as it becomes)
    ): "of what a meter on the M-Bus sends it is the first by its letters",
    (
        "meter/form.py",
        "if field.kind >= TOGETHER and field.key and field.item.channel is None",
    ): "what is behind it by its letters has no key",
    (
        "meter/form.py",
        "if field.kind == TOGETHER or field.key and field.item.channel is None",
    ): "what was read by itself is read once more, to the same",
    (
        "meter/frames.py",
        "for start in deque(_PLAIN_START_WITHIN.finditer(buffer, 2, end.start()), maxlen=1):",
    ): "no start stands one byte behind another",
    (
        "meter/frames.py",
        "for start in deque(_PLAIN_START_WITHIN.finditer(buffer, 1, end.start()), maxlen= 2):",
    ): "what has another start within it has not the right checksum",
    ("meter/frames.py", "if again > -1:"): "it is behind the line of identification, or nowhere",
    ("meter/frames.py", "if done > -1:"): "where nothing is done with, the first byte was searched",
    ("meter/frames.py", "self._size = -1"): "where a frame begins it is told how long that is",
    (
        "meter/frames.py",
        'elif b" " <= following[: 2] <= b"~" or len(following) == _LONGEST_HEAD_PART or self._closing:',
    ): "no line of a telegram begins with the last of these",
    (
        "meter/frames.py",
        'elif b" " <= following[:1] < b"~" or len(following) == _LONGEST_HEAD_PART or self._closing:',
    ): "no line of a telegram begins with the last of these",
    ("meter/frames.py", "is_etx = end[0] <= ETX"): "of the two ends it is the first by its bytes",
    ("meter/telegram.py", "number = sent[place][:- 0]"): "what is not read at once is read one by one",
    ("meter/telegram.py", "if len(number) != MAX_COUNT_DIGITS:"): "what is not read at once is read one by one",
    (
        "meter/telegram.py",
        "if form.ident >= self._ident and not self._ever_sent <= form.sent:",
    ): "what is not taken up is read from the beginning",
    ("meter/telegram.py", "self._how = (True, False)"): "it is looked at only where a form is known",
    (
        "meter/lines.py",
        'or text.count(")") > opened',
    ): "there are never fewer: each that is followed by one that opens, or by the line's end, was counted",
    (
        "meter/lines.py",
        "found = code(head) if len(head) != _LONGEST_CODE else None",
    ): "what is not taken apart at once is taken apart step by step",
    (
        "meter/verdict.py",
        "if raw[0] >= _SLASH_WITH_PARITY:",
    ): "it begins with one of two bytes, and this is the higher one",
    (
        "meter/verdict.py",
        "@dataclass(frozen=False, slots=True)",
    ): "who is handed it does not change it: a type checker says so",
    ("meter/values.py", 'return self._seasonal(naive, summer=day["season"] >= "1")'): "it is 0 or 1",
    ("meter/values.py", '"temperature": {"°C": Decimal( 2)},'): "it is the only unit of its quantity",
    (
        "meter/frames.py",
        "until = limit if mark < 0 else mark + 2",
    ): "no end of a block ends with the first byte of a line",
    ("meter/form.py", "_MOST_IDENTS = 31"): "it says how much is remembered",
    ("meter/form.py", "_MOST_IDENTS = 33"): "it says how much is remembered",
    ("meter/verdict.py", "for last_slash in deque(LAST_SLASH.finditer(raw), maxlen= 2):"): "what is whole has no other",
    (
        "meter/values.py",
        'return self._seasonal(_naive(found["seasonal"]), summer=found["season"] >= "1")',
    ): "it is 0 or 1",
    ("meter/values.py", 'if len(sent) == 13 and sent[ 11] in "SW":'): "what is not remembered is read anew",
    (
        "meter/frames.py",
        "if not self._closing and (begun := _UNFINISHED_WITHIN.search(buffer, 0)) and begun.start() < size:",
    ): "at the first byte stands a tag",
    (
        "loads/unit.py",
        '"fuse_until": None if self.fuse_until <= now else self.fuse_until + past,',
    ): "what ends now is over",
    (
        "loads/unit.py",
        '"window_until": None if self.window_until <= now else self.window_until + past,',
    ): "what ends now is over",
    (
        "loads/unit.py",
        '"idle_until": None if self.idle_until <= now else self.idle_until + past,',
    ): "what ends now is over",
    (
        "meter/lines.py",
        "found = code(head) if not len(head) <= _LONGEST_CODE else None",
    ): "what is not taken apart at once is taken apart step by step",
    (
        "meter/values.py",
        'minute = _minute(sent[: 11], winter_offset + (sent[12] == "S"))',
    ): "its seconds are put in afterwards",
    (
        "meter/verdict.py",
        'text = raw.translate(_STRIP_BIT_7) if raw[:1] >= b"\\xaf" else raw',
    ): "it begins with one of two bytes, and this is the higher one",
    ("meter/frames.py", "if done >= 0:"): "where nothing is done with, the first byte was searched",
    ("meter/frames.py", "if again >= 0:"): "it is behind the line of identification, or nowhere",
    (
        "meter/frames.py",
        "if self._restart(_PLAIN_START_WITHIN, again if again >= 0 else min(size, len(buffer)), only_first=True):",
    ): "it is behind the line of identification, or nowhere",
    ("meter/values.py", 'if len(sent) > 13 and sent[12] in "SW":'): "what is not remembered is read anew",
    (
        "loads/law.py",
        "self._arrange_sets(current, -1 if self._arranged is None else self._arranged[2])",
    ): "it was arranged when the telegram was taken",
    ("loads/fuse.py", "break"): "who is on an unknown phase frees none",
}
TOO_LONG_S: Final = 900


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: whose tests have to notice, the file, and all of its code before and after."""

    room: str
    path: Path
    before: str
    after: str

    def lines(self) -> tuple[str, str]:
        """Return what was there and what is there instead."""
        changed = list(difflib.ndiff(self.before.splitlines(), self.after.splitlines()))
        gone, new = (" ".join(line[2:].strip() for line in changed if line[:2] == sign) for sign in ("- ", "+ "))
        return gone, new

    def known(self) -> str | None:
        """Return why this change cannot be seen, if that is known."""
        return SAME.get((str(self.path.relative_to(PACKAGE)), self.lines()[1]))


def all_of(room: str, project: Path, seed: int) -> Iterator[Mutant]:
    """Yield every mutant of a room that Python can run, in the order of the seed.

    Each has its own place in that order: a line that is written anew leaves the mutants of all others where they are.
    """
    operators = sorted(name for name in operator_names() if OPERATORS.fullmatch(name))
    places = []
    for name in ROOMS[room][0]:
        code = (project / PACKAGE / name).read_text("utf-8")
        lines = [line.strip() for line in code.splitlines()]
        nodes = list(ast_nodes(get_ast(code)))
        for operator in operators:
            positions = chain.from_iterable(map(get_operator(operator)().mutation_positions, nodes))
            alike: Counter[str] = Counter()
            for occurrence, (start, _) in enumerate(positions):
                line = lines[start[0] - 1]
                alike[line] += 1
                order = random.Random(f"{seed} {name} {operator} {line} {alike[line]}").random()  # noqa: S311 (nothing secret)
                places.append((order, PACKAGE / name, operator, occurrence))
    for _, path, operator, occurrence in sorted(places):
        before = (project / path).read_text("utf-8")
        after = str(mutate_code(before, get_operator(operator)(), occurrence))
        try:
            compile(after, path, "exec")
        except SyntaxError:
            continue
        mutant = Mutant(room, path, before, after)
        gone, new = mutant.lines()
        if not UNSEEN.search(gone) and all(gone.replace(*promise) != new for promise in PROMISES):
            yield mutant


def drawn(count: int, seed: int, project: Path) -> list[Mutant]:
    """Draw so many mutants, as many of each room."""
    share = -(-count // len(ROOMS))
    rooms = [list(islice(all_of(room, project, seed), share)) for room in ROOMS]
    return list(chain.from_iterable(zip(*rooms, strict=True)))[:count]


def passes(tests: Path, project: Path) -> bool:
    """Return whether these tests pass in this copy of the project."""
    try:
        done = subprocess.run(
            [
                *(ROOT / ".venv/bin/python", "-m", "pytest", "-x", "-q", "-p", "no:homeassistant"),
                *("-p", "no:cacheprovider", "--basetemp", project / f"basetemp-{tests.name}", tests),
            ],
            cwd=project,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TOO_LONG_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def copied(whole: Path, into: Path) -> Path:
    """Copy what the tests need."""
    for name in ("custom_components", "tests", "scripts"):
        shutil.copytree(whole / name, into / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(whole / "pyproject.toml", into)
    return into


def main() -> None:
    """Try them, and say of each how it ended."""
    count, seed = map(int, sys.argv[1:])
    survivors = 0
    with TemporaryDirectory(prefix="mutants-") as folder:
        # What is edited meanwhile shall not count.
        whole = copied(ROOT, Path(folder) / "whole")
        workers = len(os.sched_getaffinity(0))
        projects: SimpleQueue[Path] = SimpleQueue()
        for number in range(workers):
            projects.put(copied(whole, Path(folder) / str(number)))

        def lives(mutant: Mutant) -> bool:
            project = projects.get()
            try:
                (project / mutant.path).write_text(mutant.after, "utf-8")
                # Those of its own first: most die there.
                tests = ROOMS[mutant.room][1]
                own = tests / f"test_{mutant.path.name}"
                return all(passes(some, project) for some in (own, tests) if (project / some).exists())
            finally:
                (project / mutant.path).write_text(mutant.before, "utf-8")
                projects.put(project)

        mutants = drawn(count, seed, whole)
        with ThreadPoolExecutor(workers) as pool:
            if not all(pool.map(passes, {tests for _, tests in ROOMS.values()}, repeat(whole))):
                sys.exit("the tests fail without any mutant")
            for mutant, alive in zip(mutants, pool.map(lives, mutants), strict=True):
                known = mutant.known()
                gone, new = mutant.lines()
                end = "dies" if not alive else f"lives, and changes nothing: {known}" if known else "LIVES"
                print(f"{end:5} {mutant.path.relative_to(PACKAGE)}: {gone}  ->  {new}", flush=True)
                survivors += alive and not known
    print(f"{count} mutants with seed {seed}: {survivors} not noticed")
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
