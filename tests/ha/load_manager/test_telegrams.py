"""From a telegram to the edge, and what the law is told besides."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from unittest.mock import patch

from homeassistant.util import dt as dt_util
import pytest

from custom_components.p1meter import load_manager
from custom_components.p1meter.const import CONF_INTERVAL
from custom_components.p1meter.loads import Reason
from tests.compose import nl5

from ..conftest import read, until
from .conftest import BOILER, PUMP, Law, change, note_what_is_written, off, on

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from custom_components.p1meter.coordinator import MeterCoordinator
    from custom_components.p1meter.load_manager import LoadManager

    from ..appliances import Device
    from ..conftest import Say, SetUp
    from ..pins import Chip


# --- From telegram to edge -------------------------------------------------------------------------------------------


async def test_the_relay_moves_before_anything_is_written(
    hass: HomeAssistant, meter: MeterCoordinator, chip: Chip
) -> None:
    note_what_is_written(hass, chip)
    Law.newest.says = [on(BOILER)]
    meter._on_items([read(nl5({"1-0:1.7.0": "(03.000*kW)"}))])
    assert chip.done[0] == "set 17 on"
    assert "wrote sensor.iskra_am550_power" in chip.done


async def test_lines_come_before_entities_and_entities_before_what_is_written(
    hass: HomeAssistant, meter: MeterCoordinator, chip: Chip, pump: Device
) -> None:
    note_what_is_written(hass, chip)
    Law.newest.says = [on(PUMP), on(BOILER)]
    meter._on_items([read(nl5({"1-0:1.7.0": "(03.000*kW)"}))])
    assert pump.told == [True]
    assert chip.done[:2] == ["set 17 on", "wrote switch.plug"]
    assert "wrote sensor.iskra_am550_power" in chip.done[2:]


async def test_a_sample_is_the_telegram_and_what_is_known_besides(say: Say, meter: MeterCoordinator) -> None:
    await say(nl5({"1-0:1.7.0": "(00.000*kW)", "1-0:2.7.0": "(02.345*kW)"}))
    newest = Law.newest.samples[-1]
    assert (newest.import_w, newest.export_w) == (0.0, 2345.0)
    assert newest.now == meter.data.received_at.monotonic  # type: ignore[union-attr]  # it came from a port
    # The minute that it said twice, and so much later as it said it again.
    assert timedelta(0) < newest.wall - datetime(2026, 11, 21, 11, 59, tzinfo=UTC) < timedelta(minutes=1)
    assert newest.loads[BOILER].on is False
    # Nobody has such a plug.
    assert newest.loads[PUMP].on is None


@pytest.mark.usefixtures("meter")
async def test_a_command_is_seen_in_the_next_sample(say: Say, pump: Device) -> None:
    Law.newest.says = [on(BOILER), on(PUMP)]
    await say(nl5())
    await until(lambda: pump.on)
    await say(nl5())
    assert {load: known.on for load, known in Law.newest.samples[-1].loads.items()} == {BOILER: True, PUMP: True}


async def test_of_a_backlog_the_law_sees_the_newest(meter: MeterCoordinator) -> None:
    before = len(Law.newest.samples)
    meter._on_items([read(nl5({"1-0:1.7.0": f"(0{kilowatts}.000*kW)"})) for kilowatts in (2, 3, 4)])
    assert [sample.import_w for sample in Law.newest.samples[before:]] == [4000.0]


@pytest.mark.usefixtures("meter")
async def test_a_telegram_without_power_is_none(say: Say) -> None:
    before = len(Law.newest.samples)
    await say(nl5({"1-0:1.7.0": None, "1-0:2.7.0": None}))
    assert len(Law.newest.samples) == before


async def test_the_law_sees_every_telegram_however_few_are_shown(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    hass.config_entries.async_update_entry(entry, options={CONF_INTERVAL: 60})
    await set_up()
    before = len(Law.newest.samples)
    await say(nl5(), nl5())
    assert len(Law.newest.samples) == before + 2


@pytest.mark.usefixtures("meter")
async def test_what_another_meter_says_is_none_of_its_business(say: Say) -> None:
    """The first telegram already: the loads become safe, as if nothing came."""
    before = len(Law.newest.samples)
    await say(nl5({"0-0:96.1.1": "(4530303437303030303939393939393939)"}))
    assert len(Law.newest.samples) == before
    # One that does not say who it is, is taken for ours.
    await say(nl5({"0-0:96.1.1": None}))
    assert len(Law.newest.samples) == before + 1


@pytest.mark.usefixtures("meter")
async def test_while_no_telegram_comes_the_law_looks_at_the_clock(monkeypatch: pytest.MonkeyPatch, chip: Chip) -> None:
    monkeypatch.setattr(load_manager, "_TICK", 0.05)
    law = Law.newest
    await until(lambda: len(law.ticks) >= 2)
    law.says = [on(BOILER, Reason.STALE)]
    await until(lambda: chip.levels[17])
    # The meter's clock goes on, in the zone of the home.
    now, wall = law.ticks[-1]
    newest = law.samples[-1]
    assert wall - newest.wall == timedelta(seconds=round(now - newest.now, 6))
    assert wall.tzinfo is newest.wall.tzinfo


@pytest.mark.usefixtures("meter", "chip")
async def test_before_the_first_telegram_it_is_as_late_as_the_meter_says(
    hass: HomeAssistant, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock is off by hours, and hands and days go by it: they must not end because the entry is reloaded."""
    monkeypatch.setattr(load_manager, "_TICK", 0.05)
    newest = Law.newest.samples[-1].wall
    assert abs(newest - dt_util.utcnow()) > timedelta(minutes=10)
    assert await hass.config_entries.async_reload(entry.entry_id)
    law = Law.newest
    await until(lambda: bool(law.ticks))
    assert law.samples == []
    assert timedelta(seconds=-1) <= law.ticks[0][1] - newest < timedelta(minutes=1)


