"""The actions answer from the telegram that the meter sent, and write where they are told to."""

import asyncio
from contextlib import suppress
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_PORT
from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError, ServiceNotFound, ServiceValidationError, Unauthorized
from homeassistant.helpers.selector import validate_selector
from homeassistant.util.yaml import load_yaml_dict
import probatio as vol
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components import p1meter
from custom_components.p1meter import coordinator
from custom_components.p1meter.const import CONF_INTERVAL, CONF_LINE, CONF_PROFILE, CONF_REGISTERS, DOMAIN
from custom_components.p1meter.link import LinkState
from custom_components.p1meter.saving import name_in_paths
from tests.compose import compose, nl5

from .conftest import by_key, probe, until

if TYPE_CHECKING:
    from homeassistant.auth.models import User
    from homeassistant.core import HomeAssistant

    from tests.simulation.meter import Cable

    from .conftest import Say, SetUp, WallClock

# Two months of the Belgian kind, the older one without a peak, and two power failures, the newer one first.
PAST = nl5(
    {
        "0-0:98.1.0": "(2)(1-0:1.6.0)(1-0:1.6.0)(261101000000W)(261014181500S)(03.695*kW)"
        "(261001000000S)(632525252525W)(00.000*kW)",
        "1-0:99.97.0": "(2)(0-0:96.7.19)(260614142317S)(0000000187*s)(260130020000W)(0000003600*s)",
    }
)
MONTHS = [
    {
        "kind": "demand_month",
        "key": "demand_month_peak",
        "obis": "0-0:98.1.0",
        "at": "2026-10-01T00:00:00+02:00",
        "occurred": None,
        "value": None,
        "unit": "kW",
        "duration": None,
        "manual": False,
    },
    {
        "kind": "demand_month",
        "key": "demand_month_peak",
        "obis": "0-0:98.1.0",
        "at": "2026-11-01T00:00:00+01:00",
        "occurred": "2026-10-14T18:15:00+02:00",
        "value": 3.695,
        "unit": "kW",
        "duration": None,
        "manual": False,
    },
]
FAILURES = [
    {
        "kind": "power_failure",
        "key": "power_failure_log",
        "obis": "1-0:99.97.0",
        "at": at,
        "occurred": began,
        "value": None,
        "unit": None,
        "duration": seconds,
        "manual": False,
    }
    for at, began, seconds in (
        ("2026-01-30T02:00:00+01:00", "2026-01-30T01:00:00+01:00", 3600),
        ("2026-06-14T14:23:17+02:00", "2026-06-14T14:20:10+02:00", 187),
    )
]


@pytest.fixture(autouse=True)
async def in_the_meters_zone(hass: HomeAssistant) -> None:
    """The house stands where its meter does."""
    await hass.config.async_set_time_zone("Europe/Amsterdam")


async def ask(hass: HomeAssistant, **data: str) -> list[dict[str, Any]]:
    """Return the rows that the action gives."""
    answer = await hass.services.async_call(DOMAIN, "get_history", data, blocking=True, return_response=True)
    assert answer is not None
    assert answer.keys() == {"rows"}
    return cast("list[dict[str, Any]]", answer["rows"])


async def test_everything_a_meter_remembers(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp) -> None:
    await set_up(PAST)
    by_line = sorted(await ask(hass, config_entry_id=entry.entry_id), key=lambda row: str(row["kind"]))
    assert by_line == MONTHS + FAILURES
    # There is one meter only.
    assert await ask(hass) == await ask(hass, config_entry_id=entry.entry_id)


async def test_one_kind(hass: HomeAssistant, set_up: SetUp) -> None:
    await set_up(PAST)
    assert await ask(hass, kind="demand_month") == MONTHS
    assert await ask(hass, kind="power_failure") == FAILURES
    assert await ask(hass, kind="month") == []
    with pytest.raises(vol.Invalid):
        await ask(hass, kind="year")


