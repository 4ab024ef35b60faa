"""SECURITY.md: whatever comes over the wire is shown as text, where values are shown, and becomes nothing else."""

from typing import TYPE_CHECKING

from homeassistant.helpers import device_registry as dr, entity_registry as er, issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.p1meter.const import DOMAIN
from custom_components.p1meter.found import async_comparison, async_title
from tests.compose import NL5, compose

from .conftest import read, states, until

if TYPE_CHECKING:
    from pathlib import Path

    from homeassistant.core import HomeAssistant

    from .conftest import Say, SetUp

TEXTS = {
    "template": "{{ 7*7 }}",
    "script": "<script>alert(1)</script>",
    "path": "../../../tmp/owned",
    "link": "[x](javascript:alert)![i](http://evil/i)",
    "format": "{name} %s ${HOME} `id`",
    "zero": "a\0b",
    "right to left": "\u202egnp.exe",
    "lines": "a\r\nb,c=d e=1\n",
    "long": "x" * 600,
    "end": "E0047{{}}",
}
# What somebody would have to get through for it to be more than text.
MARKS = ("{", "}", "<", ">", "[", "]", "`", "$", "\0", "\u202e", "\n", "x" * 200)


def hostile(text: str) -> bytes:
    """Return a telegram that says it wherever a meter says something of its own, with a right checksum."""
    sent = text.encode().hex().upper()
    bare = "".join(letter for letter in text if letter.isascii() and letter.isprintable() and letter not in "()!")[:100]
    lines = {
        **NL5,
        "0-0:96.1.1": f"({sent})",
        "0-0:96.1.2": f"({sent})",
        "0-0:96.13.0": f"({sent})",
        "0-0:96.13.1": f"({bare})",
        "0-0:96.99.7": f"({bare})",
        "1-0:199.7.0": f"(1.5*{bare[:8]})",
        "0-1:96.1.0": f"({sent})",
        "0-2:24.1.0": "(007)",
        "0-2:96.1.0": f"({bare})",
        "0-2:24.2.1": "(261121125500W)(00001.000*m3)",
    }
    return compose(lines, f"ISK5\\{bare}")


@pytest.mark.usefixtures("everything_enabled")
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
async def test_it_is_text_and_nothing_else(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    set_up: SetUp,
    say: Say,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    text: str,
) -> None:
    hass.config.config_dir = str(tmp_path)
    journal = {"folder": "house", "format": "sml3", "interval": 0}
    hass.config_entries.async_update_entry(entry, options={"journal": journal})
    telegram = hostile(text)
    meter = await set_up(telegram)
    await say(telegram.replace(b"230.1*V", b"990.1*V"), telegram)
    await until(lambda: meter.sinks.sinks["journal"].status.sent > 0)
    await hass.async_block_till_done()

    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    rows = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    paths = [*files(tmp_path), *(one for row in rows for one in (row.entity_id, row.unique_id))]
    assert [path for path in paths if ".." in path] == []
    names = [*paths, *(str(row.original_name) for row in rows)]
    names += [str(name) for device in devices for name in (device.name, device.manufacturer, device.model)]
    title = await async_title(hass, read(telegram))
    # The next one of its kind is called after the end of its number.
    MockConfigEntry(domain=DOMAIN, title=title).add_to_hass(hass)
    names += [title, await async_title(hass, read(telegram))]
    # All that it says of itself, and what of that is remembered.
    names += (await async_comparison(hass, meter.memory, read(telegram))).values()
    for (domain, _), issue in ir.async_get(hass).issues.items():
        if domain == DOMAIN:
            names += (issue.translation_placeholders or {}).values()
    assert len(names) > 200
    for mark in MARKS:
        assert [name for name in names if mark in name] == [], mark
    assert "49" not in {state for name, state in states(hass).items() if "message" in name or "code" in name}
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    assert max(map(len, states(hass).values())) <= 255


def files(folder: Path) -> list[str]:
    """Return the names of all files below a folder."""
    return [str(path.relative_to(folder)) for path in folder.rglob("*")]
