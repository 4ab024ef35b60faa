"""What a person chose to be kept and shared, from and to the JSON that the entry keeps."""

from dataclasses import fields
import json
from typing import TYPE_CHECKING, Any

import pytest

from p1meter.meter import Obis
from p1meter.sink_settings import (
    InfluxSettings,
    JournalSettings,
    LatestFileSettings,
    MqttSettings,
    ServerSettings,
    SinkSettings,
    to_options,
)

if TYPE_CHECKING:
    from p1meter.sink_settings import AnySinkSettings

# Of each sink: its option, what has no default, and of everything else something that is not the default.
SINKS: list[tuple[str, type[AnySinkSettings], dict[str, Any], dict[str, Any]]] = [
    (
        "journal",
        JournalSettings,
        {"folder": "house"},
        {"format": "csv", "interval": 0, "keep_months": 24, "max_mb": 100},
    ),
    ("latest_file", LatestFileSettings, {"path": "/share/telegram"}, {"mode": "if_absent", "interval": 0}),
    (
        "mqtt",
        MqttSettings,
        {"layouts": ("topics", "dsmr_reader"), "prefix": "p1meter/house"},
        {"interval": 10, "qos": 1, "retain": True, "keep_s": 600},
    ),
    (
        "influxdb",
        InfluxSettings,
        {"url": "http://influxdb.local:8086", "database": "energy"},
        {
            "version": "2",
            "user": "meter",
            "password": "hedgehog-44",
            "token": "dG9rZW4=",
            "organisation": "home",
            "verify_ssl": False,
            "names": "smartmeter",
            "interval": 0,
            "keep_s": 86_400,
        },
    ),
    ("server", ServerSettings, {}, {"host": "0.0.0.0", "port": 2001, "max_clients": 1}),
]
NAMES = [name for name, _, _, _ in SINKS]


def chosen(**sinks: Any) -> SinkSettings:
    return SinkSettings(**sinks)


def as_kept(options: dict[str, Any]) -> dict[str, Any]:
    """What Home Assistant reads from its disk after a restart."""
    kept: dict[str, Any] = json.loads(json.dumps(options))
    return kept


@pytest.mark.parametrize(("name", "kind", "needed", "further"), SINKS, ids=NAMES)
def test_everything_comes_back(
    name: str, kind: type[AnySinkSettings], needed: dict[str, Any], further: dict[str, Any]
) -> None:
    # None is forgotten here.
    assert {field.name for field in fields(kind)} == needed.keys() | further.keys()
    settings = kind(**needed, **further)
    assert SinkSettings.of(as_kept({name: to_options(settings)})) == chosen(**{name: settings})


@pytest.mark.parametrize(("name", "kind", "needed", "further"), SINKS, ids=NAMES)
def test_what_is_as_it_is_by_default_is_not_kept(
    name: str, kind: type[AnySinkSettings], needed: dict[str, Any], further: dict[str, Any]
) -> None:
    settings = kind(**needed)
    options = as_kept({name: to_options(settings)})
    assert options[name].keys() == needed.keys()
    # It is on all the same, also where there is nothing to keep.
    assert SinkSettings.of(options) == chosen(**{name: settings})
    for one, value in further.items():
        assert to_options(kind(**needed, **{one: value})).keys() == needed.keys() | {one}


def test_options_are_plain_json() -> None:
    settings = MqttSettings(layouts=("topics", "json"), prefix="p1meter/house", qos=2)
    assert to_options(settings) == {"layouts": ["topics", "json"], "prefix": "p1meter/house", "qos": 2}


def test_everything_is_off_by_default() -> None:
    settings = SinkSettings.of({})
    assert settings == SinkSettings()
    assert [getattr(settings, name) for name in (*NAMES, "selected")] == [None] * 6


def test_all_of_them_at_once() -> None:
    wanted = {name: kind(**needed, **further) for name, kind, needed, further in SINKS}
    options = as_kept({name: to_options(settings) for name, settings in wanted.items()})
    assert SinkSettings.of({**options, "interval": 30}) == chosen(**wanted)


def test_selected_objects_are_codes() -> None:
    options = {"selected_objects": ["1-0:1.8.1", "0-1:24.2.1"]}
    assert SinkSettings.of(options).selected == frozenset(map(Obis.parse, ("1-0:1.8.1", "0-1:24.2.1")))


def test_nothing_selected_is_not_everything() -> None:
    assert SinkSettings.of({"selected_objects": []}).selected == frozenset()


def test_secrets_are_not_in_what_is_logged() -> None:
    settings = InfluxSettings(url="http://influxdb.local", database="energy", password="hedgehog-44", token="dG9rZW4=")  # noqa: S106 (of no server)
    assert "hedgehog-44" not in repr(settings)
    assert "dG9rZW4=" not in repr(settings)
