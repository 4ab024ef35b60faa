"""What was found, as tables for people."""

from typing import TYPE_CHECKING

from .clairvoyant import COSTS_WH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .goals import Findings


def goals(findings: Findings) -> str:
    """The goals."""
    rows = ((goal.name, goal.wanted, goal.found, "yes" if goal.met else "**no**") for goal in findings.goals())
    return _table(("goal", "wanted", "found", "met"), rows)


def surplus(findings: Findings) -> str:
    """Suite A."""
    best = findings.frontier[0].value
    margins = findings.margins()
    rows = [
        (
            f"clairvoyant, {cost:g} Wh a start",
            f"{score.captured:.2f}",
            f"{score.imported:.2f}",
            f"{100 * score.value / best:.1f}",
            f"{score.starts_a_day:.1f}",
            str(score.most_starts),
            "100",
            "100",
            "",
        )
        for cost, score in zip(COSTS_WH, findings.frontier, strict=True)
        if cost in {0, 6, 20, 70}
    ]
    rows += [
        (
            name,
            f"{rule.score.captured:.2f}",
            f"{rule.score.imported:.2f}",
            f"{100 * rule.score.value / best:.1f}",
            f"{rule.score.starts_a_day:.1f} (worst {rule.starts_worst:.0f})",
            str(rule.score.most_starts),
            f"{rule.value:.1f} (sd {rule.value_spread:.1f}, worst {rule.value_worst:.1f})",
            f"{rule.captured:.1f}",
            f"{margins[name]:+.1f}" if name in margins else "",
        )
        for name, rule in findings.rules.items()
    ]
    head = (
        "rule",
        "captured, kWh/d",
        "import, kWh/d",
        "J, % of the best",
        "starts/d",
        "most in an hour",
        "J, % at equal starts",
        "captured, % at equal starts",
        "the law is better by, points of J",
    )
    return _table(head, rows)


def protection(findings: Findings) -> str:
    """Suite B."""
    rows = []
    for name, each in findings.protection.items():
        days = sum(one.days for one in each)
        rows.append(
            (
                name,
                f"{sum(one.quarters for one in each) / days:.2f}",
                f"{max(one.excess_w for one in each):.0f}",
                f"{sum(one.over_events for one in each) / days:.2f}",
                f"{14 * sum(one.over_s for one in each) / days:.0f}",
                str(max(one.over_longest_s for one in each)),
                f"{sum(one.short_s for one in each) / 60 / days:.1f}",
                f"{sum(one.starts for one in each) / days:.1f}",
            )
        )
    head = (
        "season, site",
        "avoidable quarters over the target, per day",
        "most excess, W",
        "times over the fuse, per day",
        "seconds over the fuse in 14 d",
        "longest, s",
        "minimum run missed, min/d",
        "starts/d",
    )
    return _table(head, rows)


def faults(findings: Findings) -> str:
    """Suite C."""
    rows = (
        (
            name,
            str(sum(one.happened for one in each)),
            str(sum(one.violations for one in each)),
            f"{sum(one.captured for one in each) / len(each):.2f}",
            f"{sum(one.imported for one in each) / len(each):.2f}",
            f"{sum(one.starts for one in each) / len(each):.1f}",
        )
        for name, each in findings.faults.items()
    )
    return _table(("fault", "times", "promises broken", "captured, kWh/d", "import, kWh/d", "starts/d"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
