"""Why a load is as it is can be said in every language, with numbers as people of that language write them."""

import json
from pathlib import Path
import re
from typing import TYPE_CHECKING, Any

import pytest

from custom_components import p1meter
from custom_components.p1meter.load_words import DECIMAL, GROUP, SPARSE, sentence
from custom_components.p1meter.loads import Reason
from custom_components.p1meter.words import async_words

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

LANGUAGES = ("en", "nl", "fr", "de")
WORDS: dict[str, dict[str, str]] = {
    language: json.loads((Path(p1meter.__file__).parent / "translations" / f"{language}.json").read_text())["selector"][
        GROUP
    ]["options"]
    for language in LANGUAGES
}
# What `Reason` says of each: the numbers behind it.
DETAILS: dict[Reason, dict[str, Any]] = {
    Reason.CONTROL_OFF: {},
    Reason.UNAVAILABLE: {},
    Reason.FAULT: {},
    Reason.STARTING_UP: {},
    Reason.NOT_ALLOWED: {},
    Reason.MADE_ROOM: {},
    Reason.SETTLING: {},
    Reason.STALE: {"silent_s": 12.3},
    Reason.FUSE: {"phase": 1, "current_a": 27.84, "fuse_a": 25.0, "remaining_s": 300.0},
    Reason.FUSE_HEADROOM: {"phase": 2, "current_a": 24.6, "fuse_a": 25.0},
    Reason.DEMAND: {"target_w": 2500.0, "remaining_s": 200.0},
    Reason.DEMAND_HEADROOM: {"target_w": 2500.0, "remaining_s": 200.0},
    Reason.TARIFF: {"tariff": 1},
    Reason.PRICE: {"price": 0.3149, "max_price": 0.2},
    Reason.WINDOW: {"starts_at": "13:30"},
    Reason.MAX_RUN: {"run_s": 5400.0},
    Reason.MAX_STARTS: {"starts": 12},
    Reason.OVERRIDE_ON: {"remaining_s": 7200.0},
    Reason.OVERRIDE_OFF: {"remaining_s": 7200.0},
    Reason.DEADLINE: {"missing_s": 2400.0, "deadline": "22:00"},
    Reason.SUN: {"share": 0.804},
    Reason.SHORT: {"short_w": 342.0, "since_s": 199.0},
    Reason.GATHERING: {"remaining_s": 25.7},
    Reason.LEAVING: {"short_w": 1300.0, "remaining_s": 13.8},
    Reason.MIN_ON: {"remaining_s": 45.0},
    Reason.MIN_OFF: {"remaining_s": 61.0},
    Reason.IDLE: {"since_s": 59.0},
    Reason.IDLE_WAIT: {"remaining_s": 1800.0},
}


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_every_reason_is_thought_of() -> None:
    assert DETAILS.keys() == set(Reason)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_has_a_sentence_with_the_numbers_behind_it(language: str) -> None:
    words = WORDS[language]
    assert words.keys() == {*Reason, *SPARSE.values(), DECIMAL}
    for reason, detail in DETAILS.items():
        assert placeholders(words[reason]) == detail.keys(), reason
        said = sentence(words, reason, detail)
        assert "{" not in said
        # Home Assistant takes no longer state.
        assert len(said) <= 255
    for reason, key in SPARSE.items():
        assert placeholders(words[key]) < DETAILS[reason].keys()


# Worked out by hand: W to the nearest ten, A to a tenth, what has been is rounded down (199 s: 3 min; 12.3 s: 10 s),
# what is still to come is rounded up (200 s: 4 min; 25.7 s: 30 s; 13.8 s: 15 s; 61 s: 2 min).
EXAMPLES = [
    ("en", Reason.SHORT, "waits: 340 W short for 3 min"),
    ("nl", Reason.SHORT, "wacht: al 3 min 340 W te weinig"),
    ("fr", Reason.SHORT, "attend : il manque 340 W depuis 3 min"),
    ("de", Reason.SHORT, "wartet: seit 3 min fehlen 340 W"),
    ("en", Reason.FUSE_HEADROOM, "waits: L2 at 24.6 of 25 A, no room for it"),
    ("nl", Reason.FUSE_HEADROOM, "wacht: L2 op 24,6 van 25 A, geen ruimte ervoor"),
    ("fr", Reason.FUSE_HEADROOM, "attend : L2 à 24,6 sur 25 A, pas assez de place"),
    ("de", Reason.FUSE_HEADROOM, "wartet: L2 bei 24,6 von 25 A, kein Platz dafür"),
    ("en", Reason.FUSE, "off for 5 min: L1 at 27.8 of 25 A"),
    ("nl", Reason.FUSE, "nog 5 min uit: L1 op 27,8 van 25 A"),
    ("en", Reason.DEMAND, "off for 4 min: keeps the peak under 2500 W"),
    ("nl", Reason.DEMAND, "nog 4 min uit: houdt de piek onder 2500 W"),
    ("en", Reason.DEMAND_HEADROOM, "waits: would bring the peak too close to 2500 W, 4 min to go"),
    ("fr", Reason.DEMAND_HEADROOM, "attend : amènerait la pointe trop près de 2500 W, encore 4 min"),
    ("en", Reason.STALE, "safe state: no data from the meter for 10 s"),
    ("en", Reason.PRICE, "waits: price 0.315, at most 0.20"),
    # In which one it waits, not for which one.
    ("en", Reason.TARIFF, "waits: may not start in tariff 1"),
    ("de", Reason.PRICE, "wartet: Preis 0,315, höchstens 0,20"),
    ("nl", Reason.WINDOW, "wacht: mag starten vanaf 13:30"),
    ("en", Reason.MAX_RUN, "off: has run for 1 h 30 min today, that is enough"),
    ("de", Reason.OVERRIDE_ON, "an: von Hand, noch 2 h"),
    ("en", Reason.DEADLINE, "must run 40 min more by 22:00"),
    ("en", Reason.SUN, "on: the sun covers 80%"),
    ("fr", Reason.SUN, "marche : le soleil couvre 80\u202f%"),
    ("en", Reason.GATHERING, "waits: enough sun, starts in 30 s at the earliest"),
    ("en", Reason.LEAVING, "on: 1300 W short, stops in 15 s if it lasts"),
    ("en", Reason.MIN_ON, "on: for at least 45 s more"),
    ("en", Reason.MIN_OFF, "off: for at least 2 min more"),
    ("en", Reason.IDLE, "on: has drawn nothing for 55 s"),
    ("nl", Reason.IDLE_WAIT, "uit: verbruikte niets, probeert het over 30 min opnieuw"),
]


