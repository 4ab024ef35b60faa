"""What a machine can check of Home Assistant's Integration Quality Scale; its own checks leave custom integrations out.

Rules whose proof is a test of its own: config-flow-test-coverage, test-before-setup, unique-config-entry,
reauthentication-flow, reconfiguration-flow, discovery (test_config_flow, test_flow_*, test_encrypted),
entity-unavailable and log-when-unavailable (test_coordinator), config-entry-unloading (test_init), dynamic and stale
devices (test_world), translations (test_translations).
"""

import ast
import json
from pathlib import Path
import re
import tomllib
from typing import TYPE_CHECKING, Any, Final

from homeassistant import components
from homeassistant.const import CONF_PORT
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.update_coordinator import CoordinatorEntity, DataUpdateCoordinator
from homeassistant.util.yaml import load_yaml_dict
import pytest

from custom_components import p1meter
from custom_components.p1meter import _PLATFORMS
from custom_components.p1meter.config_flow import P1MeterConfigFlow
from custom_components.p1meter.const import DOMAIN
from custom_components.p1meter.coordinator import MeterCoordinator
from custom_components.p1meter.entity import MeterEntity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homeassistant.const import Platform
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from .conftest import SetUp

FOLDER: Final = Path(p1meter.__file__).parent
ROOT: Final = FOLDER.parent.parent
LEDGER: Final = load_yaml_dict(str(FOLDER / "quality_scale.yaml"))["rules"]
MANIFEST: Final[dict[str, Any]] = json.loads((FOLDER / "manifest.json").read_text())
TREES: Final = {path.relative_to(FOLDER).as_posix(): ast.parse(path.read_text()) for path in FOLDER.rglob("*.py")}
# What Home Assistant shows to a person when it is raised.
SHOWN: Final = {"HomeAssistantError", "ServiceValidationError", "UpdateFailed"} | {
    f"ConfigEntry{kind}" for kind in ("AuthFailed", "Error", "NotReady")
}
# Who subscribes does so once the entity is there, not while it is being made.
SUBSCRIPTIONS: Final = ("async_listen", "async_track", "async_dispatcher_connect", "async_add_listener")
# Documents that a rule asks for: the page, and a heading of it.
DOCUMENTS: Final = {
    "docs-actions": ("docs/actions.md", "# "),
    "docs-configuration-parameters": ("docs/options.md", "# "),
    "docs-data-update": ("docs/reporting.md", "# "),
    "docs-examples": ("docs/examples.md", "# "),
    "docs-high-level-description": ("README.md", "**p1meter**"),
    "docs-installation-instructions": ("README.md", "## Install"),
    "docs-installation-parameters": ("README.md", "### Setting up"),
    "docs-known-limitations": ("docs/limits.md", "# "),
    "docs-removal-instructions": ("README.md", "### Removing"),
    "docs-supported-devices": ("docs/meters.md", "# "),
    "docs-supported-functions": ("docs/entities.md", "# "),
    "docs-troubleshooting": ("docs/troubleshooting.md", "# "),
    "docs-use-cases": ("README.md", "## What you get"),
}


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call with the last part of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func).rpartition(".")[2], node


def test_every_rule_has_an_answer() -> None:
    theirs = load_yaml_dict(str(Path(components.__path__[0]) / "homewizard" / "quality_scale.yaml"))["rules"]
    assert set(LEDGER) == set(theirs)
    assert len(LEDGER) == 54
    for rule, answer in LEDGER.items():
        status = answer if isinstance(answer, str) else answer["status"]
        assert status in {"done", "exempt"}, rule
        assert status == "done" or len(answer["comment"]) > 20, f"{rule}: an exemption has a reason"


def test_actions_are_there_before_any_meter() -> None:
    registering = [
        name
        for name, tree in TREES.items()
        for called, _ in calls(tree)
        if called.startswith("async_register_admin_service")
    ]
    assert registering == ["actions.py"]
    setup = next(
        node
        for node in TREES["__init__.py"].body
        if isinstance(node, ast.AsyncFunctionDef) and node.name == "async_setup"
    )
    assert "actions.async_register(hass)" in ast.unparse(setup)


def test_what_all_share_is_where_everybody_looks_for_it() -> None:
    assert issubclass(MeterCoordinator, DataUpdateCoordinator)
    assert issubclass(MeterEntity, CoordinatorEntity)


