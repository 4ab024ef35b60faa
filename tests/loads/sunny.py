"""A load on the sun, for the tests of who decides over it."""

from datetime import datetime, time, timedelta

from p1meter.loads import LoadSettings, Reason, Site
from tests.loads.plant import ZONE, Appliance, Plant, Switch

HOUR = 3600
WINTER = datetime(2026, 1, 12, 17, 0, tzinfo=ZONE)
BOILER = LoadSettings("boiler", 2000.0, 1, phases=(1,))
QUICK = LoadSettings("boiler", 2000.0, 1, phases=(1,), start_cost_wh=0.0, stop_cost_wh=0.0, min_on_s=0.0)
MUST = LoadSettings("boiler", 2000.0, 1, min_run_s=3 * HOUR, deadline=time(21), phases=(1,))


def sunny(settings: LoadSettings = BOILER, site: Site | None = None, **more: object) -> Plant:
    """A load that has been running on the sun for a while."""
    plant = Plant([Appliance(settings)], house=-2500.0, site=site or Site(), **more)  # type: ignore[arg-type] # passed on
    plant.run(300)
    assert plant.on("boiler")
    return plant


def by_hand(plant: Plant, on: bool | None, seconds: float = HOUR) -> None:  # noqa: FBT001 (as the controller's own call)
    plant.controller.override("boiler", on, plant.wall() + timedelta(seconds=seconds))


def l1(amperes: float) -> tuple[float, float, float]:
    return (amperes * 230.0, -3000.0, -3000.0)


def brief(switches: list[Switch]) -> list[tuple[str, bool, Reason]]:
    return [switch[1:4] for switch in switches]
