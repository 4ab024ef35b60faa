"""The part of the options dialog about files of the past: which, what is in them, and bringing them along."""

from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, override

from homeassistant.components.file_upload import process_uploaded_file
from homeassistant.core import callback
from homeassistant.helpers.selector import (
    BooleanSelector,
    FileSelector,
    FileSelectorConfig,
    SelectOptionDict,
    TextSelector,
    TextSelectorConfig,
)
from homeassistant.helpers.translation import async_get_translations
import probatio as vol

from .archive import IMPORTS, JOURNALS, FileError, HistoryError, Selection, columns_of, readings_of
from .archive.formats import FileName, sml3_pairs
from .archive.past.lines import STAMP, full_code
from .const import DOMAIN
from .fields import tick_list
from .history_import import async_preview, async_write
from .history_labels import async_decimal_mark
from .history_reading import async_read, async_read_meter
from .import_words import Words, plain, size_of
from .known import async_memory
from .meter import REGISTERS, history
from .meter.registers import name_for
from .options_part import OptionsPart
from .sink_settings import SinkSettings
from .words import async_words

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Collection, Coroutine

    from homeassistant.config_entries import ConfigFlowResult

    from .history_import import RegisterPreview, RegisterResult
    from .history_reading import Found

_LOGGER = logging.getLogger(__name__)

CONF_FILES: Final = "files"
CONF_UPLOAD: Final = "upload"
CONF_COLUMNS: Final = "columns"
CONF_SLOTS: Final = "registers"
CONF_OVERWRITE: Final = "overwrite"

# Nobody ticks more of them one by one.
_MOST_FILES: Final = 500
# So much of a line is enough to recognise it.
_LONGEST_LINE: Final = 400


class _Choice(NamedTuple):
    """What can be ticked: one file, or the files of a journal.

    Attributes:
        name: what the file or the folder is called.
        paths: where the files are.
        size: of all of them, bytes.
        months: the first and the last of a journal; none of a file.
    """

    name: str
    paths: tuple[Path, ...]
    size: int
    months: tuple[str, ...] = ()


class _Past(NamedTuple):
    """What was found, and what would become of it."""

    found: Found
    previews: list[RegisterPreview]


