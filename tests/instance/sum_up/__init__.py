"""Lets a test tell the recorder to sum up a period of five minutes that is not over, instead of waiting for its end."""

from datetime import timedelta
from typing import TYPE_CHECKING

from homeassistant.components.recorder.tasks import StatisticsTask
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant, ServiceCall
    from homeassistant.helpers.typing import ConfigType

DOMAIN = "sum_up"


async def async_setup(hass: HomeAssistant, _config: ConfigType) -> bool:
    """Offer the actions `sum_up.five_minutes`, of the period that runs, and `sum_up.hour`, of the last of an hour."""

    def sum_up(call: ServiceCall) -> None:
        now = dt_util.utcnow().replace(second=0, microsecond=0)
        start, last = now.replace(minute=now.minute // 5 * 5), now.replace(minute=55)
        if call.service == "hour":
            # In the last period of an hour, that may be summed up already.
            start = last + timedelta(hours=1) if start == last else last
        get_instance(hass).queue_task(StatisticsTask(start, fire_events=True))

    for action in ("five_minutes", "hour"):
        hass.services.async_register(DOMAIN, action, sum_up)
    return True
