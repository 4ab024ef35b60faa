"""Rules for the whole suite."""

import sys
from typing import TYPE_CHECKING

import pytest

from tests import needs

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip that does not name a missing need into a failure: a skipped test is a promise not kept."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not reason.removeprefix("Skipped: ").startswith(needs.PREFIX):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} was skipped without a need that is missing here: {reason}"
    return report


@pytest.fixture(autouse=True)
def no_forms() -> None:
    """Let no test without Home Assistant find forms of telegrams that another one made known."""
    if (form := sys.modules.get("p1meter.meter.form")) is not None:
        form.forms_of.cache_clear()
