"""Everything that p1meter says can be said in every language, and everything that has a text says it somewhere."""

from itertools import product
import json
from pathlib import Path
import re
from typing import TYPE_CHECKING, Any, get_args

from homeassistant.components.sensor import SensorDeviceClass
import pytest

from custom_components import p1meter
from custom_components.p1meter.archive.errors import FileErrorKind
from custom_components.p1meter.binary_sensor import PROBLEM_KEYS
from custom_components.p1meter.const import ISSUE_METER_REPLACED
from custom_components.p1meter.coordinator import LINE_KEYS, READOUT_KEYS
from custom_components.p1meter.issues import ISSUES
from custom_components.p1meter.link import ProbeVerdict, TransportErrorKind
from custom_components.p1meter.meter import REGISTERS
from custom_components.p1meter.meter.profiles import Profile, profile
from custom_components.p1meter.meter.registers import name_for, options_for
from custom_components.p1meter.roles import ELECTRICITY
from custom_components.p1meter.sensor import device_class_for, unit_and_factor
from custom_components.p1meter.sink_manager import SINK_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(p1meter.__file__).parent
LANGUAGES = ("en", "nl", "fr", "de")
TEXTS: dict[str, Any] = {
    language: json.loads((FOLDER / "translations" / f"{language}.json").read_text()) for language in LANGUAGES
}
ENGLISH = TEXTS["en"]
ICONS: dict[str, Any] = json.loads((FOLDER / "icons.json").read_text())
SENSORS: dict[str, Any] = ENGLISH["entity"]["sensor"]
ENTITIES: dict[str, Any] = {key: text for texts in ENGLISH["entity"].values() for key, text in texts.items()}
# They have the name of their device, or the one that a person gave them.
ONLY_ICONS = dict.fromkeys(("load", "own_register"))
BINARY_SENSORS: dict[str, Any] = ENGLISH["entity"]["binary_sensor"]
PROFILE_NAMES = (
    *("nl2", "nl4", "nl5", "be", "be-ie", "lu", "h1", "hu", "lt", "ch", "at", "si", "d0", "iec", "generic"),
)
PROFILES: list[Profile] = [
    profile(name, country) for name in PROFILE_NAMES for country in (None, "NL", "BE", "SE", "DK", "FI", "HU")
]
SHOWN = [register for register in REGISTERS.values() if register.entity]
SOURCES = [path.read_text() for path in FOLDER.glob("*.py")]


