"""The workflow for Home Assistant's beta tests a beta, with what belongs to it."""

import importlib
from typing import Any

import pytest

BETA: Any = importlib.import_module("_beta")

PROJECT = """\
harness = [
  "serialx==1.11.0",
]
people = [
  "homeassistant==2026.11.0",
  "home-assistant-frontend==20261028.4",
  "serialx==1.15.1",
  "dsmr-parser==1.11.1",
]
compiled = ["pymicro-vad==1.0.1"]
"""


@pytest.mark.parametrize(
    ("releases", "beta"),
    [
        (["2026.10.4", "2026.11.0b9", "2026.11.0"], None),
        (["2026.12.0b0", "2026.12.0b10", "2026.12.0b9", "2026.11.0"], "2026.12.0b10"),
        # What is mended of the running month does not hide the beta of the next.
        (["2026.12.0b2", "2026.11.4"], "2026.12.0b2"),
        (["2026.12.0b3", "2027.1.0", "0.9.dev1"], None),
    ],
)
def test_there_is_a_beta_or_there_is_none(releases: list[str], beta: str | None) -> None:
    assert BETA.newest_beta(releases) == beta


def test_what_belongs_to_the_beta_comes_with_it_and_the_harness_stays() -> None:
    constraints = "# comment\nhome-assistant-frontend==20261125.0\nserialx==1.16.0\naiohttp>=3\n"

    assert BETA.raised(PROJECT, "2026.12.0b1", constraints) == PROJECT.replace("2026.11.0", "2026.12.0b1").replace(
        "20261028.4", "20261125.0"
    ).replace("1.15.1", "1.16.0")