async def test_an_answer_is_all_it_gives(hass: HomeAssistant, set_up: SetUp) -> None:
    await set_up()
    with pytest.raises(ServiceValidationError):
        await hass.services.async_call(DOMAIN, "get_history", {}, blocking=True)


async def test_a_meter_that_is_not_there(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp) -> None:
    await set_up(PAST)
    with pytest.raises(ServiceValidationError) as unknown:
        await ask(hass, config_entry_id="unknown")
    assert unknown.value.translation_key == "service_config_entry_not_found"
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED
    with pytest.raises(ServiceValidationError) as not_loaded:
        await ask(hass, config_entry_id=entry.entry_id)
    assert not_loaded.value.translation_key == "service_config_entry_not_loaded"
    assert not_loaded.value.translation_placeholders == {"domain": DOMAIN, "entry_title": "Iskra AM550"}


async def test_nothing_was_read_yet(
    hass: HomeAssistant, entry: MockConfigEntry, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ServiceNotFound):
        await ask(hass)
    # The flow heard it; since then it was silent.
    probe(hass, entry, PAST)
    assert await hass.config_entries.async_setup(entry.entry_id)
    with pytest.raises(HomeAssistantError) as nothing:
        await hass.services.async_call(DOMAIN, "get_telegram", {}, blocking=True, return_response=True)
    assert nothing.value.translation_key == "nothing_read"
    assert nothing.value.translation_placeholders == {"name": "Iskra AM550"}
    # An automation at the start of Home Assistant gets its answer: the first telegram is waited for, but not for ever.
    with monkeypatch.context() as impatient:
        impatient.setattr(coordinator, "silence_limit", lambda _: 0.05)
        with pytest.raises(HomeAssistantError) as silent:
            await ask(hass, config_entry_id=entry.entry_id)
    assert silent.value.translation_key == "no_telegram"
    asked = asyncio.create_task(ask(hass, kind="demand_month"))
    await asyncio.sleep(0.01)
    assert not asked.done()
    await say(PAST)
    assert await asked == MONTHS


async def test_another_meter_answers(hass: HomeAssistant, set_up: SetUp, say: Say) -> None:
    await set_up(PAST)
    another_id = b"E0047000071239999".hex().upper()
    await say(*[nl5({"0-0:96.1.1": f"({another_id})", "1-0:99.97.0": "(0)(0-0:96.7.19)"})] * 3)
    with pytest.raises(HomeAssistantError) as another:
        await ask(hass)
    assert another.value.translation_key == "another_meter"


# --- the telegram -----------------------------------------------------------------------------------------------------

FEW = {
    "1-3:0.2.8": "(50)",
    "0-0:1.0.0": "(261121120225W)",
    "1-0:1.8.1": "(000001.500*kWh)",
    "1-0:1.7.0": "(00.250*kW)",
    "1-0:99.1.0": "(00.125*kW)",
    "0-1:24.1.0": "(003)",
    "0-1:24.2.1": "(261121120000W)(00012.345*m3)",
}
FEW_LATER = {**FEW, "0-0:1.0.0": "(261121120226W)", "1-0:1.7.0": "(00.251*kW)"}
HEAT_PUMP = {"id": "heat_pump", "code": "1-0:99.1.0", "name": "Heat pump", "kind": "number"}


async def call(hass: HomeAssistant, action: str, **data: Any) -> dict[str, Any]:
    """Return the answer of an action."""
    answer = await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=True)
    return cast("dict[str, Any]", answer)


async def refused(hass: HomeAssistant, action: str, **data: Any) -> tuple[str | None, dict[str, str] | None]:
    """Return why an action was refused."""
    answers = action == "get_telegram"
    with pytest.raises(HomeAssistantError) as failure:
        await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=answers)
    return failure.value.translation_key, failure.value.translation_placeholders


def choose(hass: HomeAssistant, entry: MockConfigEntry, **options: Any) -> None:
    hass.config_entries.async_update_entry(entry, options=options)


