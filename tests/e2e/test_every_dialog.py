"""Every dialog in a house that speaks Dutch: each field has its name, and nothing is left in English."""

import re
from typing import TYPE_CHECKING

import pytest

from tests.simulation.meter import SimulatedMeter

from .browser import Words, pattern, sign_in
from .walk import Seen, Walk

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Page


pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

LANGUAGE = "nl"
SWITCHES = ("Boiler contactor",)
# Of a form and of the sections in it: each field, and what it is called on the screen.
FIELDS = """forms => forms.flatMap(form => form.schema
    .filter(field => field.type !== "constant")
    .map(field => [field.name, form.computeLabel ? form.computeLabel(field, form.data) : ""]))"""
# What stands in a dialog, also in what its parts keep to themselves.
TEXT = """dialog => {
    const text = node => node.nodeType === Node.TEXT_NODE ? node.data
        : ["STYLE", "SCRIPT"].includes(node.nodeName) ? ""
        : [...(node.shadowRoot ? [node.shadowRoot] : []), ...node.childNodes].map(text).join(" ");
    return text(dialog);
}"""


@pytest.mark.parametrize("language", ["en", "nl", "fr", "de"])
async def test_entering_a_port_by_hand_is_called_as_in_the_list(language: str) -> None:
    words = Words(language)
    for step in ("user", "reconfigure"):
        said = words[f"config/step/{step}/data_description/port"]
        assert words.theirs("ui.components.selectors.serial_port.enter_manually") in said


@pytest.mark.parametrize("language", ["en", "nl", "fr", "de"])
async def test_the_ways_that_texts_name_are_there(language: str) -> None:
    words = Words(language)
    reconfigure = words.button("config_entry.reconfigure")
    assert reconfigure in words["config/abort/already_configured"]
    # It is nowhere to be seen until that menu is open.
    assert [text for text in words.below("").values() if reconfigure in text and f"⋮ → {reconfigure}" not in text] == []
    page = [words.theirs(key) for key in ("panel.config", "ui.panel.config.dashboard.devices.main")]
    assert " → ".join([*page, "P1 meter"]) in words["issues/silent_port_missing/description"]
    cogwheel = words.button("config_entry.configure")
    assert cogwheel in words["config/step/found_woken/description"]
    ways = [way for text in words.below("").values() for way in text.split(f"{cogwheel} → ")[1:]]
    assert ways
    offered = words.below("options/step/init/menu_options/")
    further = [
        f"{name} → {words[f'options/step/{step}/title']}"
        for option, name in offered.items()
        for step in words.below(f"options/step/{option}/menu_options/")
    ]
    last = [name for name in offered.values() if not any(way.startswith(f"{name} → ") for way in further)]
    assert [way for way in ways if not way.startswith((*further, *last))] == []
    assert not [text for text in words.below("").values() if f"{cogwheel}, " in text]


async def test_every_dialog_is_dutch(page: Page, tmp_path: Path) -> None:
    english, dutch = Words("en"), Words(LANGUAGE)
    seen: dict[str, str] = {}

    async def look(at: Seen) -> None:
        text = seen[at.texts] = " ".join(str(await at.dialog.evaluate(TEXT)).split())
        ours = dutch.below(f"{at.texts}/")
        for name, label in await at.dialog.locator("ha-form").evaluate_all(FIELDS):
            names = {said for path, said in ours.items() if re.fullmatch(rf"(.*/)?(data/{name}|{name}/name)", path)}
            assert label in names, f"{at.name}: {name} is called {label!r}"
        for path, said in english.below(f"{at.texts}/").items():
            if said != ours[path] and len(said.split()) > 2:
                assert not pattern(" ".join(said.split())).search(text), f"{at.name}: {said}"

    async with SimulatedMeter("nl5").on_pty(tmp_path / "meter") as cable:
        await sign_in(page)
        walk = Walk(page, dutch, look)
        await walk.see_wrong_ports(tmp_path)
        await walk.add(str(cable.link))
        await walk.finish()
        await walk.see_replaced("Iskra AM550", tmp_path)
        await walk.see_options("Iskra AM550")
        await walk.see_load(SWITCHES[0])
    assert len(seen) > 30
