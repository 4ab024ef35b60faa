"""The part of the options dialog in which a person makes sensors of codes that p1meter does not know."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from homeassistant.components.sensor import CONF_STATE_CLASS, SensorDeviceClass, SensorStateClass
from homeassistant.components.sensor.const import DEVICE_CLASS_STATE_CLASSES, DEVICE_CLASS_UNITS
from homeassistant.const import CONF_CODE, CONF_DEVICE_CLASS, CONF_NAME, CONF_UNIT_OF_MEASUREMENT
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
)
import probatio as vol

from .const import CONF_REGISTERS
from .fields import dropdown, number_box, open_list, shortened
from .known import async_memory
from .meter import REGISTERS, Obis
from .meter.codes import code as code_of_text
from .meter.values import number_with_unit, unit_of
from .options_part import OptionsPart
from .own import OwnRegister, Pasted, find, first_number, kind_of, new_id, parse_notation, translate
from .roles import ELECTRICITY
from .sensor import unit_and_factor
from .words import async_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from homeassistant.config_entries import ConfigFlowResult

CONF_INDEX: Final = "index"
CONF_KIND: Final = "kind"
CONF_TABLE: Final = "table"

# What a meter measures; Home Assistant has many more.
_DEVICE_CLASSES: Final = (
    SensorDeviceClass.ENERGY,
    SensorDeviceClass.POWER,
    SensorDeviceClass.VOLTAGE,
    SensorDeviceClass.CURRENT,
    SensorDeviceClass.FREQUENCY,
    SensorDeviceClass.POWER_FACTOR,
    SensorDeviceClass.REACTIVE_ENERGY,
    SensorDeviceClass.REACTIVE_POWER,
    SensorDeviceClass.APPARENT_POWER,
    SensorDeviceClass.GAS,
    SensorDeviceClass.WATER,
    SensorDeviceClass.VOLUME,
    SensorDeviceClass.VOLUME_FLOW_RATE,
    SensorDeviceClass.TEMPERATURE,
    SensorDeviceClass.DURATION,
)
_STATE_CLASSES: Final = (SensorStateClass.MEASUREMENT, SensorStateClass.TOTAL, SensorStateClass.TOTAL_INCREASING)
# Those that meters count in, for the list; any other may be typed.
_UNITS: Final = (
    *("kWh", "Wh", "MWh", "MJ", "GJ", "kW", "W", "V", "A", "Hz", "kvarh", "varh", "kvar", "var", "kVA", "VA"),
    *("m³", "L", "m³/h", "L/h", "°C", "s", "min", "h", "%"),
)


class RegistersFlow(OptionsPart):
    """Adds, changes and removes registers of a person's own."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str, str] = {}
        self._changed: OwnRegister | None = None
        self._code = Obis(None, None, 0, 0)
        self._draft: dict[str, Any] = {}
        self._pasted = Pasted([], [], [])

    async def async_step_registers(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show what can be done with registers of a person's own."""
        self._seen = await self._async_seen()
        existing = ["register_change", "register_remove"] if self._registers else []
        return self.async_show_menu(
            step_id="registers",
            menu_options=[
                *(["register_pick"] if self._seen else []),
                "register_type",
                "register_paste",
                *existing,
            ],
            description_placeholders={
                "registers": "\n".join(f"- {one.name} ({one.notation})" for one in self._registers)
            },
        )

    async def async_step_register_pick(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for one of the codes that the meter sends and p1meter does not know."""
        if user_input is not None:
            return await self._async_begin(user_input[CONF_CODE])
        options = [
            SelectOptionDict(value=code, label=f"{code} = {value}" if value else code)
            for code, value in self._seen.items()
        ]
        return self.async_show_form(
            step_id="register_pick",
            data_schema=vol.Schema(
                {
                    vol.Required(CONF_CODE): SelectSelector(
                        SelectSelectorConfig(options=options, mode=SelectSelectorMode.LIST)
                    )
                }
            ),
            last_step=False,
        )

    async def async_step_register_type(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for a code that is typed."""
        errors = {}
        if user_input is not None:
            try:
                parse_notation(user_input[CONF_CODE])
            except ValueError:
                errors[CONF_CODE] = "not_a_code"
            else:
                return await self._async_begin(user_input[CONF_CODE])
        return self.async_show_form(
            step_id="register_type",
            data_schema=self.add_suggested_values_to_schema(
                vol.Schema({vol.Required(CONF_CODE): TextSelector()}), user_input
            ),
            errors=errors,
            last_step=False,
        )

    async def async_step_register_change(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask which register is to be changed."""
        if user_input is not None:
            self._changed = next(one for one in self._registers if one.id == user_input[CONF_REGISTERS])
            self._code = self._changed.code
            self._draft = {
                CONF_NAME: self._changed.name,
                CONF_INDEX: self._changed.index,
                CONF_KIND: self._changed.kind,
            }
            return await self.async_step_register()
        return self._show_registers("register_change", multiple=False)

    async def async_step_register_remove(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask which registers are to go."""
        if user_input is not None:
            gone = user_input[CONF_REGISTERS]
            return self._save_registers(one for one in self._registers if one.id not in gone)
        return self._show_registers("register_remove", multiple=True)

    async def async_step_register(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the name of a register, which value of its line it is, and of what kind."""
        errors: dict[str, str] = {}
        if user_input is not None:
            self._draft = {
                CONF_NAME: " ".join(user_input[CONF_NAME].split()),
                CONF_INDEX: int(user_input[CONF_INDEX]),
                CONF_KIND: user_input[CONF_KIND],
            }
            if not self._draft[CONF_NAME]:
                errors[CONF_NAME] = "no_name"
            value = self._value()
            if self._draft[CONF_KIND] == "number" and value and number_with_unit(value)[0] is None:
                errors[CONF_KIND] = "not_a_number"
            if not errors:
                if self._draft[CONF_KIND] == "number":
                    return await self.async_step_register_number()
                return self._save_register()
        index: Any = number_box(0, 99)
        suggested = dict(self._draft)
        if self._draft[CONF_INDEX] < len(values := self._values(self._code)):
            choices = [
                SelectOptionDict(value=str(place), label=f"{place + 1}: {_label(value) or '-'}")
                for place, value in enumerate(values)
            ]
            index = SelectSelector(SelectSelectorConfig(options=choices, mode=SelectSelectorMode.LIST))
            suggested[CONF_INDEX] = str(self._draft[CONF_INDEX])
        schema = vol.Schema(
            {
                vol.Required(CONF_NAME): TextSelector(),
                vol.Required(CONF_INDEX): index,
                vol.Required(CONF_KIND): open_list(["number", "text"], CONF_KIND),
            }
        )
        return self.async_show_form(
            step_id="register",
            data_schema=self.add_suggested_values_to_schema(schema, suggested),
            errors=errors,
            description_placeholders={"code": str(self._code), "value": _label(self._value())},
        )

    async def async_step_register_number(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask what a number measures."""
        errors: dict[str, str] = {}
        sent = number_with_unit(self._value())[1]
        placeholders = {"code": str(self._code), "unit": sent or "", "fits": ""}
        if user_input is not None:
            unit = unit_of(user_input.get(CONF_UNIT_OF_MEASUREMENT, "")) or None
            spelled = unit_and_factor(sent or unit)[0]
            device_class = user_input.get(CONF_DEVICE_CLASS)
            state_class = user_input.get(CONF_STATE_CLASS)
            if unit is not None and sent is not None and spelled != unit_and_factor(unit)[0]:
                errors[CONF_UNIT_OF_MEASUREMENT] = "unit_is_sent"
            elif device_class and spelled not in (units := DEVICE_CLASS_UNITS[SensorDeviceClass(device_class)]):
                errors[CONF_DEVICE_CLASS] = "unit_does_not_fit"
                placeholders["fits"] = ", ".join(sorted(str(unit) for unit in units if unit is not None))
            elif device_class and state_class:
                classes = DEVICE_CLASS_STATE_CLASSES[SensorDeviceClass(device_class)]
                if state_class not in classes:
                    errors[CONF_STATE_CLASS] = "state_class_does_not_fit"
                    words = await async_words(self.hass, CONF_STATE_CLASS)
                    placeholders["fits"] = ", ".join(words[kind] for kind in _STATE_CLASSES if kind in classes)
            if not errors:
                self._draft |= {"unit": unit or sent, CONF_DEVICE_CLASS: device_class, CONF_STATE_CLASS: state_class}
                return self._save_register()
        schema = vol.Schema(
            {
                vol.Optional(CONF_UNIT_OF_MEASUREMENT): SelectSelector(
                    SelectSelectorConfig(options=list(_UNITS), custom_value=True, mode=SelectSelectorMode.DROPDOWN)
                ),
                vol.Optional(CONF_DEVICE_CLASS): dropdown(_DEVICE_CLASSES, CONF_DEVICE_CLASS),
                vol.Optional(CONF_STATE_CLASS): dropdown(_STATE_CLASSES, CONF_STATE_CLASS),
            }
        )
        now: dict[str, Any] = {}
        if self._changed is not None:
            now = {
                CONF_UNIT_OF_MEASUREMENT: self._changed.unit,
                CONF_DEVICE_CLASS: self._changed.device_class,
                CONF_STATE_CLASS: self._changed.state_class,
            }
        return self.async_show_form(
            step_id="register_number",
            data_schema=self.add_suggested_values_to_schema(schema, now if user_input is None else user_input),
            errors=errors,
            description_placeholders=placeholders,
            last_step=True,
        )

    async def async_step_register_paste(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the table of an older program."""
        if user_input is not None:
            self._pasted = translate(user_input[CONF_TABLE], self._registers, self._telegram)
            return await self.async_step_register_pasted()
        return self.async_show_form(
            step_id="register_paste",
            data_schema=vol.Schema({vol.Required(CONF_TABLE): TextSelector(TextSelectorConfig(multiline=True))}),
            last_step=False,
        )

    async def async_step_register_pasted(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say what became of the table, and keep it."""
        if user_input is not None:
            return self._save_registers([*self._registers, *self._pasted.registers])
        words = await async_words(self.hass, "pasted")
        pasted = self._pasted
        added = [f"- {one.notation}: {one.name}" for one in pasted.registers]
        there = [f"- {words['line']} {line.number}: {_label(line.text)}" for line in pasted.there]
        unusable = [
            f"- {words['line']} {line.number}: {_label(line.text)} ({words[reason]})"
            for line, reason in pasted.unusable
        ]
        parts = [
            "\n".join([f"**{words[heading]}**", *lines])
            for heading, lines in (("added", added), ("there", there), ("unusable", unusable))
            if lines
        ]
        return self.async_show_form(
            step_id="register_pasted",
            data_schema=vol.Schema({}),
            description_placeholders={"result": "\n\n".join(parts) or words["nothing"]},
            last_step=True,
        )

    # --- what is there ------------------------------------------------------------------------------------------------

    @property
    def _registers(self) -> list[OwnRegister]:
        return [OwnRegister.from_json(kept) for kept in self.config_entry.options.get(CONF_REGISTERS, ())]

    def _values(self, code: Obis) -> Sequence[str]:
        """Return what stands under a code at the moment, nothing where that is not known."""
        return () if (telegram := self._telegram) is None else find(code, telegram.objects) or ()

    def _value(self) -> str:
        """Return the value that the draft is about, "" where it is not known."""
        values = self._values(self._code)
        return values[self._draft[CONF_INDEX]] if self._draft[CONF_INDEX] < len(values) else ""

    async def _async_seen(self) -> dict[str, str]:
        """Return the codes that the meter sent and p1meter does not know, with what stands under them at the moment."""
        memory = await async_memory(self.hass, self.config_entry)
        return {
            slot.key: ", ".join(map(_label, self._values(known.obis)))
            for slot in memory.slots.values()
            if slot.role == ELECTRICITY and slot.key not in REGISTERS and (known := code_of_text(slot.key)) is not None
        }

    # --- what becomes of it -------------------------------------------------------------------------------------------

    async def _async_begin(self, notation: str) -> ConfigFlowResult:
        """Go on with a new register of a code."""
        self._changed = None
        self._code, index = parse_notation(notation)
        values = self._values(self._code)
        if "~" not in notation:
            index = first_number(values)
        self._draft = {CONF_INDEX: index}
        value = self._value()
        self._draft[CONF_KIND] = kind_of(value) if value else "number"
        return await self.async_step_register()

    def _show_registers(self, step_id: str, *, multiple: bool) -> ConfigFlowResult:
        options = [SelectOptionDict(value=one.id, label=f"{one.name} ({one.notation})") for one in self._registers]
        # Without a default the frontend ticks the first one, and that would be removed with what the person ticks.
        field = vol.Required(CONF_REGISTERS, default=[]) if multiple else vol.Required(CONF_REGISTERS)
        return self.async_show_form(
            step_id=step_id,
            data_schema=vol.Schema(
                {
                    field: SelectSelector(
                        SelectSelectorConfig(options=options, multiple=multiple, mode=SelectSelectorMode.LIST)
                    )
                }
            ),
            last_step=multiple,
        )

    def _save_register(self) -> ConfigFlowResult:
        """Keep the register of the draft, new or changed."""
        registers = self._registers
        draft = OwnRegister(
            id="" if self._changed is None else self._changed.id,
            code=self._code,
            **self._draft,
        )
        if self._changed is not None:
            return self._save_registers(draft if one.id == draft.id else one for one in registers)
        return self._save_registers(
            [*registers, replace(draft, id=new_id(draft.notation, {one.id for one in registers}))]
        )

    def _save_registers(self, registers: Iterable[OwnRegister]) -> ConfigFlowResult:
        return self._save({CONF_REGISTERS}, {CONF_REGISTERS: [one.to_json() for one in registers] or None})


def _label(value: str) -> str:
    """Return a value as a person reads it: `12.3 kWh` for `00012.3*kWh`."""
    number, unit = number_with_unit(value)
    return shortened(value if number is None or unit is None else f"{number} {unit}")