async def test_the_newest_telegram(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, wall_clock: WallClock
) -> None:
    choose(hass, entry, **{CONF_REGISTERS: [HEAT_PUMP]})
    await set_up(compose(FEW))
    # A second later the clock of this machine, which is five seconds ahead, says so too.
    wall_clock.tick(1)
    await say(compose(FEW_LATER))
    told = await call(hass, "get_telegram")
    readings = told.pop("readings")
    assert told == {
        "ident": "ISK5\\2M550T-1013",
        "time": "2026-11-21T12:02:26+01:00",
        "received": "2026-11-21T11:02:31+00:00",
        "text": compose(FEW_LATER).decode(),
        "objects": [{"obis": code, "sent": values[1:-1].split(")(")} for code, values in FEW_LATER.items()],
    }
    assert readings["import_tariff_1"] == {"value": 1.5, "unit": "kWh", "at": None}
    assert readings["power_import"] == {"value": 0.251, "unit": "kW", "at": None}
    # A register of the person's, and a meter on the M-Bus.
    assert readings["own_heat_pump"] == {"value": 0.125, "unit": "kW", "at": None}
    assert readings["gas"] == {"value": 12.345, "unit": "m3", "at": "2026-11-21T12:00:00+01:00"}
    assert json.loads(json.dumps(readings)) == readings


async def test_whoever_may_look_may_read_and_only_administrators_may_write(
    hass: HomeAssistant, set_up: SetUp, hass_read_only_user: User, tmp_path: Path
) -> None:
    await set_up()
    guest = Context(user_id=hass_read_only_user.id)
    answer = await hass.services.async_call(
        DOMAIN, "get_telegram", {}, blocking=True, context=guest, return_response=True
    )
    assert answer is not None
    for action, data in (
        ("save_telegram", {"as": "raw"}),
        ("copy_journal", {"folder": str(tmp_path)}),
        ("reset_connection", {}),
    ):
        with pytest.raises(Unauthorized):
            await hass.services.async_call(DOMAIN, action, data, blocking=True, context=guest)


@pytest.mark.parametrize("action", ["get_telegram", "read_now", "save_telegram"])
async def test_no_telegram_of_another_meter(hass: HomeAssistant, set_up: SetUp, say: Say, action: str) -> None:
    await set_up()
    another = nl5({"0-0:96.1.1": f"({b'E0047000071239999'.hex().upper()})"})
    await say(*[another] * 3)
    data = {"as": "raw"} if action == "save_telegram" else {}
    asked = asyncio.create_task(refused(hass, action, **data))
    await asyncio.sleep(0.01)
    await say(another)
    assert await asked == ("another_meter", {"name": "Iskra AM550"})


# --- reading now ------------------------------------------------------------------------------------------------------


