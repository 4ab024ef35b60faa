"""What a person chose for a load, from and to the JSON that the entry keeps."""

from dataclasses import fields
from datetime import time
import json
import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from p1meter.gpio import GpioBias, GpioDrive
from p1meter.load_settings import (
    DEFAULTS_BY_KIND,
    EntitySettings,
    GpioSettings,
    SiteConfig,
    change_settings,
    load_config,
    meter_fuse,
    parse_windows,
    settings_of,
    site_config,
    windows_length_s,
    windows_text,
)
from p1meter.loads import LoadSettings
from p1meter.meter.profiles import profile

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigSubentry

    from p1meter.load_settings import LoadConfig

FLANDERS, SWEDEN = profile("be", "BE"), profile("h1", "SE")
BOILER = {"kind": "relay", "entity_id": "switch.boiler", "power_w": 2000.0, "rank": 1}
# Of every setting something that no kind has by default, and how the entry keeps it.
OTHERWISE: dict[str, tuple[Any, Any]] = {
    "on_share": (0.9, 0.9),
    "off_share": (0.4, 0.4),
    "start_cost_wh": (7.0, 7.0),
    "stop_cost_wh": (8.0, 8.0),
    "min_on_s": (90.0, 90.0),
    "min_off_s": (120.0, 120.0),
    "latency_s": (4.0, 4.0),
    "ramp_s": (6.0, 6.0),
    "phases": ((1, 2, 3), [1, 2, 3]),
    "min_run_s": (7200.0, 7200.0),
    "max_run_s": (14400.0, 14400.0),
    "deadline": (time(22), "22:00"),
    "day_start": (time(0, 30), "00:30"),
    "max_starts_per_day": (50, 50),
    "max_starts_per_hour": (None, None),
    "start_budget": (20, 20),
    "tariffs": (frozenset({2, 1}), [1, 2]),
    "max_price": (0.25, 0.25),
    "windows": (((time(22), time(6)), (time(13), time(15, 30))), [["22:00", "06:00"], ["13:00", "15:30"]]),
    "value_per_kwh": (0.14, 0.14),
    "override_s": (3600.0, 3600.0),
    "override_protected": (True, True),
    "never_shed": (True, True),
    "safe_on": (True, True),
    "run_when_blind": (True, True),
    "idle_off_s": (300.0, 300.0),
    "idle_retry_s": (900.0, 900.0),
    "hold_idle": (True, True),
}


def load(data: dict[str, Any]) -> LoadConfig:
    """Read a subentry that was on disk meanwhile."""
    subentry = SimpleNamespace(data=json.loads(json.dumps(data)), subentry_id="01JD", title="Boiler")
    return load_config(cast("ConfigSubentry", subentry))


def test_every_setting_is_tried() -> None:
    assert OTHERWISE.keys() == {field.name for field in fields(LoadSettings)} - {"id", "power_w", "rank"}


@pytest.mark.parametrize("name", sorted(OTHERWISE))
def test_a_setting_comes_back_as_it_was(name: str) -> None:
    value, kept = OTHERWISE[name]
    data = change_settings(BOILER, **{name: value})
    assert data == {**BOILER, name: kept}
    assert load(data).settings == LoadSettings("01JD", 2000, 1, **{name: value})
    # What is as the kind has it by default is not kept: it changes with the kind.
    assert change_settings(data, **{name: settings_of(BOILER)[name]}) == BOILER


@pytest.mark.parametrize(
    ("deadline", "begin"),
    [(None, time(4)), (time(7), time(7)), (time(2), time(2)), (time(11, 59), time(11, 59)), (time(12), time(4))],
)
def test_a_night_before_a_deadline_in_the_morning_is_one_day(deadline: time | None, begin: time) -> None:
    data = change_settings(BOILER, deadline=deadline, min_run_s=9000.0)
    assert "day_start" not in data
    assert load(data).settings.day_start == begin
    # What is changed beside it does not make it a choice.
    assert "day_start" not in change_settings(data, on_share=0.9)
    # A choice is one, as long as it is otherwise; and can be taken back.
    chosen = change_settings(data, day_start=time(15))
    assert load(change_settings(chosen, on_share=0.9)).settings.day_start == time(15)
    assert change_settings(chosen, day_start=None) == data


def test_all_of_them_at_once() -> None:
    chosen = {name: value for name, (value, _) in OTHERWISE.items()}
    data = change_settings(BOILER, power_w=1500, rank=3, **chosen)
    assert load(data).settings == LoadSettings("01JD", 1500, 3, **chosen)


# start and stop cost, min on, min off, latency, ramp: the table of loads.md §3.2.
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("relay", (20, 20, 60, 0, 2, 2)),
        ("solid_state", (5, 5, 60, 0, 2, 2)),
        ("motor", (20, 20, 300, 180, 2, 2)),
        ("compressor", (20, 20, 600, 600, 2, 2)),
        ("charger", (20, 20, 60, 0, 15, 10)),
    ],
)
def test_a_kind_of_device_has_its_defaults(kind: str, expected: tuple[float, ...]) -> None:
    settings = load({**BOILER, "kind": kind}).settings
    assert expected == (
        settings.start_cost_wh,
        settings.stop_cost_wh,
        settings.min_on_s,
        settings.min_off_s,
        settings.latency_s,
        settings.ramp_s,
    )
    assert kind in DEFAULTS_BY_KIND


def test_a_change_of_kind_takes_what_was_chosen_along_and_nothing_else() -> None:
    data = change_settings({**BOILER, "kind": "compressor"}, min_on_s=900.0)
    pump = load({**data, "kind": "motor"}).settings
    assert (pump.min_on_s, pump.min_off_s) == (900, 180)


