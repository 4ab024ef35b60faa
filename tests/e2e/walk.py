"""Every dialog of p1meter, gone through page by page in one language, as somebody does who wants to see them all."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from playwright.async_api import expect

from tests import foreign
from tests.background import running
from tests.simulation.meter import Cable
from tests.simulation.optical import Habits, OpticalMeter
from tests.simulation.telegrams import SYSTEMS

from .browser import Words, choose_port, open_port_step, pattern, speaking

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from playwright.async_api import Locator, Page

INTEGRATION: Final = "/config/integrations/integration/p1meter"
MS_TO_LISTEN = 90_000
_TRIES = 20
_LOAD = "config_subentries/load"
_FOREIGN = {"heard_hdlc": foreign.HDLC, "heard_sml": foreign.SML, "heard_inverted": foreign.INVERTED}
_HIDDEN = "ha-form-expandable ha-expansion-panel"
# One that is new, one that is there, one that is none, in the form of ObisSelected.
_TABLE = "0-0:96.13.1[ Message code\n1-0:1.8.1[ Import low\n1.2.3.4.5.6.7["


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
        await self._dialog.locator(_HIDDEN).evaluate_all("panels => panels.forEach(panel => panel.expanded = true)")
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
        """What is said where nothing is heard, and how a meter is asked by its address."""
        cable = Cable(folder / "silent", SYSTEMS["nl5"])
        cable.plug()
        await self.add(str(cable.link))
        await self._dialog.get_by_text(pattern(self._words["config/progress/listen"])).wait_for()
        await self._see(Seen("config/progress/listen", "", self._dialog))
        await self._see_error("heard_nothing")
        cable.unplug()
        await self.close()

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
        row = self._page.locator("ha-config-entry-row").filter(has_text=title)
        await row.locator("ha-dropdown ha-icon-button").first.click()
        await row.locator("ha-dropdown-item[value=reconfigure]").first.click()
        await self.see("config/step/reconfigure")
        await self.close()

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
        await self.see("options/step/gaps")
        await self.close()
        await self.open_options(title, ("init", "history"), ("history", "import"))
        await self.see("options/step/import_files")
        await self.close()
        for step, reason in (("take_over", "take_over_nothing"), ("joints", "none_replaced")):
            await self.open_options(title, ("init", "history"), ("history", step))
            await self._dialog.get_by_text(self._words[f"options/abort/{reason}"]).wait_for()
            await self._see(Seen(f"options/abort/{reason}", "", self._dialog))
            await self.close()

    # --- loads --------------------------------------------------------------------------------------------------------

    async def see_load(self, switch: str) -> None:
        """Add a load that a switch of this name switches, and see what can be changed of it."""
        await self._page.goto(INTEGRATION)
        await self._page.get_by_role("button", name=self._words[f"{_LOAD}/initiate_flow/user"]).first.click()
        await self.see(f"{_LOAD}/step/user")
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
