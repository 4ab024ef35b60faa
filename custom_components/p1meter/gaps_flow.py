"""The part of the options dialog about hours without Home Assistant, or with a silent meter."""

from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import callback
from homeassistant.helpers.selector import BooleanSelector, SelectOptionDict, Selector
from homeassistant.util import dt as dt_util
import probatio as vol

from .const import CONF_SPREAD_GAPS
from .fields import tick_list
from .gap_filling import LISTED, async_choose, async_find, totals
from .history_labels import async_decimal_mark, name_of, number, span
from .options_part import OptionsPart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homeassistant.config_entries import ConfigFlowResult

    from .memory import Filled, Memory

CONF_GAPS: Final = "gaps"
CONF_SPREAD_NEW: Final = "spread_new"

# More than that nobody looks through; the newest count.
_MOST_LISTED: Final = 100


class GapsFlow(OptionsPart):
    """Spreads what was used in a gap over its hours, and takes that back."""

    def __init__(self) -> None:
        super().__init__()
        self._gaps: dict[str, list[Filled]] = {}

    async def async_step_gaps(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the gaps of the last year; those that are ticked are spread evenly."""
        store = self._store_of_past
        if store is None:
            return self.async_abort(reason="past_not_at_hand")
        since = self.config_entry.options.get(CONF_SPREAD_GAPS)
        if user_input is not None:
            ticked = user_input.get(CONF_GAPS, ())
            chosen = [
                filled._replace(spread=gap in ticked)
                for gap, all_filled in self._gaps.items()
                # Of a gap some totals may be spread: who changes something else does not mean the others.
                if (gap in ticked) is not _is_spread(all_filled)
                for filled in all_filled
                if filled.spread is not (gap in ticked)
            ]
            await async_choose(self.hass, self.config_entry.entry_id, store, chosen)
            wanted = since or dt_util.utcnow().isoformat() if user_input[CONF_SPREAD_NEW] else None
            return self._save({CONF_SPREAD_GAPS}, {CONF_SPREAD_GAPS: wanted})
        self._gaps = await self._async_gaps(store.memory)
        fields: dict[Any, Selector[Any]] = {}
        if self._gaps:
            mark = await async_decimal_mark(self.hass)
            options = [
                SelectOptionDict(value=gap, label=self._label_of_gap(of, mark)) for gap, of in self._gaps.items()
            ]
            fields[vol.Required(CONF_GAPS, default=[])] = tick_list(options)
        fields[vol.Required(CONF_SPREAD_NEW)] = BooleanSelector()
        shown = {
            CONF_GAPS: [gap for gap, all_filled in self._gaps.items() if _is_spread(all_filled)],
            CONF_SPREAD_NEW: since is not None,
        }
        return self.async_show_form(
            # Other words where nothing is listed.
            step_id="gaps" if self._gaps else "gaps_none",
            data_schema=self.add_suggested_values_to_schema(vol.Schema(fields), shown),
            last_step=True,
        )

    async_step_gaps_none = async_step_gaps

    async def _async_gaps(self, memory: Memory) -> dict[str, list[Filled]]:
        """Return the gaps, the newest first, those of several totals together; what stands for each in the dialog."""
        since = dt_util.utcnow() - LISTED
        found = await async_find(self.hass, self.config_entry.entry_id, memory, dict.fromkeys(totals(memory), since))
        known = [filled for filled in memory.filled if filled.gap.end > since.timestamp()]
        gaps: dict[str, list[Filled]] = {}
        for filled in sorted([*found.gaps, *known], key=lambda filled: filled.gap.before, reverse=True):
            gaps.setdefault(f"{filled.gap.before:.0f}-{filled.gap.after:.0f}", []).append(filled)
        return dict(list(gaps.items())[:_MOST_LISTED])

    @callback
    def _label_of_gap(self, of_totals: Sequence[Filled], decimal_mark: str) -> str:
        begin = dt_util.utc_from_timestamp(min(filled.gap.begin for filled in of_totals))
        end = dt_util.utc_from_timestamp(max(filled.gap.end for filled in of_totals))
        grown = [
            f"{name_of(self.hass, self.config_entry.entry_id, filled.slot)} "
            f"{number(filled.gap.grown, decimal_mark)} {filled.unit}"
            for filled in of_totals
        ]
        return f"{span(begin, end)}: {'; '.join(grown)}"


def _is_spread(of_totals: Sequence[Filled]) -> bool:
    """Return whether a gap is shown as spread: some total in it is."""
    return any(filled.spread for filled in of_totals)
