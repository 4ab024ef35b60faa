"""The part of the options dialog about what another integration has recorded of the same meter."""

from typing import TYPE_CHECKING, Any, Final

from homeassistant.components.recorder.const import DOMAIN as RECORDER
from homeassistant.helpers.selector import SelectOptionDict
import probatio as vol

from .copying import async_copy
from .fields import open_list, tick_list
from .history_import import NotWrittenError
from .history_labels import async_decimal_mark, moment, spelled
from .options_part import OptionsPart
from .takeable import async_offer
from .taking_over import async_give_back, async_needs_port, async_take_over, names
from .words import async_words

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from homeassistant.config_entries import ConfigFlowResult

    from .takeable import Candidate, Offer, Shown

CONF_PAIRS: Final = "pairs"
CONF_WAY: Final = "way"

_PLACES: Final = "places"
_COPY: Final = "copy"


class TakeOverFlow(OptionsPart):
    """Offers to put our entities in the place of those of another integration, and to give the places back."""

    def __init__(self) -> None:
        super().__init__()
        self._offer: Offer | None = None
        self._then: Callable[[], Awaitable[ConfigFlowResult]] | None = None
        self._taken_over: dict[str, str] = {}

    async def async_take_over_before(self, then: Callable[[], Awaitable[ConfigFlowResult]]) -> ConfigFlowResult:
        """Offer it right after the meter was added, if there is anything, and go on with `then`."""
        if self._meter is not None:
            self._offer = await async_offer(self.hass, self.config_entry)
            if self._offer.candidates:
                self._then = then
                return await self.async_step_take_over_choose()
        return await then()

    async def async_step_take_over(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Go to what can be done: take over, or undo it."""
        if (meter := self._meter) is None:
            return self.async_abort(reason="take_over_not_read")
        if meter.memory.held:
            return self.async_show_menu(step_id="take_over", menu_options=["take_over_choose", "take_over_undo"])
        return await self.async_step_take_over_choose()

    async def async_step_take_over_choose(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask whose places are to be taken, and take them."""
        if RECORDER not in self.hass.config.components:
            return self.async_abort(reason="past_not_at_hand")
        if self._offer is None:
            self._offer = await async_offer(self.hass, self.config_entry)
        offer = self._offer
        if not offer.candidates:
            return self.async_abort(reason="take_over_nothing")
        if user_input is not None:
            chosen = [one for one in offer.candidates if one.pair.slot in user_input[CONF_PAIRS]]
            if not chosen:
                return await self._async_done()
            if user_input[CONF_WAY] == _COPY:
                return await self._async_copy(chosen)
            failed = await async_take_over(self.hass, self.config_entry, chosen)
            self._taken_over = {
                "taken": _listed(one.pair.old.entity_id for one in chosen if one not in failed),
                "failed": _listed(one.pair.old.entity_id for one in failed),
            }
            return await self.async_step_taken_over()
        words = await async_words(self.hass, "take_over")
        mark = await async_decimal_mark(self.hass)
        options = [
            SelectOptionDict(value=one.pair.slot, label=_label(one, words["now"], mark)) for one in offer.candidates
        ]
        ticked = [one.pair.slot for one in offer.candidates if one.pair.same_words and one.pair.is_sure]
        parts = []
        if offer.entries:
            parts.append(f"**{words['switched_off']}**\n{_listed(entry.title for entry in offer.entries)}")
        if offer.without:
            parts.append(f"**{words['without']}**\n{_listed(entity.entity_id for entity in offer.without)}")
        return self.async_show_form(
            step_id="take_over_choose",
            data_schema=vol.Schema(
                {
                    vol.Required(CONF_PAIRS, default=ticked): tick_list(options),
                    vol.Required(CONF_WAY, default=_PLACES): open_list([_PLACES, _COPY], "take_over_way"),
                }
            ),
            description_placeholders={"effects": "\n\n".join(parts)},
            last_step=False,
        )

    async def async_step_taken_over(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say what was done."""
        if user_input is not None:
            return await self._async_done()
        return self.async_show_form(
            # Other words where not all went well.
            step_id="taken_over_partly" if self._taken_over["failed"] else "taken_over",
            data_schema=vol.Schema({}),
            description_placeholders=self._taken_over,
            last_step=self._then is None,
        )

    async_step_taken_over_partly = async_step_copied = async_step_taken_over

    async def _async_copy(self, chosen: list[Candidate]) -> ConfigFlowResult:
        try:
            results = await async_copy(self.hass, self.config_entry, chosen)
        except NotWrittenError as err:
            return self.async_abort(reason="not_copied", description_placeholders={"entity": str(err)})
        return self.async_show_form(
            step_id="copied",
            data_schema=vol.Schema({}),
            description_placeholders={"copied": _listed(f"{one.entity_id}: {one.added}" for one in results) or "-"},
            last_step=self._then is None,
        )

    async def async_step_take_over_undo(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say what undoing means, and do it."""
        entry = self.config_entry
        if (meter := self._meter) is None:
            return self.async_abort(reason="take_over_not_read")
        if user_input is not None:
            failed = await async_give_back(self.hass, entry)
            if failed:
                return self.async_abort(
                    reason="given_back_partly",
                    description_placeholders={"entities": names(self.hass, entry, failed)},
                )
            return self.async_abort(reason="given_back")
        memory = meter.memory
        words = await async_words(self.hass, "take_over")
        needs_port = await async_needs_port(self.hass, entry, memory.switched_off)
        return self.async_show_form(
            step_id="take_over_undo",
            data_schema=vol.Schema({}),
            description_placeholders={
                "entities": "\n".join(f"- {name}" for name in names(self.hass, entry, memory.held).split(", ")),
                "port": words["port"] if needs_port else "",
            },
            last_step=True,
        )

    async def _async_done(self) -> ConfigFlowResult:
        if self._then is not None:
            return await self._then()
        return self.async_create_entry(data=self.config_entry.options)


def _listed(texts: Iterable[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)


def _label(candidate: Candidate, now: str, decimal_mark: str) -> str:
    """Return a pair as a person sees it, with what was last recorded beside what is shown."""
    name = candidate.ours.name or candidate.ours.original_name or candidate.ours.entity_id
    return (
        f"{candidate.pair.old.entity_id}: {_value(candidate.old_shown, now, decimal_mark)} → "
        f"{name}: {spelled(candidate.our_shown.text, decimal_mark) or '-'}"
    )


def _value(shown: Shown, now: str, decimal_mark: str) -> str:
    if not shown.text:
        return "-"
    at = now if shown.at is None else moment(shown.at)
    return f"{spelled(shown.text, decimal_mark)} ({at})"