def test_what_is_needed_is_pinned() -> None:
    for requirement in MANIFEST["requirements"]:
        assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+", requirement)
    harness = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["harness"]
    assert set(MANIFEST["requirements"]) <= set(harness), "tested with the version that people get"


@pytest.mark.parametrize("platform", _PLATFORMS)
def test_a_platform_says_how_many_updates_run_at_once(platform: Platform) -> None:
    assert re.search(r"^PARALLEL_UPDATES(: Final)? = \d$", (FOLDER / f"{platform}.py").read_text(), re.MULTILINE)


def test_an_entity_subscribes_once_it_is_there() -> None:
    for name, tree in TREES.items():
        for made in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
            bases = [ast.unparse(base) for base in made.bases]
            if not any("Entity" in base for base in bases):
                continue
            for begun in (node for node in made.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"):
                assert not [called for called, _ in calls(begun) if called.startswith(SUBSCRIPTIONS)], (
                    f"{name} {made.name}"
                )


def test_nothing_is_kept_under_our_domain_in_hass_data() -> None:
    for name in TREES:
        assert "hass.data[DOMAIN]" not in (FOLDER / name).read_text(), name


def test_what_is_raised_before_a_person_is_said_in_their_language() -> None:
    english = json.loads((FOLDER / "translations" / "en.json").read_text())["exceptions"]
    raised = 0
    for name, tree in TREES.items():
        for called, call in calls(tree):
            if called not in SHOWN:
                continue
            given = {keyword.arg: keyword.value for keyword in call.keywords}
            assert {"translation_domain", "translation_key"} <= set(given), f"{name}:{call.lineno}"
            if isinstance(given["translation_key"], ast.Constant):
                assert given["translation_key"].value in english, f"{name}:{call.lineno}"
            raised += 1
    assert raised >= 9


def test_the_web_is_asked_with_home_assistants_session() -> None:
    asking = [name for name, tree in TREES.items() for called, _ in calls(tree) if called == "async_get_clientsession"]
    assert asking == ["sinks/influxdb.py"]
    for name, tree in TREES.items():
        assert not [called for called, _ in calls(tree) if called in {"ClientSession", "urlopen"}], name


def test_no_icon_stands_in_the_code() -> None:
    for name, tree in TREES.items():
        named = [
            target
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if ast.unparse(target).endswith("_attr_icon")
        ]
        assert not named, name


def test_ways_that_the_rules_ask_for_are_there() -> None:
    for step in ("reauth", "reauth_confirm", "reconfigure", "usb", "user"):
        # Not what Home Assistant's own flow has, which does nothing.
        assert f"async_step_{step}" in vars(P1MeterConfigFlow)
    assert "async_get_config_entry_diagnostics" in (FOLDER / "diagnostics.py").read_text()
    assert "async_remove_config_entry_device" in (FOLDER / "__init__.py").read_text()
    assert (FOLDER / "py.typed").exists()
    assert (FOLDER / "brand" / "icon.png").exists()
    assert MANIFEST["codeowners"]
    assert MANIFEST["config_flow"] is True


@pytest.mark.parametrize("rule", sorted(rule for rule in LEDGER if rule.startswith("docs-")))
def test_a_document_is_there(rule: str) -> None:
    if LEDGER[rule] != "done":
        assert LEDGER[rule]["status"] == "exempt"
        return
    page, heading = DOCUMENTS[rule]
    assert re.search(f"^{re.escape(heading)}", (ROOT / page).read_text(), re.MULTILINE), f"{page}: {heading}"
    assert page == "README.md" or page in (ROOT / "README.md").read_text(), f"nobody finds {page}"


@pytest.mark.usefixtures("everything_enabled")
async def test_what_the_registry_has_of_us(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp) -> None:
    await set_up()
    await hass.async_block_till_done()
    rows = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    assert len(rows) > 30
    for row in rows:
        # Unique ids outlive another port.
        assert entry.data[CONF_PORT] not in row.unique_id
        assert row.has_entity_name
        assert row.translation_key or row.original_device_class, row.entity_id
        assert row.original_icon is None
        assert row.device_id is not None
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert devices
    for device in devices:
        assert device.name
        assert (DOMAIN in {domain for domain, _ in device.identifiers}) is True