def flat(tree: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text with the way to it."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def placeholders(text: str) -> set[str]:
    """Return what is filled into a text."""
    return set(re.findall(r"\{(\w+)\}", text))


def test_there_are_no_other_languages_and_no_source_of_cores_kind() -> None:
    assert {path.stem for path in (FOLDER / "translations").iterdir()} == set(LANGUAGES)
    assert not (FOLDER / "strings.json").exists()


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_a_language_says_the_same_things(language: str) -> None:
    english, other = dict(flat(ENGLISH)), dict(flat(TEXTS[language]))
    assert other.keys() == english.keys()
    assert {path: placeholders(text) for path, text in other.items()} == {
        path: placeholders(text) for path, text in english.items()
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_as_home_assistant_wants_them(language: str) -> None:
    for path, text in flat(TEXTS[language]):
        assert text, path
        assert text == text.strip(), path
        assert not re.search(r"https?://|<\w|'\{\w+\}'|\[%", text), path
        assert text.count("{") == text.count("}") == len(re.findall(r"\{\w+\}", text)), path
        assert all(re.fullmatch(r"[a-z0-9_-]+", key) for key in path.split(".")), path


def test_every_data_field_is_explained() -> None:
    for flow in (ENGLISH["config"], ENGLISH["options"], ENGLISH["config_subentries"]["load"]):
        for step in flow["step"].values():
            for form in (step, *step.get("sections", {}).values()):
                assert form.get("data", {}).keys() == form.get("data_description", {}).keys()


def test_every_register_has_a_name_in_the_words_of_every_country() -> None:
    for register, kind in product(SHOWN, PROFILES):
        texts = BINARY_SENSORS if register.key in PROBLEM_KEYS else SENSORS
        text = texts[name_for(register, kind)]
        assert placeholders(text["name"]) <= register.placeholders.keys(), register.key
        assert text.get("state", {}).keys() >= set(options_for(register, kind)), register.key


def test_registers_of_a_family_have_different_names() -> None:
    for kind in PROFILES:
        names = [
            (register.device, SENSORS[name_for(register, kind)]["name"].format_map(register.placeholders))
            for register in SHOWN
            if register.key not in PROBLEM_KEYS
        ]
        assert len(names) == len(set(names))


def test_the_line_and_codes_nobody_knows_have_names() -> None:
    assert SENSORS.keys() >= {*LINE_KEYS, "unknown_code"}
    assert placeholders(SENSORS["unknown_code"]["name"]) == {"code"}


def test_no_name_is_left_over() -> None:
    named = {name_for(register, kind) for register in SHOWN for kind in PROFILES}
    # Those of the loads are looked at in test_load_entities.py.
    others = {key for key in SENSORS if not key.startswith(("load_", "loads_"))}
    assert others | BINARY_SENSORS.keys() == named | {*LINE_KEYS, *READOUT_KEYS, *SINK_KEYS, "unknown_code"}


def test_every_kind_of_meter_has_a_name_as_a_device_and_in_a_sentence() -> None:
    kinds = {register.device for register in REGISTERS.values()} - {ELECTRICITY}
    assert ENGLISH["device"].keys() == kinds | {f"{kind}_numbered" for kind in kinds}
    for kind in kinds:
        assert placeholders(ENGLISH["device"][kind]["name"]) == set()
        assert placeholders(ENGLISH["device"][f"{kind}_numbered"]["name"]) == {"number"}
    assert ENGLISH["selector"]["meter"]["options"].keys() == kinds | {"none", "unknown"}


def test_every_system_has_a_name() -> None:
    systems = ENGLISH["selector"]["system"]["options"].keys()
    for kind in PROFILES:
        assert kind.name in systems or f"{kind.name}-{kind.country}".lower() in systems


def test_everything_that_can_go_wrong_with_a_port_is_said() -> None:
    ports = {f"port_{kind}" for kind in TransportErrorKind}
    of_keys = {ProbeVerdict.ENCRYPTED, ProbeVerdict.WRONG_KEY, ProbeVerdict.WRONG_AUTHENTICATION_KEY}
    heard = {f"heard_{verdict}" for verdict in ProbeVerdict if verdict not in {ProbeVerdict.FOUND, *of_keys}}
    heard |= {f"heard_{verdict}_network" for verdict in ("nothing", "no_signal", "garbage")}
    heard |= {"heard_damaged", "heard_damaged_answer", "heard_no_answer"}
    keys = {"key_format", "wrong_key", "wrong_authentication_key"}
    asking = {"not_an_address", "not_a_query", "max_below_start", "port_shared"}
    others = {"port_used", "port_used_by_app", "port_busy_by", "unknown", *keys, *asking}
    assert ENGLISH["config"]["error"].keys() == ports | heard | others
    files = {f"file_{kind}" for kind in get_args(FileErrorKind.__value__)}
    assert ENGLISH["exceptions"].keys() == ports | files | {
        "no_telegram",
        "another_meter",
        "folder_not_allowed",
        "journal_folder_taken",
        "load_control_off",
        "nothing_read",
        "request_line_failed",
        "wrong_key",
    }


def test_every_repair_is_explained() -> None:
    assert ENGLISH["issues"].keys() == ISSUES


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        (r'translation_key="(\w+)"', {**ENGLISH["exceptions"], **ENGLISH["selector"], **ENTITIES, **ONLY_ICONS}),
        (r'(?:AbortFlow\(|reason=)"(\w+)"', None),
        (r'(?<!next_)step_id="(\w+)"', None),
        (r'progress_action="(\w+)"', {**ENGLISH["config"]["progress"], **ENGLISH["options"]["progress"]}),
    ],
)
def test_what_the_code_names_is_there(pattern: str, texts: dict[str, Any] | None) -> None:
    found = {key for source in SOURCES for key in re.findall(pattern, source)}
    if texts is None:
        texts = {key: None for path, _ in flat(ENGLISH) for key in path.split(".")}
        # Shows a progress text instead.
        found.discard("listen")
    assert found <= texts.keys()


def test_every_abort_text_is_used() -> None:
    sources = "\n".join(SOURCES)
    fix_flow = ENGLISH["issues"][ISSUE_METER_REPLACED]["fix_flow"]
    of_loads = ENGLISH["config_subentries"]["load"]["abort"]
    for reason in (*ENGLISH["config"]["abort"], *ENGLISH["options"]["abort"], *fix_flow["abort"], *of_loads):
        assert f'"{reason}"' in sources


def test_what_has_no_icon_of_its_class_has_one_of_ours() -> None:
    icons = ICONS["entity"]["sensor"]
    for register in SHOWN:
        kind = device_class_for(register, unit_and_factor(register.unit)[0])
        if kind in {None, SensorDeviceClass.ENUM} and register.key not in PROBLEM_KEYS:
            assert name_for(register, PROFILES[0]) in icons
    assert icons.keys() >= {key for key in LINE_KEYS if key.startswith("telegrams_")} | {"unknown_code"}