@pytest.mark.parametrize(("language", "reason", "said"), EXAMPLES)
def test_worked_examples(language: str, reason: Reason, said: str) -> None:
    assert sentence(WORDS[language], reason, DETAILS[reason]) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "0 s"),
        (0.1, "5 s"),
        (55.0, "55 s"),
        # Rounded up, this is a minute.
        (55.1, "1 min"),
        (60.0, "1 min"),
        (3540.5, "1 h"),
        (3601.0, "1 h 1 min"),
        (90000.0, "25 h"),
    ],
)
def test_times_still_to_come(seconds: float, said: str) -> None:
    assert sentence(WORDS["en"], Reason.MIN_OFF, {"remaining_s": seconds}) == f"off: for at least {said} more"


@pytest.mark.parametrize(
    ("seconds", "said"), [(59.9, "55 s"), (119.0, "1 min"), (3599.0, "59 min"), (7261.0, "2 h 1 min")]
)
def test_times_that_have_been(seconds: float, said: str) -> None:
    assert sentence(WORDS["en"], Reason.IDLE, {"since_s": seconds}) == f"on: has drawn nothing for {said}"


def test_what_is_so_since_just_now_has_no_duration() -> None:
    since = [4.9, 5.0]
    said = [sentence(WORDS["en"], Reason.SHORT, {"short_w": 342.0, "since_s": seconds}) for seconds in since]
    assert said == ["waits: 340 W short", "waits: 340 W short for 5 s"]


@pytest.mark.parametrize(
    ("language", "reason", "detail", "said"),
    [
        # It does not end by itself.
        ("en", Reason.OVERRIDE_ON, {}, "on: by hand, until further notice"),
        ("nl", Reason.OVERRIDE_OFF, {}, "uit: met de hand, tot nader order"),
        ("de", Reason.LEAVING, {"short_w": 1300.0}, "an: es fehlen 1300 W"),
        # It was switched off at this moment.
        ("en", Reason.SHORT, {"short_w": 342.0}, "waits: 340 W short"),
        # The meter, or the sensor, does not say.
        ("nl", Reason.TARIFF, {}, "wacht: het tarief is niet bekend"),
        ("en", Reason.PRICE, {"max_price": 0.2}, "waits: the price is not known"),
        ("de", Reason.TARIFF, {}, "wartet: der Tarif ist nicht bekannt"),
        # The limit was taken away meanwhile; the lock stays.
        (
            "en",
            Reason.FUSE,
            {"phase": 1, "current_a": 27.84, "remaining_s": 200.0},
            "off for 4 min: L1 was at 27.8 A",
        ),
        ("de", Reason.DEMAND, {"remaining_s": 200.0}, "noch 4 min aus: hielt die Spitze niedrig"),
        # After a restart nobody knows since when.
        ("en", Reason.IDLE, {"since_s": 0.0}, "on: draws nothing"),
    ],
)
def test_what_is_not_known_is_not_told(language: str, reason: Reason, detail: dict[str, Any], said: str) -> None:
    assert sentence(WORDS[language], reason, detail) == said


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("de", "wartet: L2 bei 24,6 von 25 A, kein Platz dafür"),
        # Nobody translated it: the words are English, and so are the numbers.
        ("sv", "waits: L2 at 24.6 of 25 A, no room for it"),
    ],
)
async def test_in_the_language_of_this_home(hass: HomeAssistant, language: str, said: str) -> None:
    hass.config.language = language
    words = await async_words(hass, GROUP)
    assert sentence(words, Reason.FUSE_HEADROOM, DETAILS[Reason.FUSE_HEADROOM]) == said