class ImportFlow(OptionsPart):
    """Brings files of the past into the recorder's statistics."""

    _reading: asyncio.Task[_Past]
    _writing: asyncio.Task[list[RegisterResult]]

    def __init__(self) -> None:
        super().__init__()
        self._choices: dict[str, _Choice] = {}
        self._ticked: list[str] = []
        self._paths: list[Path] = []
        self._uploaded: ExitStack | None = None
        self._line = ""
        self._mistake: dict[str, str] = {}
        self._about_mistake: dict[str, str] = {}

    async def async_step_import(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show where the past can come from, if not from files alone."""
        if self._store_of_past is None:
            return self.async_abort(reason="past_not_at_hand")
        telegram = self._telegram
        if telegram is not None and any(readings_of(history.rows(telegram))):
            return self.async_show_menu(step_id="import", menu_options=["import_files", "import_meter"])
        return await self.async_step_import_files()

    async def async_step_import_meter(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take what the meter itself remembers."""
        return self._read(partial(async_read_meter, self.hass, self.config_entry))

    # --- which files --------------------------------------------------------------------------------------------------

    async def async_step_import_files(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the files: journals, what was put into the folder, and what is uploaded."""
        root = Path(self.hass.config.path(JOURNALS))
        if user_input is not None:
            self._ticked = user_input.get(CONF_FILES, [])
            self._paths = [path for name in self._ticked for path in self._choices[name].paths]
            upload = user_input.get(CONF_UPLOAD)
            try:
                if upload is not None:
                    self._paths.append(await self.hass.async_add_executor_job(self._take, upload))
                if self._paths:
                    return self._read_files()
                self._mistake = {"base": "import_no_file"}
            except ValueError:
                self._mistake = {CONF_UPLOAD: "import_upload_gone"}
        self._choices = await self.hass.async_add_executor_job(_choices, root)
        words = await async_words(self.hass, "import_choice")
        options = [
            SelectOptionDict(value=value, label=_label(choice, words)) for value, choice in self._choices.items()
        ]
        errors, self._mistake = self._mistake, {}
        fields: dict[Any, Any] = {}
        if options:
            fields[vol.Optional(CONF_FILES, default=[])] = tick_list(options)
        fields[vol.Optional(CONF_UPLOAD)] = FileSelector(FileSelectorConfig(accept="*"))
        return self._form(
            step_id="import_files",
            fields=fields,
            shown={CONF_FILES: [name for name in self._ticked if name in self._choices]},
            errors=errors,
            last_step=False,
            folder=str(root / IMPORTS),
            **self._about_mistake,
        )

    def _take(self, upload: str) -> Path:
        """Return where an uploaded file is, which is deleted by `_discard`. Touches the disk.

        Raises:
            ValueError: there is none.
        """
        self._uploaded = ExitStack()
        return self._uploaded.enter_context(process_uploaded_file(self.hass, upload))

    def _discard(self) -> None:
        """Delete the file that was uploaded, if there is one. Touches the disk."""
        # It may be gone already: the browser can take it back, and at its end Home Assistant deletes all of them.
        if self._uploaded is not None:
            with suppress(OSError, KeyError):
                self._uploaded.close()

    @callback
    @override
    def async_remove(self) -> None:
        """Leave nothing behind when the dialog is closed."""
        super().async_remove()
        if self._uploaded is not None:
            self.hass.async_add_executor_job(self._discard)

    # --- reading ------------------------------------------------------------------------------------------------------

    @callback
    def _read_files(self, columns: Collection[str] = ()) -> ConfigFlowResult:
        return self._read(
            partial(
                async_read,
                self.hass,
                self.config_entry,
                self._paths,
                columns=tuple(columns),
                on_progress=self.async_update_progress,
            )
        )

    @callback
    def _read(self, read: Callable[[], Coroutine[Any, Any, Found]]) -> ConfigFlowResult:
        """Begin to read, and to look at what would become of it."""

        async def read_and_look() -> _Past:
            found = await read()
            return _Past(found, await async_preview(self.hass, self.config_entry, found))

        # Not done before it is shown: a form's input would be given to the step that follows.
        self._reading = self.hass.async_create_task(read_and_look(), eager_start=False)
        return self._show_reading()

    @callback
    def _show_reading(self) -> ConfigFlowResult:
        return self.async_show_progress(
            step_id="import_read", progress_action="import_read", progress_task=self._reading
        )

    async def async_step_import_read(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show how far the files are read."""
        if not self._reading.done():
            return self._show_reading()
        next_step = self._judge()
        if next_step != "import_columns":
            await self.hass.async_add_executor_job(self._discard)
        return self.async_show_progress_done(next_step_id=next_step)

    @callback
    def _judge(self) -> str:
        """Return the step that follows, and keep what is to be said there."""
        names = ", ".join(path.name for path in self._paths)
        try:
            self._reading.result()
        except HistoryError as err:
            if err.kind == "columns_needed":
                self._line = err.detail
                return "import_columns"
            self._mistake = {"base": f"import_{err.kind}"}
            self._about_mistake = {"file": err.file or names, "detail": err.detail}
        except FileError as err:
            self._mistake = {"base": "import_failed"}
            self._about_mistake = {"file": Path(err.path).name, "detail": err.detail}
        except Exception:
            # Without an answer the dialog would hang.
            _LOGGER.exception("Reading %s failed", names)
            self._mistake = {"base": "unknown"}
        else:
            return "import_preview"
        return "import_files"

    async def async_step_import_columns(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask what the values are in lines without codes."""
        count = len(sml3_pairs(self._line.removesuffix(";")))
        errors: dict[str, str] = {}
        about = {"count": str(count), "given": "", "codes": ""}
        text = "\n".join(self._usual_columns(count))
        if user_input is not None:
            text = user_input[CONF_COLUMNS]
            columns, unknown = _columns(text)
            about |= {"given": str(len(columns)), "codes": ", ".join(unknown)}
            if unknown:
                errors[CONF_COLUMNS] = "import_codes_unknown"
            elif len(columns) != count:
                errors[CONF_COLUMNS] = "import_columns_count"
            else:
                return self._read_files(columns)
        return self._form(
            step_id="import_columns",
            fields={vol.Required(CONF_COLUMNS): TextSelector(TextSelectorConfig(multiline=True))},
            shown={CONF_COLUMNS: text},
            errors=errors,
            last_step=False,
            line=plain(self._line[:_LONGEST_LINE]),
            **about,
        )

    def _usual_columns(self, count: int) -> tuple[str, ...]:
        """Return the columns that our journal writes of this meter; if that is another number, those of everything."""
        if (telegram := self._telegram) is None:
            return (STAMP,)
        selected = SinkSettings.of(self.config_entry.options).selected
        chosen = columns_of(telegram, Selection(selected).allows)
        everything = columns_of(telegram, lambda _: True)
        return everything if len(chosen) != count == len(everything) else chosen

    # --- what would be done -------------------------------------------------------------------------------------------

    async def async_step_import_preview(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show what is in the files and what would be done with it, and ask whether that is wished."""
        found, previews = self._reading.result()
        errors: dict[str, str] = {}
        shown: dict[str, Any] = {CONF_OVERWRITE: False}
        if user_input is not None:
            shown = user_input
            if user_input[CONF_SLOTS]:
                return self._write(user_input[CONF_SLOTS], overwrite=user_input.get(CONF_OVERWRITE, False))
            errors[CONF_SLOTS] = "import_none_ticked"
        words = await self._async_in_words()
        text = words.would_change(found, previews)
        changing = [one for one in previews if one.summary.new or one.summary.differing]
        if not changing:
            reason = "import_nothing_new" if previews else "import_nothing_found"
            return self.async_abort(reason=reason, description_placeholders={"preview": text})
        options = [SelectOptionDict(value=one.slot, label=words.name_of(one.entity_id)) for one in changing]
        fields: dict[Any, Any] = {
            vol.Required(CONF_SLOTS, default=[one["value"] for one in options]): tick_list(options)
        }
        if any(one.summary.differing for one in changing):
            fields[vol.Required(CONF_OVERWRITE)] = BooleanSelector()
        return self._form(step_id="import_preview", fields=fields, shown=shown, errors=errors, preview=text)

    # --- doing it -----------------------------------------------------------------------------------------------------

    @callback
    def _write(self, slots: Collection[str], *, overwrite: bool) -> ConfigFlowResult:
        """Begin to write what was ticked."""
        found = self._reading.result().found
        series = {slot: one for slot, one in found.series.items() if slot in slots}
        writing = async_write(
            self.hass,
            self.config_entry,
            replace(found, series=series),
            overwrite=overwrite,
            on_progress=self.async_update_progress,
        )
        self._writing = self.hass.async_create_task(writing, eager_start=False)
        return self._show_writing()

    @callback
    def _show_writing(self) -> ConfigFlowResult:
        return self.async_show_progress(
            step_id="import_write", progress_action="import_write", progress_task=self._writing
        )

    async def async_step_import_write(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show how much is written."""
        if not self._writing.done():
            return self._show_writing()
        if (error := self._writing.exception()) is not None:
            _LOGGER.error("The import failed", exc_info=error)
            return self.async_show_progress_done(next_step_id="import_failed")
        return self.async_show_progress_done(next_step_id="import_result")

    async def async_step_import_failed(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say that it did not go well."""
        return self.async_abort(reason="import_failed")

    async def async_step_import_result(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say what was written."""
        if user_input is not None:
            return self.async_create_entry(data=self.config_entry.options)
        words = await self._async_in_words()
        return self._form(
            step_id="import_result", fields={}, shown={}, errors={}, result=words.has_changed(self._writing.result())
        )

    async def _async_in_words(self) -> Words:
        memory = await async_memory(self.hass, self.config_entry)
        texts = await async_get_translations(self.hass, self.hass.config.language, "entity", [DOMAIN])

        def name_of(entity_id: str) -> str:
            state = self.hass.states.get(entity_id)
            return entity_id if state is None else state.name

        def name_of_key(key: str) -> str:
            channel, _, bare = key.rpartition(":")
            register = REGISTERS[bare]
            text = texts[f"component.{DOMAIN}.entity.sensor.{name_for(register, memory.profile)}.name"]
            name = text.format_map(register.placeholders)
            return f"{name} ({channel})" if channel else name

        return Words(
            preview=await async_words(self.hass, "import_preview"),
            problems=await async_words(self.hass, "import_problem"),
            why_not=await async_words(self.hass, "import_left_out"),
            name_of=name_of,
            name_of_key=name_of_key,
            decimal_mark=await async_decimal_mark(self.hass),
        )


def _choices(root: Path) -> dict[str, _Choice]:
    """Return what can be ticked, by what stands for it in the form. Looks at the disk.

    The folder that a person puts files into is there afterwards.
    """
    choices: dict[str, _Choice] = {}
    with suppress(OSError):
        (root / IMPORTS).mkdir(parents=True, exist_ok=True)
    for folder in _entries(root):
        if folder.name == IMPORTS or not folder.is_dir():
            continue
        files = {name: entry for entry in _files(folder.path) if (name := FileName.parse(entry.name)) is not None}
        if files:
            months = sorted(f"{name.year:04}-{name.month:02}" for name in files)
            choices[f"journal/{folder.name}"] = _Choice(
                folder.name,
                tuple(Path(entry.path) for _, entry in sorted(files.items(), key=lambda item: item[0].months)),
                sum(entry.stat().st_size for entry in files.values()),
                (months[0], months[-1]),
            )
    for entry in _files(root / IMPORTS)[:_MOST_FILES]:
        choices[f"file/{entry.name}"] = _Choice(entry.name, (Path(entry.path),), entry.stat().st_size)
    return choices


def _files(folder: str | Path) -> list[os.DirEntry[str]]:
    """Return the files in a folder, without links: they may lead anywhere."""
    return [entry for entry in _entries(folder) if entry.is_file(follow_symlinks=False)]


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    """Return what is in a folder, by name; nothing of one that is not there."""
    try:
        with os.scandir(folder) as entries:
            # What cannot be shown cannot be ticked.
            return sorted((entry for entry in entries if entry.name.isprintable()), key=lambda entry: entry.name)
    except OSError:
        return []


def _label(choice: _Choice, words: dict[str, str]) -> str:
    """Return what a person reads of a choice."""
    text = words["journal" if choice.months else "file"]
    first, last = choice.months or ("", "")
    return text.format(name=choice.name, size=size_of(choice.size), first=first, last=last)


def _columns(text: str) -> tuple[list[str], list[str]]:
    """Return the codes that were typed, in any spelling, one a line; and what is none. The time need not be named."""
    typed = [line.partition("[")[0].strip() for line in text.splitlines()]
    typed = [one for one in typed if one and not one.startswith("#")]
    codes = [full_code(one) or "" for one in typed]
    unknown = [one for one, code in zip(typed, codes, strict=True) if not code]
    return ([] if codes[:1] == [STAMP] else [STAMP]) + codes, unknown
