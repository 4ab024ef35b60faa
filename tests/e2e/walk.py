"""Every dialog of p1meter, gone through page by page in one language, as somebody does who wants to see them all."""

import asyncio
from dataclasses import dataclass
import re
from typing import TYPE_CHECKING, Final

from playwright.async_api import expect

from tests import foreign
from tests.background import running
from tests.compose import nl5
from tests.simulation.meter import Cable
from tests.simulation.optical import LINES, Habits, OpticalMeter
from tests.simulation.telegrams import SYSTEMS

from .browser import Words, choose_port, open_port_step, open_reconfigure, pattern, speaking

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from playwright.async_api import Locator, Page

INTEGRATION: Final = "/config/integrations/integration/p1meter"
MS_TO_LISTEN = 120_000
_TRIES = 20
_LOAD = "config_subentries/load"
_FOREIGN = {"heard_hdlc": foreign.HDLC, "heard_sml": foreign.SML, "heard_inverted": foreign.INVERTED}
_HIDDEN = "ha-form-expandable ha-expansion-panel"
_SECTIONS = "forms => forms.flatMap(form => form.schema).filter(field => field.type === 'expandable').length"
# One that is new, one that is there, one that is none, in the form of ObisSelected.
_TABLE = "0-0:96.51.7[ Message code\n1-0:1.8.1[ Import low\n1.2.3.4.5.6.7["


@dataclass(frozen=True, slots=True)
class Seen:
    """A page of a dialog that is on the screen.

    Attributes:
        texts: where its texts are in the translations: `options/step/init`.
        about: what is special about it this time, "" if nothing.
        dialog: the dialog.
    """

    texts: str
    about: str
    dialog: Locator

    @property
    def name(self) -> str:
        """What a picture of it is called."""
        return "-".join(filter(None, [self.texts.replace("/step/", "-").replace("/", "-"), self.about]))


