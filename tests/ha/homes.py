"""A home whose meter another integration reads, or has read, with the recorder and a clock that is moved on.

The clock stands still between two telegrams; what the recorder does by the clock on the wall is asked of it here. What
HomeWizard, ESPHome and DSMR-reader leave is composed as they make it: they want a device on the network, or a broker.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

from homeassistant.components.recorder.models import StatisticData, StatisticMeanType
from homeassistant.components.recorder.statistics import async_import_statistics, statistics_during_period
from homeassistant.components.recorder.tasks import StatisticsTask
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.recorder import get_instance
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
)
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from custom_components.p1meter.takeable import Candidate, async_offer
from custom_components.p1meter.taking_over import async_take_over
from tests.compose import nl5

from .dialogs import speaking, until

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from tests.simulation.meter import Cable

    from .conftest import Say, SetUp, WallClock


FIVE_MINUTES = timedelta(minutes=5)
HOUR = timedelta(hours=1)
# As core's `dsmr` calls them.
LOW = "sensor.electricity_meter_energy_consumption_tarif_1"
NORMAL = "sensor.electricity_meter_energy_consumption_tarif_2"
POWER = "sensor.electricity_meter_power_consumption"
TARIFF = "sensor.electricity_meter_active_tariff"
GAS = "sensor.gas_meter_gas_consumption"
OF_DSMR = {
    "electricity_import_tariff_1": LOW,
    "electricity_import_tariff_2": NORMAL,
    "electricity_export_tariff_1": "sensor.electricity_meter_energy_production_tarif_1",
    "electricity_export_tariff_2": "sensor.electricity_meter_energy_production_tarif_2",
    "electricity_tariff": TARIFF,
    "electricity_power_import": POWER,
    "electricity_power_export": "sensor.electricity_meter_power_production",
    "gas_gas": GAS,
}
OURS = "sensor.iskra_am550_import_low_tariff"
OUR_POWER = "sensor.iskra_am550_import_power"
# What the meter shows at the beginning.
FIRST, FIRST_GAS = 4512.345, 2569.646


class Row(NamedTuple):
    """A row of the statistics: when its period begins, the state and what was used up to its end."""

    start: datetime
    state: float
    sum: float


class Home:
    """A meter, the recorder, and a clock that is moved on."""

    def __init__(
        self, hass: HomeAssistant, clock: WallClock, cable: Cable, entry: MockConfigEntry, say: Say, set_up: SetUp
    ) -> None:
        self.hass, self.clock, self.cable, self.entry = hass, clock, cable, entry
        self.used = 0.0
        self._say, self._set_up = say, set_up

    def telegram(self) -> bytes:
        """What the meter says now."""
        stamp = (self.clock.now + HOUR).strftime("%y%m%d%H%M%S") + "W"
        return nl5(
            {
                "0-0:1.0.0": f"({stamp})",
                "1-0:1.8.1": f"({FIRST + self.used:010.3f}*kWh)",
                "0-1:24.2.1": f"({stamp})({FIRST_GAS + self.used / 10:09.3f}*m3)",
            }
        )

    async def tell_dsmr(self) -> None:
        """Say something while core's `dsmr` listens."""
        now = round(FIRST + self.used, 3)
        async with speaking(self.cable.write, self.telegram()):
            await until(lambda: number(self.hass, LOW) == now)
        await self.hass.async_block_till_done()

    async def tell_us(self) -> None:
        """Say something while p1meter listens."""
        await self._say(self.telegram())

    async def add(self) -> None:
        """Add p1meter, as its dialog does."""
        await self._set_up(self.telegram())

    async def offered(self) -> dict[str, Candidate]:
        """Return what can be taken over, by slot."""
        await async_wait_recording_done(self.hass)
        offer = await async_offer(self.hass, self.entry)
        return {candidate.pair.slot: candidate for candidate in offer.candidates}

    async def take_over(self, *slots: str) -> None:
        """Take over what is offered; all of it if nothing is named."""
        offered = await self.offered()
        chosen = [candidate for slot, candidate in offered.items() if not slots or slot in slots]
        assert await async_take_over(self.hass, self.entry, chosen) == []
        await self.hass.async_block_till_done()

    async def sum_up(self) -> None:
        """Let the five minutes end that run, and the recorder sum them up."""
        start = self.clock.now.replace(minute=self.clock.now.minute // 5 * 5, second=0, microsecond=0)
        self.clock.now = start + FIVE_MINUTES
        await async_wait_recording_done(self.hass)
        get_instance(self.hass).queue_task(StatisticsTask(start, fire_events=True))
        await async_wait_recording_done(self.hass)

    async def rows(self, entity_id: str, period: Literal["5minute", "hour"] = "hour") -> list[Row]:
        """Return the rows of a total."""
        rows = await get_instance(self.hass).async_add_executor_job(
            statistics_during_period,
            self.hass,
            datetime(2020, 1, 1, tzinfo=UTC),
            None,
            {entity_id},
            period,
            None,
            {"state", "sum"},
        )
        return [
            Row(
                datetime.fromtimestamp(row["start"], UTC),
                round(row.get("state") or 0, 6),
                round(row.get("sum") or 0, 6),
            )
            for row in rows.get(entity_id, ())
        ]


def number(hass: HomeAssistant, entity_id: str) -> float | None:
    """Return what an entity shows."""
    state = hass.states.get(entity_id)
    return None if state is None or state.state in {"unknown", "unavailable"} else float(state.state)


async def left_by(
    hass: HomeAssistant, platform: str, entities: dict[str, tuple[str, str, str | None, float | None]]
) -> MockConfigEntry:
    """Register entities of an integration that has recorded for a year, until a minute ago.

    Args:
        hass: where.
        platform: of the integration.
        entities: unit, device class and last value, by entity id; with the end of the unique id first.
    """
    entry = MockConfigEntry(domain=platform, title=f"My {platform}")
    entry.add_to_hass(hass)
    device = dr.async_get(hass).async_get_or_create(config_entry_id=entry.entry_id, identifiers={(platform, "1")})
    for entity_id, (unique_id, unit, device_class, value) in entities.items():
        er.async_get(hass).async_get_or_create(
            "sensor",
            platform,
            unique_id,
            suggested_object_id=entity_id.partition(".")[2],
            config_entry=entry,
            device_id=device.id,
            original_name=entity_id.partition(".")[2].replace("_", " "),
            original_device_class=device_class,
            unit_of_measurement=unit,
        )
        if value is not None:
            record(hass, entity_id, unit, value)
    await async_wait_recording_done(hass)
    return entry


# Noon UTC is when the home's clock begins.
LAST_HOUR = datetime(2026, 2, 7, 11, 0, tzinfo=UTC)


def record(hass: HomeAssistant, entity_id: str, unit: str, value: float, last: datetime = LAST_HOUR) -> None:
    """Write three hours of a total, with 1000.5 in all of them together."""
    rows = [
        StatisticData(start=last - hours * HOUR, state=value - hours * 0.5, sum=1000.5 - hours * 0.5)
        for hours in (2, 1, 0)
    ]
    async_import_statistics(
        hass,
        {
            "mean_type": StatisticMeanType.NONE,
            "has_sum": True,
            "name": None,
            "source": "recorder",
            "statistic_id": entity_id,
            "unit_class": "volume" if unit == "m³" else "energy",
            "unit_of_measurement": unit,
        },
        rows,
    )


def record_mean(hass: HomeAssistant, entity_id: str, value: float) -> None:
    """Write an hour of a power."""
    async_import_statistics(
        hass,
        {
            "mean_type": StatisticMeanType.ARITHMETIC,
            "has_sum": False,
            "name": None,
            "source": "recorder",
            "statistic_id": entity_id,
            "unit_class": "power",
            "unit_of_measurement": "W",
        },
        [StatisticData(start=LAST_HOUR, mean=value, min=value, max=value)],
    )


async def homewizard(hass: HomeAssistant) -> MockConfigEntry:
    """Return what has the total that `dsmr` calls so, too."""
    return await left_by(hass, "homewizard", {LOW: ("HWE-P1_5c2f_total_power_import_t1_kwh", "kWh", "energy", FIRST)})


async def until_dsmr_reads(hass: HomeAssistant, cable: Cable) -> None:
    """Let core's `dsmr` hear what the meter says."""
    async with speaking(cable.write, nl5()):
        await until(lambda: number(hass, LOW) == FIRST)