async def test_a_law_that_fails_leaves_nothing_on(
    say: Say, meter: MeterCoordinator, chip: Chip, pump: Device, caplog: pytest.LogCaptureFixture
) -> None:
    Law.newest.says = [on(BOILER), on(PUMP)]
    await say(nl5())
    await until(lambda: pump.on)
    Law.newest.fails = RuntimeError("nobody thought of this")
    await say(nl5(), nl5({"1-0:1.7.0": "(02.000*kW)"}))
    assert not chip.levels[17]
    await until(lambda: not pump.on)
    assert caplog.text.count("The control of the loads failed") == 1
    # The meter goes on.
    assert meter.readings["electricity_power"].value == 2000


async def test_an_output_that_fails_does_not_keep_the_others_from_being_shed(
    say: Say, loads: LoadManager, meter: MeterCoordinator, pump: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    Law.newest.says = [on(BOILER), on(PUMP)]
    await say(nl5())
    await until(lambda: pump.on)

    def fail(_on: object) -> None:
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr(loads._outputs[BOILER], "set", fail)
    Law.newest.says = [off(BOILER), off(PUMP)]
    await say(nl5({"1-0:1.7.0": "(02.000*kW)"}))
    await until(lambda: not pump.on)
    assert meter.readings["electricity_power"].value == 2000


async def test_a_view_that_fails_does_not_keep_the_meter_from_being_read(
    say: Say, loads: LoadManager, meter: MeterCoordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_now: float, *, mark: bool) -> None:
        raise RuntimeError(f"nobody thought of this ({mark})")

    monkeypatch.setattr(loads, "_report", fail)
    await say(nl5({"1-0:1.7.0": "(02.000*kW)"}))
    assert meter.readings["electricity_power"].value == 2000


# --- What is known besides -------------------------------------------------------------------------------------------


def known(load: str) -> tuple[float | None, bool]:
    newest = Law.newest.samples[-1].loads[load]
    return newest.power_w, newest.allowed


async def test_the_loads_own_sensors(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say) -> None:
    change(hass, entry, BOILER, power_entity="sensor.boiler", allowed_entity="binary_sensor.may")
    await set_up()
    # Nobody knows: what is off is not started.
    assert known(BOILER) == (None, False)
    assert known(PUMP) == (None, True)
    hass.states.async_set("sensor.boiler", "1.95", {"unit_of_measurement": "kW"})
    hass.states.async_set("binary_sensor.may", "on")
    await say(nl5())
    assert known(BOILER) == (1950.0, True)
    hass.states.async_set("sensor.boiler", "unavailable")
    hass.states.async_set("binary_sensor.may", "off")
    await say(nl5())
    assert known(BOILER) == (None, False)
    # Nobody knows: what is on is not ended.
    Law.newest.says = [on(BOILER)]
    hass.states.async_set("binary_sensor.may", "unavailable")
    await say(nl5(), nl5())
    assert known(BOILER) == (None, True)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("20", 20000.0),
        ("-0.01", -10.0),
        # It says kW and counts in W; its clamp is on the wrong way round.
        ("1950", None),
        ("-1.95", None),
    ],
)
async def test_a_power_that_the_load_cannot_draw_is_not_believed(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, state: str, expected: float | None
) -> None:
    """The boiler has 2000 W: ten times as much may be, for a label may be wrong, and a little less than nothing."""
    change(hass, entry, BOILER, power_entity="sensor.boiler")
    await set_up()
    hass.states.async_set("sensor.boiler", state, {"unit_of_measurement": "kW"})
    await say(nl5())
    assert known(BOILER)[0] == expected