class Walk:
    """One who clicks through the dialogs and stops at each page."""

    def __init__(self, page: Page, words: Words, see: Callable[[Seen], Awaitable[None]]) -> None:
        """Prepare; the page is signed in.

        Args:
            page: of the browser.
            words: in the language of the browser.
            see: what is done at each page.
        """
        self._page = page
        self._words = words
        self._see = see
        self._dialog = page.locator("dialog-data-entry-flow")

    # --- a dialog -----------------------------------------------------------------------------------------------------

    async def see(self, texts: str, about: str = "") -> None:
        """Wait for a page of the dialog, unfold what is folded on it, and look at it."""
        title = self._dialog.locator("[slot=headerTitle]")
        await expect(title).to_have_text(pattern(self._words[f"{texts}/title"]), timeout=MS_TO_LISTEN)
        # What stands before the first placeholder; it is laid out a moment after the rest, and tells pages apart.
        if said := re.split(r"[{\n]", self._words.below(f"{texts}/").get("description", ""))[0].strip():
            await self._dialog.get_by_text(said).first.wait_for()
        hidden = self._dialog.locator(_HIDDEN)
        # The frontend loads what a section is made of when it meets the first one.
        await expect(hidden).to_have_count(await self._dialog.locator("ha-form").evaluate_all(_SECTIONS))
        await hidden.evaluate_all("panels => panels.forEach(panel => panel.expanded = true)")
        await self._see(Seen(texts, about, self._dialog))

    async def go(self, texts: str, option: str) -> None:
        """Choose from the menu on the screen."""
        await self._dialog.get_by_text(self._words[f"{texts}/menu_options/{option}"], exact=True).click()

    async def tick(self, texts: str) -> None:
        """Click on what stands in a list, by where its text is in the translations."""
        await self._dialog.get_by_text(self._words[texts], exact=True).click()

    async def choose(self, number: int, texts: str) -> None:
        """Open the list that has this place among the dialog's (0: the first), and choose from it."""
        await self._dialog.locator("ha-selector-select").nth(number).click()
        await self._page.get_by_text(self._words[texts], exact=True).last.click()

    async def press(self) -> None:
        """Press the button that the dialog goes on with."""
        button = self._dialog.locator("ha-button[slot=primaryAction]")
        await expect(button).to_be_enabled()
        await button.click()

    async def close(self) -> None:
        """Close the dialog."""
        await self._dialog.locator("[data-dialog=close]").first.click()
        await self._dialog.get_by_role("button").first.wait_for(state="hidden")

    async def _see_abort(self, texts: str) -> None:
        """Wait until the dialog says that it ends here, look at it, and close it."""
        await self._dialog.get_by_text(pattern(self._words[texts])).wait_for()
        await self._see(Seen(texts, "", self._dialog))
        await self.close()

    async def open_options(self, title: str, *way: tuple[str, str]) -> None:
        """The cogwheel of a meter; then from menu to menu."""
        row = self._page.locator("ha-config-entry-row").filter(has_text=title)
        await row.get_by_role("button", name=self._words.button("config_entry.configure")).first.click()
        for menu, option in way:
            await self.go(f"options/step/{menu}", option)

    # --- a meter ------------------------------------------------------------------------------------------------------

    async def add(self, port: str) -> None:
        """Go as far as to the choice of the port, and choose it."""
        await open_port_step(self._page, self._words)
        await choose_port(self._page, port, self._words)

    async def finish(self) -> None:
        """Agree to what was found and to what is proposed, until the meter is there."""
        await self.see("config/step/found")
        await self.press()
        await self.see("options/step/energy")
        await self.press()
        await self.press()

    async def see_wrong_ports(self, folder: Path) -> None:
        """What is said where there is no meter that can be read."""
        cable = Cable(folder / "wrong", SYSTEMS["nl5"])
        cable.plug()
        await open_port_step(self._page, self._words)
        await self.see("config/step/user")
        await choose_port(self._page, "/dev/ttyUSB9", self._words)
        await self._see_error("port_missing")
        for error, said in _FOREIGN.items():
            async with speaking(cable.write, said):
                await choose_port(self._page, str(cable.link), self._words)
                await self._see_error(error)
        async with speaking(cable.write, foreign.ENCRYPTED):
            await choose_port(self._page, str(cable.link), self._words)
            await self.see("config/step/key")
            await self._dialog.locator("ha-selector-text input").first.fill("0" * 32)
            await self.press()
            await self._page.get_by_text(self._words["config/error/wrong_key"]).wait_for()
            await self.see("config/step/key", "wrong_key")
        cable.unplug()
        await self.close()

    async def see_silent_port(self, folder: Path) -> None:
        """What is said where nothing is heard; then a meter there that answers once it is woken."""
        meter = OpticalMeter(folder / "silent", Habits(sleeps=True, lines=LINES.replace("12345678", "87654321")))
        await self.add(meter.port)
        await self._dialog.get_by_text(pattern(self._words["config/progress/listen"])).wait_for()
        await self._see(Seen("config/progress/listen", "", self._dialog))
        await self._see_error("heard_nothing")
        # To wake it first is the last thing that can be said there.
        await self._dialog.locator("ha-selector-boolean").last.click()
        async with running(meter.run()):
            await self.press()
            await self._dialog.get_by_text(pattern(self._words["config/progress/ask"])).wait_for()
            await self._see(Seen("config/progress/ask", "", self._dialog))
            await self.see("config/step/found_woken")
            await self.close()
        meter.close()

    async def _see_error(self, error: str) -> None:
        await self._dialog.get_by_text(pattern(self._words[f"config/error/{error}"])).wait_for(timeout=MS_TO_LISTEN)
        await self.see("config/step/user", error)

    async def see_optical(self, folder: Path) -> None:
        """Add a meter that is asked through an optical head, and see how it is read."""
        meter = OpticalMeter(folder / "optical", Habits(address="12345678"))
        async with running(meter.run()):
            await self.add(meter.port)
            await self.see("config/step/found_asked")
            await self.press()
            await self.see("options/step/energy")
            await self.press()
            await self.press()
            await self._page.goto(INTEGRATION)
            await self.open_options(self._words["selector/meter/options/unknown"], ("init", "optical"))
            await self.see("options/step/optical")
            await self.close()
        meter.close()

    async def see_reconfigure(self, title: str) -> None:
        """What is asked of a meter that has moved."""
        await open_reconfigure(self._page, title)
        await self.see("config/step/reconfigure")
        await self.close()

    async def see_replaced(self, title: str, folder: Path) -> None:
        """What is asked where another meter answers than the one of this title; it is not in its place."""
        cable = Cable(folder / "other", SYSTEMS["nl5"])
        cable.plug()
        async with speaking(cable.write, nl5({"0-0:96.1.1": f"({b'E0047000071239999'.hex()})"})):
            await open_reconfigure(self._page, title)
            await choose_port(self._page, str(cable.link), self._words)
            await self.see("config/step/replaced")
            await self.go("config/step/replaced", "other")
            await self._see_abort("config/abort/unique_id_mismatch")
        cable.unplug()

    # --- the cogwheel -------------------------------------------------------------------------------------------------

    async def see_options(self, title: str) -> None:
        """Every page behind the cogwheel of a meter that talks by itself."""
        await self._page.goto(INTEGRATION)
        await self.open_options(title)
        await self.see("options/step/init")
        await self.go("options/step/init", "connection")
        await self.see("options/step/connection")
        await self.close()
        await self.open_options(title, ("init", "reporting"))
        await self.see("options/step/reporting")
        await self.tick("selector/reporting/options/own")
        await self.press()
        await self.see("options/step/reporting_own")
        await self.close()
        await self._see_registers(title)
        await self._see_limits(title)
        await self._see_data(title)
        await self._see_history(title)

    async def _see_registers(self, title: str) -> None:
        await self.open_options(title, ("init", "registers"))
        await self.see("options/step/registers")
        await self.go("options/step/registers", "register_paste")
        await self.see("options/step/register_paste")
        await self._dialog.locator("textarea").fill(_TABLE)
        await self.press()
        await self.see("options/step/register_pasted")
        await self.close()
        await self.open_options(title, ("init", "registers"), ("registers", "register_type"))
        await self.see("options/step/register_type")
        await self._dialog.locator("ha-selector-text input").fill("1-0:1.8.1")
        await self.press()
        await self.see("options/step/register")
        await self._dialog.locator("ha-selector-text input").first.fill("Heat pump")
        await self.press()
        await self.see("options/step/register_number")
        await self.press()
        await self.press()
        for step in ("register_change", "register_remove"):
            await self.open_options(title, ("init", "registers"), ("registers", step))
            await self.see(f"options/step/{step}")
            await self.close()

    async def _see_limits(self, title: str) -> None:
        await self.open_options(title, ("init", "loads"))
        await self.see("options/step/loads")
        await self.tick("selector/demand/options/month_peak")
        await self.press()
        await self.see("options/step/demand_month_peak")
        await self.close()
        await self.open_options(title, ("init", "loads"))
        await self.tick("selector/demand/options/own")
        await self.press()
        await self.see("options/step/demand_own")
        await self.close()

    async def _see_data(self, title: str) -> None:
        await self.open_options(title, ("init", "data"))
        await self.see("options/step/data")
        await self.go("options/step/data", "influxdb")
        await self.see("options/step/influxdb")
        await self.close()
        for version in ("1", "2", "3"):
            await self.open_options(title, ("init", "data"), ("data", "influxdb"))
            await self.choose(0, f"selector/influxdb_version/options/{version}")
            await self.press()
            await self.see(f"options/step/influxdb_{version}")
            await self.close()
        for step in ("journal", "latest_file", "mqtt", "server", "selected"):
            await self.open_options(title, ("init", "data"), ("data", step))
            await self.see(f"options/step/{step}")
            await self.close()

    async def _see_history(self, title: str) -> None:
        await self.open_options(title, ("init", "history"))
        await self.see("options/step/history")
        await self.go("options/step/history", "gaps")
        await self.see("options/step/gaps_none")
        await self.close()
        await self.open_options(title, ("init", "history"), ("history", "import"))
        await self.see("options/step/import_files")
        await self.close()
        for step, reason in (("take_over", "take_over_nothing"), ("joints", "none_replaced")):
            await self.open_options(title, ("init", "history"), ("history", step))
            await self._see_abort(f"options/abort/{reason}")

    # --- what is seldom there -----------------------------------------------------------------------------------------

    async def see_discovered(self) -> None:
        """What is said of a P1 cable that Home Assistant has found by itself, where no meter can be read on it."""
        await self._page.goto(INTEGRATION)
        await self._page.locator("ha-list-base.discovered ha-button").first.click(timeout=MS_TO_LISTEN)
        await self.see("config/step/discovery_confirm")
        await self.close()

    async def see_refused_key(self) -> None:
        """What is asked where a key does not fit any more."""
        await self._page.goto(INTEGRATION)
        await self._page.locator("ha-list-base.attention ha-button").first.click(timeout=MS_TO_LISTEN)
        await self.see("config/step/reauth_confirm")
        await self.close()

    async def see_no_pins(self, title: str) -> None:
        """What is said on a computer without GPIO pins: of the data-request line, and of a load."""
        await self._page.goto(INTEGRATION)
        await self.open_options(title, ("init", "connection"))
        await self.choose(0, "selector/request/options/gpio")
        await self.press()
        await self._see_abort("options/abort/gpio_none")
        await self._begin_load()
        await self.go(f"{_LOAD}/step/user", "gpio")
        await self._see_abort(f"{_LOAD}/abort/gpio_none")

    async def see_unknown_codes(self, title: str) -> None:
        """The codes without a name that a meter sends."""
        await self._see_option(title, "register_pick", ("init", "registers"), ("registers", "register_pick"))

    async def see_gaps(self, title: str) -> None:
        """The gaps of the last year."""
        await self._see_option(title, "gaps", ("init", "history"), ("history", "gaps"))

    async def see_import(self, title: str, file: str, without_codes: str) -> None:
        """Bring one of the files in the folder of imports along; begin with another one, whose lines have no codes."""
        await self._page.goto(INTEGRATION)
        await self._open_import(title, without_codes)
        await self.see("options/step/import_columns")
        await self.close()
        await self._open_import(title, file)
        await self.see("options/step/import_preview")
        await self.press()
        await self.see("options/step/import_result")
        await self.press()
        await self.press()

    async def _open_import(self, title: str, file: str) -> None:
        await self.open_options(title, ("init", "history"), ("history", "import"))
        await self._dialog.get_by_text(file).click()
        await self.see("options/step/import_files", "listed")
        await self.press()

    async def see_taking_over(self, port: str, title: str, lose: Callable[[], Awaitable[None]]) -> None:
        """Add a meter on the port of another integration, and take over what that has recorded, in every way.

        Args:
            port: of the other integration.
            title: what the meter will be called.
            lose: takes away what one of the offered pairs is about.
        """
        await self.add(port)
        await self.see("config/step/free_port")
        await self.press()
        await self.see("config/step/found", "freed")
        await self.press()
        await self.see("options/step/take_over_choose")
        await self.tick("selector/take_over_way/options/copy")
        await self.press()
        await self.see("options/step/copied")
        await self.press()
        await self.see("options/step/energy_beside")
        await self.press()
        await self.press()
        await self._page.goto(INTEGRATION)
        await self.open_options(title, ("init", "history"), ("history", "take_over"))
        await self.see("options/step/take_over_choose", "later")
        for pair in await self._dialog.locator("ha-checkbox").all():
            await pair.click()
        await self._dialog.locator("ha-checkbox").first.click()
        await self.press()
        await self.see("options/step/taken_over")
        await self.press()
        await self.press()
        await self.open_options(title, ("init", "history"), ("history", "take_over"))
        await self.see("options/step/take_over")
        await self.go("options/step/take_over", "take_over_choose")
        await self.see("options/step/take_over_choose", "more")
        await lose()
        await self.press()
        await self.see("options/step/taken_over_partly")
        await self.press()
        await self.press()
        await self.open_options(title, ("init", "history"), ("history", "take_over"), ("take_over", "take_over_undo"))
        await self.see("options/step/take_over_undo")
        await self.press()
        await self._see_abort("options/abort/given_back")

    async def see_joints(self, title: str, sum_up: Callable[[], Awaitable[None]]) -> None:
        """Agree that a meter was replaced, and see what becomes of the step between both.

        Args:
            title: what the meter is called.
            sum_up: has the recorder sum up what it was told of both.
        """
        question = "meter_replaced/fix_flow/step/init"
        await self.see_repair(question, "meter_replaced")
        await self.go(f"issues/{question}", "adopt")
        await self.press()
        way = ("init", "history"), ("history", "joints")
        await self._see_option(title, "joints_waiting", *way)
        await sum_up()
        await self._see_option(title, "joints", *way)

    async def _see_option(self, title: str, step: str, *way: tuple[str, str]) -> None:
        """Go to a page behind the cogwheel of a meter from wherever we are, look at it, and close it."""
        await self._page.goto(INTEGRATION)
        await self.open_options(title, *way)
        await self.see(f"options/step/{step}")
        await self.close()

    # --- loads --------------------------------------------------------------------------------------------------------

    async def see_load(self, switch: str) -> None:
        """Add a load that a switch of this name switches, and see what can be changed of it."""
        await self._page.goto(INTEGRATION)
        await self._begin_load()
        await self.go(f"{_LOAD}/step/user", "entity")
        await self.see(f"{_LOAD}/step/entity")
        await self._dialog.locator("ha-selector-entity").click()
        await self._page.locator("ha-combo-box-item").filter(has_text=switch).first.click()
        await expect(self._dialog.locator("ha-selector-entity")).to_contain_text(switch)
        await self._fill("ha-selector-number", "power", "2000")
        await self._fill("ha-selector-text", "name", "Boiler")
        await self.press()
        await self.see(f"{_LOAD}/step/rules")
        await self.press()
        await self.press()
        await self._page.get_by_role("button", name=self._words[f"{_LOAD}/initiate_flow/reconfigure"]).first.click()
        await self.see(f"{_LOAD}/step/reconfigure")
        await self.close()

    async def _begin_load(self) -> None:
        await self._page.get_by_role("button", name=self._words[f"{_LOAD}/initiate_flow/user"]).first.click()
        await self.see(f"{_LOAD}/step/user")

    async def _fill(self, first: str, field: str, text: str) -> None:
        """Type into the first field of a kind until the form has it: the list that closes above takes it back."""
        form = self._dialog.locator("ha-form").first
        for _ in range(_TRIES):
            await self._dialog.locator(f"{first} input").first.fill(text)
            await asyncio.sleep(0.2)
            if await form.evaluate("(form, field) => form.data[field] !== undefined", field):
                return
        raise AssertionError(f"{field} does not take {text!r}")

    # --- repairs ------------------------------------------------------------------------------------------------------

    async def see_repair(self, texts: str, issue: str) -> None:
        """Wait for a repair in the list of Settings, open it, and look at it."""
        await self._page.goto("/config/repairs")
        title = self._page.get_by_text(pattern(self._words[f"issues/{issue}/title"])).first
        await title.click(timeout=MS_TO_LISTEN)
        dialog = self._page.locator("dialog-data-entry-flow, dialog-repairs-issue").last
        await dialog.get_by_text(pattern(self._words[f"issues/{texts}/description"].partition("\n")[0])).wait_for()
        await self._see(Seen(f"issues/{issue}", "", dialog))