def test_what_a_kind_has_otherwise_can_be_taken_back() -> None:
    data = change_settings({**BOILER, "kind": "motor"}, min_on_s=60.0)
    assert data["min_on_s"] == 60
    assert load(data).settings.min_on_s == 60


def test_an_entity_switches_it() -> None:
    config = load({**BOILER, "power_entity": "sensor.boiler", "allowed_entity": "input_boolean.home"})
    assert config.output == EntitySettings("switch.boiler")
    assert (config.title, config.kind) == ("Boiler", "relay")
    assert (config.power_entity, config.allowed_entity) == ("sensor.boiler", "input_boolean.home")


def test_a_pin_switches_it() -> None:
    pin = {"kind": "relay", "chip": "/dev/gpiochip0", "line": 17, "power_w": 2000.0, "rank": 1}
    config = load(pin)
    assert config.output == GpioSettings("/dev/gpiochip0", 17)
    assert (config.power_entity, config.allowed_entity) == (None, None)
    wiring = {"active_low": True, "bias": "pull_up", "drive": "open_drain", "keep_at_stop": True, "chip_label": "rp1"}
    assert load({**pin, **wiring}).output == GpioSettings(
        "/dev/gpiochip0",
        17,
        active_low=True,
        bias=GpioBias.PULL_UP,
        drive=GpioDrive.OPEN_DRAIN,
        keep_at_stop=True,
        label="rp1",
    )


def test_what_nobody_chose_for_the_connection_is_as_in_flanders() -> None:
    site = site_config({"interval": 20}, FLANDERS).site(period_s=10, stale_s=35, meter_fuse_a=None)
    assert (site.period_s, site.stale_s) == (10, 35)
    # The month's peak so far, at least 2.5 kW, in quarters of an hour; without a fuse none is watched.
    assert (site.target_w, site.target_floor_w, site.window_s, site.peak_count) == (None, 2500, 900, 1)
    assert (site.fuse_a, site.fuse_margin_a, site.priority) == (None, 1, "fair")


def test_elsewhere_nothing_limits_the_demand_unless_it_is_asked_for() -> None:
    for meter, window_s in ((profile("nl5", "NL"), 900), (SWEDEN, 3600)):
        site = site_config({}, meter).site(period_s=10, stale_s=35, meter_fuse_a=None)
        assert (site.target_w, site.window_s) == (math.inf, window_s)
    # Who wants the quarter of an hour gets it also where the hour counts.
    assert site_config({"window_s": 900.0}, SWEDEN).window_s == 900


def test_what_was_chosen_for_the_connection_comes_back() -> None:
    options = {
        "fuse_a": 20.0,
        "fuse_margin_a": 2.0,
        "demand": "own",
        "target_w": 4000.0,
        "target_floor_w": 3000.0,
        "window_s": 3600.0,
        "peak_count": 3,
        "priority": "strict",
        "price_buy_entity": "sensor.buy",
        "price_sell_entity": "sensor.sell",
    }
    config = site_config({**options, "interval": 20}, FLANDERS)
    assert config == SiteConfig(**cast("Any", options))
    assert options.keys() == {field.name for field in fields(SiteConfig)}
    site = config.site(period_s=1, stale_s=10, meter_fuse_a=25)
    assert (site.fuse_a, site.fuse_margin_a, site.priority) == (20, 2, "strict")
    assert (site.target_w, site.target_floor_w, site.window_s, site.peak_count) == (4000, 3000, 3600, 3)


def test_no_demand_limit_is_a_limit_that_nothing_reaches() -> None:
    site = site_config({"demand": "off", "target_w": 4000.0}, FLANDERS).site(period_s=1, stale_s=10, meter_fuse_a=25)
    assert site.target_w == math.inf
    assert site.fuse_a == 25


@pytest.mark.parametrize(("sent", "fuse"), [(None, None), (0, None), (25, 25), (998, 998), (999, None), (9999, None)])
def test_a_meter_that_knows_no_fuse_sends_999(sent: float | None, fuse: float | None) -> None:
    assert meter_fuse(sent) == fuse


NIGHT = (time(22), time(6))
NOON = (time(13), time(15, 30))


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ("", ()),
        (" , ", ()),
        ("22:00-06:00", (NIGHT,)),
        ("22:00-06:00, 13:00-15:30", (NIGHT, NOON)),
        ("22 - 6; 13.00 \u2013 15.30", (NIGHT, NOON)),
        ("22h-6h\n13h00-15h30", (NIGHT, NOON)),
        ("22u00 - 6u", (NIGHT,)),
        ("22H00\u201406 h", (NIGHT,)),
        ("22:00-24:00", ((time(22), time(0)),)),
        ("0:00-7:05", ((time(0), time(7, 5)),)),
    ],
)
def test_times_are_read_as_people_write_them(text: str, windows: tuple[tuple[time, time], ...]) -> None:
    assert parse_windows(text) == windows
    assert parse_windows(windows_text(windows)) == windows


@pytest.mark.parametrize(
    "wrong",
    ["at night", "22:00", "22:00-25:00", "22:60-23:00", "24:00-06:00", "8:00-8:00", "2200-0600", "1-2-3", "7:5-8"],
)
def test_what_is_no_time_window_is_named(wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong) as error:
        parse_windows(f"22:00-06:00, {wrong}")
    assert str(error.value) == wrong


# 8 h of night; 2.5 h after noon; an hour that both have counts once.
@pytest.mark.parametrize(
    ("windows", "hours"),
    [((), 0), ((NIGHT,), 8), ((NIGHT, NOON), 10.5), ((NIGHT, (time(5), time(7))), 9), (((time(22), time(0)),), 2)],
)
def test_how_much_of_a_day_is_in_the_windows(windows: tuple[tuple[time, time], ...], hours: float) -> None:
    assert windows_length_s(windows) == hours * 3600
