"""A real Home Assistant 2026.11, real ports and a real browser, as few of each as the scenarios allow."""

import itertools
import re
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests import needs
from tests.instance.process import HomeAssistant

from .browser import opened

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from pathlib import Path

    from playwright.async_api import Page

# 2026-11-21 02:38:33.546+00:00 ERROR (MainThread) [custom_components.p1meter.coordinator] …
_RECORD = re.compile(r"^\S+ \S+ (?:WARNING|ERROR|CRITICAL) \([^)]*\) \[([^\]]+)\]", re.MULTILINE)
# Home Assistant says this of every integration that is not its own.
_EVERY_CUSTOM_INTEGRATION = "has not been tested by Home Assistant"


def complaints(log: str) -> list[str]:
    """Return the warnings and errors that are ours or about us, each with the lines that belong to it."""
    starts = [found.start() for found in re.finditer(r"^\d{4}-\d\d-\d\d \d\d:", log, re.MULTILINE)] + [len(log)]
    records = [log[start:end] for start, end in itertools.pairwise(starts)]
    loud = [record for record in records if _RECORD.match(record)]
    return [record for record in loud if "p1meter" in record]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home_assistant(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[HomeAssistant]:
    """A Home Assistant for all tests of a file, with the file's `SWITCHES` and `TOOLS`, in its `LANGUAGE`.

    At the end its log must hold no complaint of ours.
    """
    switches = getattr(request.module, "SWITCHES", ())
    tools = getattr(request.module, "TOOLS", ())
    language = getattr(request.module, "LANGUAGE", "en")
    running = HomeAssistant(tmp_path_factory.mktemp("home"), switches=switches, tools=tools, language=language)
    await running.start()
    try:
        yield running
    finally:
        code = await running.stop()
    about_us = complaints(running.log)
    assert about_us
    assert [record for record in about_us if _EVERY_CUSTOM_INTEGRATION not in record] == []
    assert code == 0


@pytest_asyncio.fixture(loop_scope="module")
async def page(home_assistant: HomeAssistant, tmp_path: Path) -> AsyncGenerator[Page]:
    """A page of a real browser, not yet signed in; what it shows at the end of the test is kept beside the log."""
    async with opened(home_assistant, needs.program("chromium", "chromium")) as shown:
        try:
            yield shown
        finally:
            await shown.screenshot(path=tmp_path / "last.png")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of Home Assistant's log, and where to find the rest, beside a failure."""
    report = yield
    running = getattr(item, "funcargs", {}).get("home_assistant")
    if report.failed and isinstance(running, HomeAssistant):
        report.sections.append((f"Home Assistant's log ({running.folder})", running.tail(80)))
        if path := getattr(item, "funcargs", {}).get("tmp_path"):
            report.sections.append(("Last picture", str(path / "last.png")))
    return report
