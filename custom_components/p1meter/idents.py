"""Who made the meter? Read from the identification line that a telegram starts with.

The first three letters are the maker's FLAG code (IEC 62056-21 §6.3.2), but not always the maker's: some grid
companies have their own put in. Only what is certain is said; a wrong name is worse than none.
"""

from dataclasses import dataclass
import re


@dataclass(frozen=True, slots=True)
class MeterIdent:
    """What an identification tells about a meter.

    Attributes:
        manufacturer: As people know the maker (`Iskra`, `Landis+Gyr`); None where the identification does not tell.
        model: The maker's name for the meter (`AM550`) where it is known, else what stands for it in the
            identification; None where that is only a number of the meter.
    """

    manufacturer: str | None
    model: str | None

    @property
    def name(self) -> str | None:
        """What a person calls the meter: `Iskra AM550`, `Kaifa`; None where the maker is not known."""
        if self.manufacturer is None or self.model is None:
            return self.manufacturer
        return f"{self.manufacturer} {self.model}"


# By FLAG code, in capitals: the case of the third letter is a matter of timing (IEC 62056-21 §6.3.2), and not all keep
# to it. Codes of grid companies (Fluvius, Enexis, ESO, …) are not here.
_MANUFACTURERS = {
    "ADN": "Aidon",
    "AUX": "Sanxing",
    "CTA": "ZIV",
    "ELS": "Elster",
    "EMH": "EMH",
    "ESY": "EasyMeter",
    "HAG": "Hager",
    "HLY": "Holley",
    "ISK": "Iskra",
    "ITR": "Itron",
    "KAM": "Kamstrup",
    "KFM": "Kaifa",
    "KMP": "Kamstrup",
    "LGF": "Landis+Gyr",
    "LGZ": "Landis+Gyr",
    "LUG": "Landis+Gyr",
    "MCS": "Metcom",
    "SAG": "Sagemcom",
    "SIE": "Siemens",
}
# What meters are known to say, as (pattern of the whole identification, maker, model).
_KNOWN = (
    (re.compile(r"ISK.\\2M55\d[ET]\b", re.IGNORECASE), "Iskra", "AM550"),
    # The 2 behind the backslash is lost on some.
    (re.compile(r"ISK.(?:\\2?)?MT382\b", re.IGNORECASE), "Iskra", "MT382"),
    (re.compile(r"ISK.(?:\\2?)?ME382\b", re.IGNORECASE), "Iskra", "ME382"),
    (re.compile(r"ISK.(?:\\2?)?MT174\b", re.IGNORECASE), "Iskra", "MT174"),
    (re.compile(r"ISK.\\2MIE5", re.IGNORECASE), "Iskra", "IE.5"),
    (re.compile(r"ISK.\\2MIE7", re.IGNORECASE), "Iskra", "IE.7"),
    (re.compile(r"Ene.\\T210-D\b"), "Sagemcom", "T210-D"),
    (re.compile(r"Ene.\\T211\b"), "Sagemcom", "T211"),
    (re.compile(r"Ene.\\XS210\b"), "Sagemcom", "XS210"),
    (re.compile(r"Ene.\\SAGEMCOM CX2000\b"), "Sagemcom", "CX2000"),
    (re.compile(r"LGF.E360\b"), "Landis+Gyr", "E360"),
    # Heat meters, read optically; the C is their speed. Siemens has built them before.
    (re.compile(r"LUGCUH50\b"), "Landis+Gyr", "Ultraheat UH50"),
    (re.compile(r"LUGCUH"), "Landis+Gyr", "Ultraheat"),
    (re.compile(r"SIEC2WR5\b"), "Siemens", "2WR5"),
    # Their communication module answers for the meter; the serial number follows.
    (re.compile(r"XMX.LGF\d"), "Landis+Gyr", "E360"),
    (re.compile(r"XMX.(?:LGBBF|XMXABC)"), "Landis+Gyr", "E350"),
)
_PARTS = re.compile(r"([A-Za-z]{3})(?:[0-9C](?:\\[0-9@])?)?[\\ -]*(.*)", re.DOTALL)
_SERIAL_NUMBER = re.compile(r"\d{5}")
# In place of a model: `KAIFA-METER`, `SAG-METER`, `ZIV-METER`. Behind it, or alone: the version of the firmware.
_NO_MODEL = re.compile(r".+-METER")
_VERSION = re.compile(r"(?:^| )V\d+\.\d+$")
# What no maker puts into a name, and Home Assistant's dialogs would take for Markdown.
_MARKUP = re.compile(r"[^\w .,+/@&'\\-]+")


def describe(ident: str) -> MeterIdent:
    """Return who made a meter and what it is called.

    Args:
        ident: The identification line without its `/` (`Telegram.ident`).
    """
    for pattern, manufacturer, model in _KNOWN:
        if pattern.match(ident):
            return MeterIdent(manufacturer, model)
    if (parts := _PARTS.match(ident)) is None:
        return MeterIdent(None, None)
    code, rest = parts.groups()
    text = plain(_VERSION.sub("", rest.strip()))
    if not text or _SERIAL_NUMBER.search(text) or _NO_MODEL.fullmatch(text):
        return MeterIdent(_MANUFACTURERS.get(code.upper()), None)
    return MeterIdent(_MANUFACTURERS.get(code.upper()), text)


def plain(text: str) -> str:
    """Return what a meter says of itself without what a dialog would take for more than text."""
    return _MARKUP.sub(" ", text).strip()
