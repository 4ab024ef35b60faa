"""What files of the past would change in the statistics, or have changed, in words."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import re
from typing import TYPE_CHECKING, Final

from .history_labels import moment, number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from .archive import Problems
    from .archive.past import Problem
    from .history_import import RegisterPreview, RegisterResult
    from .history_reading import Found, LeftOut

_AN_HOUR: Final = timedelta(hours=1)
# What was told of is enough to find the rest.
_TOLD: Final = 3
# Here the line tells less than what it is about.
_TOLD_BY_DETAIL: Final = {"unknown_code", "unknown_file"}
_MARKS: Final = re.compile(r"([\\`*_{}\[\]()<>#+.!|~-])")


@dataclass(frozen=True, slots=True)
class Words:
    """Says it in one language.

    Attributes:
        preview: the words of `import_preview`.
        problems: those of `import_problem`, by kind.
        why_not: those of `import_left_out`, by reason.
        name_of: what a person calls the sensor with this entity id.
        name_of_key: what a person calls the register with this key.
        decimal_mark: what stands before the decimals of a number.
    """

    preview: Mapping[str, str]
    problems: Mapping[str, str]
    why_not: Mapping[str, str]
    name_of: Callable[[str], str]
    name_of_key: Callable[[str], str]
    decimal_mark: str

    def would_change(self, found: Found, previews: Iterable[RegisterPreview]) -> str:
        """Return what is in files, and what would become of it; of what cannot be imported, why."""
        blocks = [self._register(one) for one in previews]
        if found.left_out:
            blocks.append([self.preview["left_out"], *map(self._left_out, found.left_out)])
        if found.problems.counts:
            blocks.append([self.preview["problems"], *self._problems(found.problems)])
        return "\n\n".join("\n".join((f"**{title}**", *(f"- {line}" for line in lines))) for title, *lines in blocks)

    def has_changed(self, results: Iterable[RegisterResult]) -> str:
        """Return what was written."""
        return "\n".join(f"- {self._result(one)}" for one in results)

    def _register(self, one: RegisterPreview) -> list[str]:
        return [plain(self.name_of(one.entity_id)), *self._of_file(one), *self._of_recorder(one)]

    def _of_file(self, one: RegisterPreview) -> Iterator[str]:
        """Give what the files say."""
        words, series = self.preview, one.series
        yield words["period"].format(
            first=moment(series.rows[0].start),
            last=moment(series.rows[-1].start + _AN_HOUR),
            hours=len(series.rows),
        )
        if series.stretches:
            first, last = series.stretches[0].first_value, series.stretches[-1].last_value
            yield words["values"].format(
                first=self._number(float(first)), last=self._number(float(last)), unit=series.unit
            )
        else:
            yield words["grown"].format(grown=self._number(float(series.grown)), unit=series.unit)
        if len(series.stretches) > 1:
            begins = ", ".join(moment(stretch.first) for stretch in series.stretches[1:])
            yield words["meters"].format(times=begins)
        if (gap := series.longest_gap) is not None:
            yield words["gap"].format(first=moment(gap.start), last=moment(gap.end), hours=gap.hours)

    def _of_recorder(self, one: RegisterPreview) -> Iterator[str]:
        """Give what would be done with it."""
        words, summary = self.preview, one.summary
        yield words["new"].format(hours=summary.new)
        if summary.both:
            yield words["both"].format(hours=summary.both)
        if (largest := summary.largest) is not None:
            yield (
                words["differing"]
                .format(
                    hours=summary.differing,
                    at=moment(datetime.fromtimestamp(largest.start, UTC)),
                    file=self._number(largest.file),
                    recorder=self._number(largest.recorder),
                    unit=one.unit or "",
                )
                .strip()
            )
        if summary.misfits:
            yield words["misfits"].format(hours=summary.misfits)
        if summary.later:
            yield words["later"].format(hours=summary.later)
        if summary.joins_another_meter:
            yield words["another_meter"]

    def _number(self, value: float) -> str:
        return number(value, self.decimal_mark)

    def _left_out(self, one: LeftOut) -> str:
        return f"{plain(self.name_of_key(one.key))}: {self.why_not[one.why]}"

    def _problems(self, problems: Problems) -> Iterator[str]:
        for kind, count in problems.counts.items():
            places = [self._place(one) for one in problems.kept if one.kind == kind][:_TOLD]
            more = ", …" if 0 < len(places) < count else ""
            told = f" ({', '.join(places)}{more})" if places else ""
            yield f"{self.problems[kind]}: {count}{told}"

    def _place(self, one: Problem) -> str:
        if one.kind in _TOLD_BY_DETAIL:
            return plain(one.detail)
        line = self.preview["line"].format(line=one.line)
        return f"{plain(one.file)} {line}" if one.file else line

    def _result(self, one: RegisterResult) -> str:
        words = self.preview
        parts = [words["added"].format(hours=one.added)]
        if one.changed:
            parts.append(words["replaced"].format(hours=one.changed))
        if left_out := one.misfits + one.later:
            parts.append(words["not_written"].format(hours=left_out))
        return f"{plain(self.name_of(one.entity_id))}: {'; '.join(parts)}"


def plain(text: str) -> str:
    """Return a text that was found somewhere so that Markdown shows it as it is."""
    return _MARKS.sub(r"\\\1", "".join(char if char.isprintable() else "?" for char in text))


def size_of(size: int) -> str:
    """Return a size in bytes as a person reads it."""
    return f"{max(1, round(size / 1000))} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"
