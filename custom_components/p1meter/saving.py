"""Writes files because a person asks for it: a telegram that is worth keeping, and copies of the journal."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.util import dt as dt_util, slugify
from homeassistant.util.hass_dict import HassKey

from .archive import IMPORTS, JOURNALS, Entry, FileError, Journal, Selection
from .archive.formats import KINDS, FileName
from .const import DOMAIN
from .sink_settings import JournalSettings, LatestFileSettings, SinkSettings
from .sinks.journal import JournalSink
from .sinks.latest import LatestFileSink

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant

    from .coordinator import P1MeterConfigEntry
    from .meter import Telegram

LATEST_FILE_NAME: Final = "telegram.txt"
"""Of the file with the newest telegram, unless the person calls it otherwise."""

type SaveAs = Literal["sml3", "raw", "latest"]

# One at a time: where a sink is switched off, nobody else sees to it that files have one writer.
_TURN: Final[HassKey[asyncio.Lock]] = HassKey("p1meter_saving")


def name_in_paths(hass: HomeAssistant, entry: ConfigEntry) -> str:
    """Return what a meter is called in paths and topics, unless the person calls it otherwise; none has another's."""
    slug = _slug(entry)
    alike = [other.entry_id for other in hass.config_entries.async_entries(DOMAIN) if _slug(other) == slug]
    number = alike.index(entry.entry_id) + 1
    return slug if number == 1 else f"{slug}_{number}"


def _slug(entry: ConfigEntry) -> str:
    slug = slugify(entry.title)
    return DOMAIN if slug in {"", IMPORTS} else slug


async def async_save(
    hass: HomeAssistant, entry: P1MeterConfigEntry, telegram: Telegram, save_as: SaveAs
) -> Path | None:
    """Write a telegram where it would go by itself, whether that is switched on or not.

    Args:
        hass: Home Assistant.
        entry: the meter.
        telegram: of that meter.
        save_as: a line of the selected objects (`sml3`) or the whole telegram (`raw`) at the end of the journal's file
            of the month, or the file with the newest telegram (`latest`).

    Returns:
        The file; None where whoever reads it has not taken the telegram before.

    Raises:
        HomeAssistantError: the file cannot be written, or another meter writes there.
    """
    async with hass.data.setdefault(_TURN, asyncio.Lock()):
        if save_as == "latest":
            return await _async_save_latest(hass, entry, telegram)
        return await _async_append(hass, entry, telegram, save_as)


async def async_copy_journal(hass: HomeAssistant, entry: P1MeterConfigEntry, folder: str) -> list[str]:
    """Copy the files of the journal that changed since they were last copied, and return their names.

    Raises:
        HomeAssistantError: Home Assistant may not write to that folder, or the copy failed.
    """
    if not await hass.async_add_executor_job(_may_be_written, hass, folder):
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="folder_not_allowed",
            translation_placeholders={"folder": folder},
        )
    to = Path(folder)
    async with hass.data.setdefault(_TURN, asyncio.Lock()):
        sink = entry.runtime_data.sinks.sinks.get("journal")
        try:
            if isinstance(sink, JournalSink):
                return await sink.async_copy(to)
            # It may have been on before, or have lines that were saved one by one.
            return await hass.async_add_executor_job(_journal(hass, entry).copy_changed, to)
        except FileError as err:
            raise _failed(err, to) from err


async def _async_save_latest(hass: HomeAssistant, entry: P1MeterConfigEntry, telegram: Telegram) -> Path | None:
    settings = SinkSettings.of(entry.options).latest_file
    if settings is None:
        settings = LatestFileSettings(path=hass.config.path(JOURNALS, _own_name(hass, entry), LATEST_FILE_NAME))
    path = Path(settings.path)
    sink = entry.runtime_data.sinks.sinks.get("latest_file")
    if not isinstance(sink, LatestFileSink):
        sink = LatestFileSink(hass, settings)
    try:
        return path if await sink.async_write(telegram.raw) else None
    except FileError as err:
        raise _failed(err, path) from err


async def _async_append(
    hass: HomeAssistant, entry: P1MeterConfigEntry, telegram: Telegram, save_as: Literal["sml3", "raw"]
) -> Path:
    received = dt_util.utcnow() if telegram.received_at is None else telegram.received_at.wall
    # The readings are for CSV.
    new = Entry(telegram, {}, dt_util.as_local(received))
    sink = entry.runtime_data.sinks.sinks.get("journal")
    chosen = SinkSettings.of(entry.options).journal
    is_its_kind = chosen is not None and KINDS[chosen.format] == KINDS[save_as]
    journal = sink.journal if isinstance(sink, JournalSink) else _journal(hass, entry)
    path = journal.folder / str(FileName(KINDS[save_as], new.at.year, new.at.month))
    try:
        if isinstance(sink, JournalSink) and is_its_kind:
            await sink.async_append(new)
        else:
            await hass.async_add_executor_job(_append, journal.beside(save_as), new)
    except FileError as err:
        raise _failed(err, path) from err
    return path


def _append(journal: Journal, new: Entry) -> None:
    try:
        journal.append([new])
    finally:
        journal.close()


def _journal(hass: HomeAssistant, entry: P1MeterConfigEntry) -> Journal:
    """Return the journal of a meter for which none is switched on."""
    settings = JournalSettings(folder=_own_name(hass, entry))
    folder = Path(hass.config.path(JOURNALS, settings.folder))
    return Journal(folder, settings.format, Selection(SinkSettings.of(entry.options).selected))


def _own_name(hass: HomeAssistant, entry: P1MeterConfigEntry) -> str:
    """Return the name of the folder of a meter that was given none.

    Raises:
        ServiceValidationError: a person gave it to another meter.
    """
    name = name_in_paths(hass, entry)
    for other in hass.config_entries.async_entries(DOMAIN):
        journal = SinkSettings.of(other.options).journal
        if other is not entry and journal is not None and journal.folder == name:
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="journal_folder_taken",
                translation_placeholders={"name": entry.title, "other": other.title, "folder": name},
            )
    return name


def _may_be_written(hass: HomeAssistant, folder: str) -> bool:
    """Return whether copies may go to a folder: where a person allowed it, and not among the journals. Looks at it."""
    path = Path(folder)
    try:
        if not path.is_absolute() or path.resolve().is_relative_to(Path(hass.config.path(JOURNALS)).resolve()):
            return False
        return hass.config.is_allowed_path(folder)
    except OSError, ValueError:
        # No path at all: too long, or with a character that no path has.
        return False


def _failed(err: FileError, path: Path) -> HomeAssistantError:
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key=f"file_{err.kind}",
        translation_placeholders={"path": str(path), "error": err.detail},
    )