@pytest.mark.parametrize(
    ("state", "unit", "expected"),
    [
        ("0.31", "EUR/kWh", 0.31),
        ("-45.5", "EUR/MWh", -0.0455),
        ("0.0003", "EUR/Wh", 0.3),
        ("28.5", "ct/kWh", 0.285),
        ("28.5", "Cent / kWh", 0.285),
        ("0.31", None, 0.31),
        ("unknown", "EUR/kWh", None),
        ("cheap", None, None),
        ("nan", "EUR/kWh", None),
    ],
)
async def test_prices(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    set_up: SetUp,
    say: Say,
    state: str,
    unit: str | None,
    expected: float | None,
) -> None:
    prices = {"price_buy_entity": "sensor.buy", "price_sell_entity": "sensor.sell"}
    hass.config_entries.async_update_entry(entry, options=prices)
    hass.states.async_set("sensor.sell", "0.05")
    await set_up()
    assert (Law.newest.samples[-1].price_buy, Law.newest.samples[-1].price_sell) == (None, 0.05)
    hass.states.async_set("sensor.buy", state, {} if unit is None else {"unit_of_measurement": unit})
    await say(nl5())
    assert Law.newest.samples[-1].price_buy == pytest.approx(expected)


async def test_the_site_is_what_the_meter_is(meter: MeterCoordinator, say: Say) -> None:
    site = Law.newest.site
    # Not measured yet: as the slowest port. 3.5 x 10 s.
    assert (site.period_s, site.stale_s, site.fuse_a) == (10.0, 35.0, None)
    with patch.object(type(meter), "interval", 1.0):
        await say(nl5({"1-0:31.4.0": "(025*A)"}))
        site = Law.newest.site
        assert (site.period_s, site.stale_s, site.fuse_a) == (1.0, 10.0, 25.0)
        # Not made anew with each telegram.
        await say(nl5({"1-0:31.4.0": "(025*A)"}))
        assert Law.newest.site is site


async def test_what_a_person_says_of_the_fuse_counts(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    hass.config_entries.async_update_entry(entry, options={"fuse_a": 20.0})
    await set_up()
    await say(nl5({"1-0:31.4.0": "(025*A)"}))
    assert Law.newest.site.fuse_a == 20.0
