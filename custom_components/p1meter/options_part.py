"""What the parts of the options dialog have in common."""

from typing import TYPE_CHECKING, Any

from homeassistant.components.recorder.const import DOMAIN as RECORDER
from homeassistant.config_entries import OptionsFlow
import probatio as vol

from .known import reader_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from homeassistant.config_entries import ConfigFlowResult
    from homeassistant.helpers.selector import Selector

    from .coordinator import MeterCoordinator
    from .meter import Telegram
    from .store import MeterStore


class OptionsPart(OptionsFlow):
    """Asks for some of the options, and leaves the others as they are."""

    @property
    def _meter(self) -> MeterCoordinator | None:
        """Who reads the meter, while it is read."""
        return reader_of(self.config_entry)

    @property
    def _telegram(self) -> Telegram | None:
        """The newest telegram, while the meter is read."""
        return None if (meter := self._meter) is None else meter.data

    @property
    def _store_of_past(self) -> MeterStore | None:
        """What is known of the meter, while it is read; None also where nothing is recorded."""
        is_recorded = RECORDER in self.hass.config.components
        return None if (meter := self._meter) is None or not is_recorded else meter.store

    def _save(self, keys: Collection[str], chosen: Mapping[str, Any]) -> ConfigFlowResult:
        """Keep what was chosen in place of these options; None is what is there by default."""
        kept = {key: value for key, value in self.config_entry.options.items() if key not in keys}
        return self.async_create_entry(data=kept | {key: value for key, value in chosen.items() if value is not None})

    def _form(
        self,
        *,
        step_id: str,
        fields: Mapping[Any, Selector[Any]],
        shown: Mapping[str, Any],
        errors: dict[str, str],
        last_step: bool = True,
        **placeholders: str,
    ) -> ConfigFlowResult:
        """Show a form with what stands in its fields; `placeholders` go into its texts and errors."""
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(vol.Schema(dict(fields)), shown),
            errors=errors,
            description_placeholders=placeholders,
            last_step=last_step,
        )