async def test_the_next_telegram_is_waited_for_and_shown_whatever_the_interval(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    choose(hass, entry, **{CONF_INTERVAL: 3600})
    await set_up(compose(FEW))
    changed = {**FEW_LATER, "1-0:1.7.0": "(05.000*kW)"}
    await say(compose(changed))
    assert by_key(hass, entry, "electricity_power_import").state == "0.250"
    # Two who ask at the same time get the same.
    asked = [asyncio.create_task(call(hass, "read_now")) for _ in range(2)]
    await asyncio.sleep(0.01)
    assert not any(one.done() for one in asked)
    changed["1-0:1.7.0"] = "(06.000*kW)"
    await say(compose(changed))
    for told in await asyncio.gather(*asked):
        assert told["text"] == compose(changed).decode()
        assert told["readings"]["power_import"]["value"] == 6.0
    assert by_key(hass, entry, "electricity_power_import").state == "6.000"
    # And from then on the interval counts again.
    await say(compose(FEW_LATER))
    assert by_key(hass, entry, "electricity_power_import").state == "6.000"


async def test_nothing_comes(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, cable: Cable, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = await set_up()
    monkeypatch.setattr(coordinator, "silence_limit", lambda _: 0.05)
    assert await refused(hass, "read_now") == ("no_telegram", {"port": entry.data["port"]})
    cable.unplug()
    await until(lambda: meter.link_state is LinkState.LOST)
    key, _ = await refused(hass, "read_now")
    assert key in {"port_lost", "port_missing"}


async def test_who_waits_while_the_meter_is_unloaded_is_told(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    await set_up()
    asked = asyncio.create_task(refused(hass, "read_now"))
    await asyncio.sleep(0.01)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert await asked == ("no_telegram", {"port": entry.data["port"]})


# --- the connection ---------------------------------------------------------------------------------------------------


async def reset(hass: HomeAssistant) -> None:
    await hass.services.async_call(DOMAIN, "reset_connection", {}, blocking=True)


async def test_a_reset_opens_the_port_again_with_nothing_in_the_buffer(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, cable: Cable
) -> None:
    meter = await set_up()
    before = dict(hass.states.async_all()[0].as_dict())
    cable.write(nl5()[:300])
    await asyncio.sleep(0.05)
    await reset(hass)
    assert meter.link_state is LinkState.CONNECTED
    assert hass.states.async_all()[0].as_dict() == before
    await say(nl5())
    # The half telegram would have been refused when the next one began.
    assert meter.refused.total() == 0
    assert meter.accepted == 2
    # Two at the same time leave one who reads.
    await asyncio.gather(reset(hass), reset(hass))
    await say(nl5())
    assert meter.accepted == 3
    assert entry.state is ConfigEntryState.LOADED


async def test_a_reset_that_is_broken_off_leaves_no_meter_unread(hass: HomeAssistant, set_up: SetUp, say: Say) -> None:
    meter = await set_up()
    for steps in range(5):
        task = asyncio.create_task(reset(hass))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await say(nl5())
    assert meter.accepted == 2


async def test_a_reset_says_that_the_port_is_gone(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, cable: Cable
) -> None:
    meter = await set_up()
    cable.unplug()
    await until(lambda: meter.link_state is LinkState.LOST)
    assert await refused(hass, "reset_connection") == ("port_missing", {"port": entry.data["port"]})
    cable.plug()
    await reset(hass)
    await say(nl5())
    assert meter.accepted == 2


# --- files ------------------------------------------------------------------------------------------------------------

# A line starts with the time; stripped of `-`, `:` and `.` the codes are as the program smartmeter writes them.
WHOLE_LINE = (
    "00100;(261121120225W);13028;(50);10181;(000001.500*kWh);10170;(00.250*kW);109910;(00.125*kW);"
    "012410;(003);012421;(261121120000W)(00012.345*m3)\n"
)
FULL_LINE = "0-0:1.0.0;(261121120225W);1-0:1.8.1;(000001.500*kWh)\n"


@pytest.fixture
def config(hass: HomeAssistant, tmp_path: Path, wall_clock: WallClock) -> Path:
    """The configuration folder, in November."""
    assert wall_clock.now.month == 11
    folder = tmp_path / "config"
    folder.mkdir()
    hass.config.config_dir = str(folder)
    return folder


def names(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return sorted(one.name for one in folder.iterdir())


def held() -> set[Path]:
    """Return the files that are open."""
    return {one.resolve() for one in Path("/proc/self/fd").iterdir() if one.exists()}


async def test_a_telegram_is_saved_though_the_journal_is_off(
    hass: HomeAssistant, set_up: SetUp, say: Say, config: Path
) -> None:
    await set_up(compose(FEW))
    folder = config / "p1meter/iskra_am550"
    line, raw, latest = folder / "SML3Nov2026", folder / "RAWNov2026", folder / "telegram.txt"
    # All at once, as automations do.
    paths = await asyncio.gather(*(call(hass, "save_telegram", **{"as": kind}) for kind in ("sml3", "raw", "latest")))
    assert paths == [{"path": str(path)} for path in (line, raw, latest)]
    assert line.read_text() == WHOLE_LINE
    assert raw.read_bytes() == compose(FEW) + b"\r\n"
    assert latest.read_bytes() == compose(FEW)
    await say(compose(FEW_LATER))
    for kind in ("sml3", "raw", "latest"):
        await hass.services.async_call(DOMAIN, "save_telegram", {"as": kind}, blocking=True)
    assert line.read_text() == WHOLE_LINE + WHOLE_LINE.replace("0225W", "0226W").replace("0.250", "0.251")
    assert raw.read_bytes() == compose(FEW) + b"\r\n" + compose(FEW_LATER) + b"\r\n"
    assert latest.read_bytes() == compose(FEW_LATER)
    with pytest.raises(vol.Invalid):
        await call(hass, "save_telegram", **{"as": "pdf"})


async def test_a_saved_line_is_like_the_others_in_the_journal(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, config: Path
) -> None:
    journal = {"folder": "house", "format": "sml3_full", "interval": 3600}
    choose(hass, entry, journal=journal, selected_objects=["1-0:1.8.1"])
    await set_up(compose(FEW))
    path = config / "p1meter/house/SML3Nov2026"
    assert await call(hass, "save_telegram", **{"as": "sml3"}) == {"path": str(path)}
    assert path.read_text() == FULL_LINE
    # Another format, in the same folder.
    raw = config / "p1meter/house/RAWNov2026"
    assert await call(hass, "save_telegram", **{"as": "raw"}) == {"path": str(raw)}
    assert raw.read_bytes() == compose(FEW) + b"\r\n"
    # And nothing is left open that would keep the next one from writing.
    await hass.config_entries.async_reload(entry.entry_id)
    await until(lambda: entry.runtime_data.link_state is LinkState.CONNECTED)
    assert entry.runtime_data.sinks.sinks["journal"].status.error is None


async def test_a_journal_that_writes_nothing_lets_its_file_go(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, config: Path
) -> None:
    choose(hass, entry, journal={"folder": "house", "interval": 0}, selected_objects=[])
    await set_up(compose(FEW))
    for _ in range(2):
        await call(hass, "save_telegram", **{"as": "sml3"})
    path = config / "p1meter/house/SML3Nov2026"
    assert path.read_text() == "00100;(261121120225W)\n" * 2
    assert path not in held()


async def test_the_reader_of_the_latest_file_has_not_come_yet(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, config: Path
) -> None:
    path = config / "p1meter/house/meterinput"
    choose(hass, entry, latest_file={"path": str(path), "mode": "if_absent", "interval": 3600})
    await set_up(compose(FEW))
    await until(path.exists)
    await say(compose(FEW_LATER))
    assert await call(hass, "save_telegram", **{"as": "latest"}) == {"path": None}
    assert path.read_bytes() == compose(FEW)
    path.unlink()
    assert await call(hass, "save_telegram", **{"as": "latest"}) == {"path": str(path)}
    assert path.read_bytes() == compose(FEW_LATER)


async def test_a_file_that_cannot_be_written(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, config: Path, tmp_path: Path
) -> None:
    away = tmp_path / "share/meterinput"
    choose(hass, entry, latest_file={"path": str(away), "interval": 3600})
    await set_up(compose(FEW))
    # A file stands where the folder should be.
    (config / "p1meter").write_text("")
    assert await refused(hass, "save_telegram", **{"as": "latest"}) == (
        "file_missing",
        {"path": str(away), "error": "No such file or directory"},
    )
    assert await refused(hass, "save_telegram", **{"as": "raw"}) == (
        "file_failed",
        {"path": str(config / "p1meter/iskra_am550/RAWNov2026"), "error": "Not a directory"},
    )


async def test_two_meters_do_not_write_into_one_file(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, config: Path
) -> None:
    await set_up(compose(FEW))
    other = MockConfigEntry(
        domain=DOMAIN,
        title="Iskra AM550",
        data={CONF_PORT: "/dev/nowhere", CONF_LINE: "115200 8N1", CONF_PROFILE: "nl5"},
    )
    other.add_to_hass(hass)
    choose(hass, other, journal={"folder": "iskra_am550"})
    for kind in ("sml3", "latest"):
        assert await refused(hass, "save_telegram", config_entry_id=entry.entry_id, **{"as": kind}) == (
            "journal_folder_taken",
            {"name": "Iskra AM550", "other": "Iskra AM550", "folder": "iskra_am550"},
        )
    assert names(config) == []
    # Neither has chosen one.
    choose(hass, other)
    assert (name_in_paths(hass, entry), name_in_paths(hass, other)) == ("iskra_am550", "iskra_am550_2")
    await call(hass, "save_telegram", config_entry_id=entry.entry_id, **{"as": "sml3"})
    assert (config / "p1meter/iskra_am550/SML3Nov2026").read_text() == WHOLE_LINE


@pytest.mark.parametrize("journal", [None, {"folder": "iskra_am550", "interval": 3600}])
async def test_what_changed_is_copied(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    set_up: SetUp,
    config: Path,
    journal: dict[str, Any] | None,
) -> None:
    share = config / "share"
    share.mkdir()
    hass.config.allowlist_external_dirs = {str(share)}
    choose(hass, entry, **({} if journal is None else {"journal": journal}))
    await set_up(compose(FEW))
    assert await call(hass, "copy_journal", folder=str(share)) == {"files": []}
    for kind in ("sml3", "raw"):
        await call(hass, "save_telegram", **{"as": kind})
    assert await call(hass, "copy_journal", folder=str(share)) == {"files": ["RAWNov2026", "SML3Nov2026"]}
    assert await call(hass, "copy_journal", folder=str(share)) == {"files": []}
    assert (share / "SML3Nov2026").read_text() == WHOLE_LINE
    await call(hass, "save_telegram", **{"as": "sml3"})
    assert await call(hass, "copy_journal", folder=str(share)) == {"files": ["SML3Nov2026"]}
    assert (share / "SML3Nov2026").read_text() == WHOLE_LINE * 2
    # A share that is away is not made here.
    share.rename(config / "elsewhere")
    hass.config.allowlist_external_dirs = {str(config)}
    assert await refused(hass, "copy_journal", folder=str(share)) == (
        "file_missing",
        {"path": str(share), "error": "No such file or directory"},
    )
    assert not share.exists()


async def test_copies_go_only_where_they_may(hass: HomeAssistant, set_up: SetUp, config: Path, tmp_path: Path) -> None:
    hass.config.allowlist_external_dirs = {str(config)}
    await set_up(compose(FEW))
    journals = config / "p1meter/neighbour"
    journals.mkdir(parents=True)
    (config / "link").symlink_to(journals)
    # Outside, relative, among the journals (also by a link), and no path at all.
    for folder in (str(tmp_path), "media", str(journals), str(config / "link"), "/\0", "/" + "x" * 5000):
        assert await refused(hass, "copy_journal", folder=folder) == ("folder_not_allowed", {"folder": folder})


# --- what a person sees of them ---------------------------------------------------------------------------------------


async def test_every_action_is_described(hass: HomeAssistant, set_up: SetUp) -> None:
    await set_up()
    folder = Path(p1meter.__file__).parent
    described = await hass.async_add_executor_job(load_yaml_dict, str(folder / "services.yaml"))
    english = json.loads((folder / "translations/en.json").read_text())
    registered = hass.services.async_services_for_domain(DOMAIN)
    assert described.keys() == registered.keys() == english["services"].keys()
    for name, action in registered.items():
        fields = described[name]["fields"]
        assert action.schema is not None
        schema = cast("vol.Schema", action.schema).schema
        keys = {str(key): isinstance(key, vol.Required) for key in schema}
        assert {key: field.get("required", False) for key, field in fields.items()} == keys
        assert english["services"][name]["fields"].keys() == keys.keys()
        for field in fields.values():
            validate_selector(field["selector"])
            select = field["selector"].get("select")
            if select is not None:
                words = english["selector"][select["translation_key"]]["options"]
                assert words.keys() == set(select["options"])
