"""What switches a load: entities of Home Assistant, as other integrations have them, and GPIO lines.

There is no GPIO chip on the machine that tests: a line is one that writes down what is done to it. The real thing is
tested in the guest (tests/gpio).
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from homeassistant.const import EVENT_CALL_SERVICE
from homeassistant.core import Context, callback
from homeassistant.requirements import RequirementsNotFound
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.p1meter import outputs, request_line
from custom_components.p1meter.const import DOMAIN
from custom_components.p1meter.gpio import GpioError, GpioErrorKind
from custom_components.p1meter.load_settings import EntitySettings, GpioSettings
from custom_components.p1meter.outputs import LINES, EntityOutput, GpioOutput, Output

from .appliances import APPLIANCES, add
from .conftest import until
from .pins import Chip

if TYPE_CHECKING:
    from collections.abc import Generator

    from homeassistant.auth.models import User
    from homeassistant.core import Event, HomeAssistant, ServiceCall


# What is read anew each time, though the type checker thinks otherwise.
def is_on(output: Output) -> bool | None:
    return output.on


def state_of(output: Output) -> tuple[bool | None, str | None]:
    return output.on, output.fault


# --- entities --------------------------------------------------------------------------------------------------------


class Taken:
    """An output, and what it told."""

    def __init__(self, hass: HomeAssistant, entity_id: str) -> None:
        self.changes = 0
        self.hands: list[bool] = []
        self.output = EntityOutput(hass, EntitySettings(entity_id), on_change=self._changed, on_hand=self.hands.append)
        self.output.async_start()

    def _changed(self) -> None:
        self.changes += 1


async def settle(hass: HomeAssistant) -> None:
    await hass.async_block_till_done(wait_background_tasks=True)


@pytest.mark.parametrize("domain", sorted(APPLIANCES))
async def test_whatever_can_be_turned_on_and_off(hass: HomeAssistant, domain: str) -> None:
    device = await add(hass, f"{domain}.it")
    taken = Taken(hass, f"{domain}.it")
    output = taken.output
    assert is_on(output) is False
    output.set(True)
    await settle(hass)
    assert device.on
    assert is_on(output) is True
    output.set(False)
    await settle(hass)
    assert is_on(output) is False
    assert device.told == [True, False]
    assert taken.changes == 2
    assert taken.hands == []
    output.async_stop()


async def test_nobody_waits_for_one_that_takes_its_time(hass: HomeAssistant) -> None:
    hass.states.async_set("switch.it", "off")
    answers = hass.loop.create_future()

    async def take_time(*_: object) -> None:
        await answers
        hass.states.async_set("switch.it", "on")

    hass.services.async_register("switch", "turn_on", take_time)
    output = Taken(hass, "switch.it").output
    output.set(True)
    assert is_on(output) is False
    answers.set_result(None)
    await settle(hass)
    assert is_on(output) is True


async def test_a_helper(hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, "input_boolean", {"input_boolean": {"it": {"initial": True}}})
    output = Taken(hass, "input_boolean.it").output
    assert is_on(output) is True
    output.set(False)
    await settle(hass)
    assert hass.states.is_state("input_boolean.it", "off")
    assert is_on(output) is False


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("on", True),
        ("off", False),
        ("heat_cool", True),
        ("fan_only", True),
        ("eco", True),
        ("open", True),
        ("opening", True),
        ("closing", False),
        ("closed", False),
        # Not off: nobody knows.
        ("unavailable", None),
        ("unknown", None),
    ],
)
def test_what_a_state_means(
    hass: HomeAssistant,
    state: str,
    expected: bool | None,  # noqa: FBT001 (a parameter of the test)
) -> None:
    hass.states.async_set("switch.it", state)
    assert outputs.is_on(hass.states.get("switch.it")) is expected
    assert outputs.is_on(None) is None


@pytest.fixture
def calls(hass: HomeAssistant) -> list[str]:
    """The services that were called."""
    called: list[str] = []

    @callback
    def note(event: Event) -> None:
        called.append(event.data["service"])

    hass.bus.async_listen(EVENT_CALL_SERVICE, note)
    return called


async def test_what_is_so_already_is_not_commanded(hass: HomeAssistant, calls: list[str]) -> None:
    await add(hass, "switch.it", on=True)
    output = Taken(hass, "switch.it").output
    output.set(True)
    await settle(hass)
    assert calls == []


async def test_a_command_is_repeated_while_nothing_changes(hass: HomeAssistant, calls: list[str]) -> None:
    device = await add(hass, "switch.it")
    device.deaf = True
    output = Taken(hass, "switch.it").output
    for _ in range(3):
        output.set(True)
        await settle(hass)
    assert is_on(output) is False
    assert calls == ["turn_on"] * 3


async def test_what_is_on_its_way_can_be_taken_back(hass: HomeAssistant, calls: list[str]) -> None:
    """The plug says off still, because it is slow: it is told off all the same."""
    device = await add(hass, "switch.it")
    device.deaf = True
    output = Taken(hass, "switch.it").output
    output.set(True)
    await settle(hass)
    output.set(False)
    await settle(hass)
    assert calls == ["turn_on", "turn_off"]


async def test_one_that_fails_is_said_once(hass: HomeAssistant, caplog: pytest.LogCaptureFixture) -> None:
    device = await add(hass, "switch.it")
    device.broken = True
    output = Taken(hass, "switch.it").output
    for _ in range(3):
        output.set(True)
        await settle(hass)
    assert caplog.text.count("switch.it cannot be switched: it does not answer") == 1
    # It is for the law to say when that is a fault.
    assert output.fault is None
    assert output.facts == {"entity": "switch.it"}


async def test_one_that_does_not_exist_yet(hass: HomeAssistant) -> None:
    taken = Taken(hass, "switch.it")
    assert is_on(taken.output) is None
    taken.output.set(True)
    await settle(hass)
    await add(hass, "switch.it", on=True)
    assert is_on(taken.output) is True
    # That it is there now is nobody's hand.
    assert taken.hands == []


async def test_a_persons_hand_is_told_from_ours(hass: HomeAssistant, hass_admin_user: User) -> None:
    device = await add(hass, "switch.it")
    taken = Taken(hass, "switch.it")
    taken.output.set(True)
    await settle(hass)
    assert taken.hands == []
    person = Context(user_id=hass_admin_user.id)
    await hass.services.async_call("switch", "turn_off", {"entity_id": "switch.it"}, blocking=True, context=person)
    assert taken.hands == [False]
    # An automation is somebody's too.
    automation = Context(parent_id=person.id)
    await hass.services.async_call("switch", "turn_on", {"entity_id": "switch.it"}, blocking=True, context=automation)
    assert taken.hands == [False, True]
    # The button on the device: the law sees by itself that it differs.
    device.on = False
    hass.states.async_set("switch.it", "off")
    assert is_on(taken.output) is False
    assert taken.hands == [False, True]


async def test_what_carries_our_command_out_is_no_hand(hass: HomeAssistant) -> None:
    hass.states.async_set("input_boolean.it", "off")
    contexts: list[Context] = []

    async def carry_out(call: ServiceCall) -> None:
        # An automation acts in a context of its own, below the one that it was triggered by.
        contexts.append(call.context)
        hass.states.async_set("input_boolean.it", "on", context=Context(parent_id=call.context.id))

    hass.services.async_register("input_boolean", "turn_on", carry_out)
    taken = Taken(hass, "input_boolean.it")
    taken.output.set(True)
    await settle(hass)
    assert len(contexts) == 1
    assert (is_on(taken.output), taken.hands) == (True, [])


async def test_only_whether_it_is_on_counts(hass: HomeAssistant) -> None:
    hass.states.async_set("climate.it", "heat")
    taken = Taken(hass, "climate.it")
    hass.states.async_set("climate.it", "heat", {"current_temperature": 21})
    hass.states.async_set("climate.it", "cool", context=Context(user_id="somebody"))
    await hass.async_block_till_done()
    assert (taken.changes, taken.hands) == (0, [])


async def test_it_is_left_as_it_is_or_in_a_state_that_is_safe(hass: HomeAssistant) -> None:
    device = await add(hass, "switch.it", on=True)
    first = Taken(hass, "switch.it")
    await first.output.async_release(last=None)
    assert device.told == []
    second = Taken(hass, "switch.it")
    await second.output.async_release(last=False)
    assert device.told == [False]
    # It is off already.
    await Taken(hass, "switch.it").output.async_release(last=False)
    assert device.told == [False]
    assert (first.changes, second.changes) == (0, 0)


async def test_what_is_on_its_way_on_is_left_in_a_state_that_is_safe(hass: HomeAssistant) -> None:
    device = await add(hass, "switch.it")
    device.deaf = True
    taken = Taken(hass, "switch.it")
    taken.output.set(True)
    await settle(hass)
    # It says that it is off still, and may go on any moment.
    await taken.output.async_release(last=False)
    assert device.told == [True, False]


async def test_one_that_does_not_answer_is_not_waited_for(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outputs, "_LAST_COMMAND", 0.01)
    hass.states.async_set("switch.it", "on")

    async def hang(*_: object) -> None:
        await hass.loop.create_future()

    hass.services.async_register("switch", "turn_off", hang)
    await Taken(hass, "switch.it").output.async_release(last=False)
    assert "switch.it could not be put into its safe state" in caplog.text


# --- GPIO lines ------------------------------------------------------------------------------------------------------

RELAY = GpioSettings("/dev/gpiochip0", 17, active_low=True)


@pytest.fixture
def chip(monkeypatch: pytest.MonkeyPatch) -> Chip:
    """A chip, and no pauses between attempts to take a line of it."""
    chip = Chip()
    chip.put(monkeypatch)
    monkeypatch.setattr(outputs, "_FIRST_PAUSE", 0.005)
    return chip


@pytest.fixture
def entry(hass: HomeAssistant) -> MockConfigEntry:
    entry = MockConfigEntry(domain=DOMAIN)
    entry.add_to_hass(hass)
    return entry


class Relays:
    """Makes outputs, and stops what still tries in the end."""

    def __init__(self, hass: HomeAssistant, entry: MockConfigEntry) -> None:
        self.made: list[GpioOutput] = []
        self.changes = 0
        self._hass, self._entry = hass, entry

    def make(self, settings: GpioSettings = RELAY, *, safe: bool = False) -> GpioOutput:
        output = GpioOutput(
            self._hass, self._entry, "boiler", "The boiler", settings, safe=safe, on_change=self._changed
        )
        self.made.append(output)
        output.async_start()
        return output

    def _changed(self) -> None:
        self.changes += 1


@pytest.fixture
def relays(hass: HomeAssistant, entry: MockConfigEntry) -> Generator[Relays]:
    relays = Relays(hass, entry)
    yield relays
    for output in relays.made:
        output.async_stop()


async def test_a_line_is_taken_switched_and_given_back(hass: HomeAssistant, chip: Chip, relays: Relays) -> None:
    output = relays.make()
    await until(lambda: output.on is False)
    output.set(True)
    assert is_on(output) is True
    assert output.fault is None
    assert chip.done == ["open 17 off", "set 17 on"]
    assert chip.consumers == {17: "p1meter The boiler"}
    await output.async_release(last=False)
    assert chip.done[2:] == ["set 17 off", "release 17"]
    assert hass.data[LINES] == {}
    assert is_on(output) is None


async def test_one_may_stay_as_it_is(chip: Chip, relays: Relays) -> None:
    output = relays.make()
    await until(lambda: output.on is False)
    output.set(True)
    await output.async_release(last=None)
    assert chip.done == ["open 17 off", "set 17 on", "release 17"]


async def test_what_is_safe_may_be_on(chip: Chip, relays: Relays) -> None:
    output = relays.make(safe=True)
    await until(lambda: output.on is True)
    assert chip.done == ["open 17 on"]


async def test_a_line_that_kept_its_level_is_taken_as_it_is(chip: Chip, relays: Relays) -> None:
    """Home Assistant was restarted, or has crashed, and the chip keeps what it was told."""
    chip.driven[17] = True
    output = relays.make()
    await until(lambda: output.on is not None)
    assert is_on(output) is True
    assert chip.done == ["open 17 on"]


async def test_a_line_that_is_wired_otherwise_is_not_taken_as_it_is(chip: Chip, relays: Relays) -> None:
    """The same level means the contrary now."""
    first = relays.make()
    await until(lambda: first.on is False)
    first.async_stop()
    chip.driven[17] = True
    second = relays.make(GpioSettings("/dev/gpiochip0", 17))
    await until(lambda: second.on is not None)
    assert is_on(second) is False


async def test_over_a_reload_nothing_is_done_to_a_line(chip: Chip, relays: Relays) -> None:
    first = relays.make()
    await until(lambda: first.on is False)
    first.set(True)
    first.async_stop()
    done = list(chip.done)
    second = relays.make()
    assert second.on is True
    assert chip.done == done
    second.set(False)
    assert chip.done == [*done, "set 17 off"]


@pytest.mark.parametrize("told", [{"keep_at_stop": True}, {"label": "pinctrl-bcm2711"}])
async def test_what_is_told_of_a_line_makes_it_no_other_line(chip: Chip, relays: Relays, told: Any) -> None:
    first = relays.make()
    await until(lambda: first.on is False)
    first.set(True)
    first.async_stop()
    second = relays.make(replace(RELAY, **told))
    assert second.on is True
    assert chip.done == ["open 17 off", "set 17 on"]


async def test_a_line_with_other_settings_is_another_line(chip: Chip, relays: Relays) -> None:
    first = relays.make()
    await until(lambda: first.on is False)
    first.set(True)
    first.async_stop()
    second = relays.make(GpioSettings("/dev/gpiochip0", 18, active_low=True))
    await until(lambda: second.on is False)
    assert chip.done[2:] == ["set 17 off", "release 17", "open 18 off"]


async def test_the_chip_has_to_be_the_one_that_was_chosen(chip: Chip, relays: Relays) -> None:
    output = relays.make(replace(RELAY, label="pinctrl-bcm2711"))
    await until(lambda: output.on is False)
    assert chip.labels == {17: "pinctrl-bcm2711"}


async def test_one_that_was_to_be_taken_is_taken_by_the_next(hass: HomeAssistant, chip: Chip, relays: Relays) -> None:
    """The entry is reloaded while the line is being opened in a thread."""
    first = relays.make()
    first.async_stop()
    second = relays.make()
    await until(lambda: second.on is False)
    second.set(True)
    await hass.async_block_till_done()
    assert chip.levels == {17: True}


@pytest.mark.parametrize(
    ("kind", "holder", "expected"),
    [
        (GpioErrorKind.MISSING, None, "missing"),
        (GpioErrorKind.BUSY, "relay", "busy"),
        (GpioErrorKind.DENIED, None, "denied"),
        (GpioErrorKind.UNSUPPORTED, None, "unsupported"),
    ],
)
async def test_one_that_cannot_be_had_is_said_once_and_tried_again(
    chip: Chip, relays: Relays, kind: GpioErrorKind, holder: str | None, expected: str
) -> None:
    chip.error = GpioError(kind, "in the words of the system", holder)
    output = relays.make()
    await until(lambda: output.fault is not None)
    assert output.fault == expected
    assert output.facts == {"chip": "/dev/gpiochip0", "line": "17", "holder": holder or "?"}
    # Nothing happens to a line that is not ours.
    output.set(True)
    assert is_on(output) is None
    assert relays.changes == 1
    chip.error = None
    await until(lambda: state_of(output) == (False, None))
    assert relays.changes == 2


async def test_a_chip_that_goes_and_comes_back(chip: Chip, relays: Relays) -> None:
    output = relays.make()
    await until(lambda: output.on is False)
    output.set(True)
    chip.error = GpioError(GpioErrorKind.LOST, "No such device")
    output.set(True)
    assert is_on(output) is None
    assert output.fault == "missing"
    chip.error = None
    # Off, whatever it was: the law decides anew.
    await until(lambda: output.on is False)
    assert chip.levels == {17: False}


async def test_a_chip_that_goes_while_nothing_is_switched(
    chip: Chip, relays: Relays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "_LOOK", 0.005)
    output = relays.make()
    await until(lambda: output.on is False)
    output.set(True)
    chip.error = GpioError(GpioErrorKind.LOST, "No such device")
    await until(lambda: state_of(output) == (None, "missing"))
    chip.error = None
    await until(lambda: state_of(output) == (False, None))
    assert relays.changes == 3
    # So it is with a line that was kept over a reload.
    output.async_stop()
    after = relays.make()
    assert is_on(after) is False
    chip.error = GpioError(GpioErrorKind.LOST, "No such device")
    await until(lambda: state_of(after) == (None, "missing"))


async def test_one_that_is_lost_after_the_end_is_not_taken_again(chip: Chip, relays: Relays) -> None:
    output = relays.make()
    await until(lambda: output.on is False)
    output.async_stop()
    chip.error = GpioError(GpioErrorKind.LOST, "No such device")
    output.set(True)
    assert is_on(output) is None
    assert output._task is None


async def test_one_that_is_lost_can_be_given_back(hass: HomeAssistant, chip: Chip, relays: Relays) -> None:
    output = relays.make()
    await until(lambda: output.on is False)
    chip.error = GpioError(GpioErrorKind.LOST, "No such device")
    await output.async_release(last=False)
    assert hass.data[LINES] == {}


@pytest.mark.parametrize("error", [RequirementsNotFound(DOMAIN, [request_line.GPIOD]), ImportError("no such thing")])
@pytest.mark.usefixtures("chip")
async def test_what_drives_lines_may_not_be_installable(
    relays: Relays, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def fail(_hass: HomeAssistant) -> None:
        raise error

    monkeypatch.setattr(outputs, "async_install_gpiod", fail)
    output = relays.make()
    await until(lambda: output.fault == "not_installed")
