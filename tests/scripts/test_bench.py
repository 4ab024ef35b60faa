"""Every benchmark that scripts/bench names is there, and is told what a person has asked for."""

import importlib
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from typing import Any

import pytest

from tests import bare


def loaded() -> Any:
    loader = SourceFileLoader("bench", str(bare.ROOT / "scripts" / "bench"))
    spec = spec_from_loader("bench", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


BENCH = loaded()


@pytest.mark.parametrize("name", BENCH.BENCHMARKS)
def test_a_benchmark_can_be_told_what_it_is_asked_and_nothing_else(name: str) -> None:
    taken = BENCH.taken_by(importlib.import_module(f"_bench_{name}").measure)

    assert set(taken) <= {"seeds", "write"}
    assert ("seeds" in taken) is (name == "loads")
