"""What is news in a telegram, and what is not."""

from typing import TYPE_CHECKING

from p1meter.memory import Memory
from p1meter.meter import Reader, Telegram
from p1meter.news import News, NewsKind, NewsReader
from p1meter.roles import ELECTRICITY
from tests.compose import ELECTRICITY_ID, nl5

if TYPE_CHECKING:
    from collections.abc import Mapping

OLD = "(230614142317S)(0000000187*s)"
NEW = "(261121083010W)(0000000010*s)"
OTHER_ID = "E0047000099999999"


class Listener:
    """Reads telegrams one after the other, as the coordinator does."""

    def __init__(self, memory: Memory | None = None) -> None:
        self.memory = memory or Memory(ids={ELECTRICITY: ELECTRICITY_ID})
        self.news = NewsReader(self.memory)
        self.reader = Reader()

    def hear(self, changes: Mapping[str, str | None] | None = None) -> list[News] | None:
        (telegram,) = self.reader.feed(nl5(changes))
        assert isinstance(telegram, Telegram)
        return self.news.read(telegram)


def text(message: str) -> dict[str, str | None]:
    return {"0-0:96.13.0": f"({message.encode().hex()})"}


def test_the_first_telegram_is_remembered_and_no_news() -> None:
    listener = Listener()
    assert listener.hear(text("Old")) == []
    assert listener.memory.events["electricity_message"] == "Old"


def test_the_same_again_is_nothing_to_remember() -> None:
    listener = Listener()
    listener.hear(text("Old"))
    assert listener.hear(text("Old")) is None
    # Also when it is looked at anew.
    assert Listener(listener.memory).hear(text("Old")) is None


def test_a_message_is_news_until_it_is_gone() -> None:
    listener = Listener()
    listener.hear()
    assert listener.hear(text("A")) == [News(NewsKind.MESSAGE, {"text": "A"})]
    assert listener.hear(text("A")) is None
    assert listener.hear() == []
    assert listener.hear(text("A")) == [News(NewsKind.MESSAGE, {"text": "A"})]


def test_it_is_remembered_over_a_restart() -> None:
    first = Listener()
    first.hear()
    kept = Memory.from_json(first.memory.to_json())
    assert Listener(kept).hear(text("While away")) == [News(NewsKind.MESSAGE, {"text": "While away"})]


def test_a_failure_in_the_log_and_in_the_counter_is_one() -> None:
    listener = Listener()
    listener.hear({"1-0:99.97.0": f"(1)(0-0:96.7.19){OLD}"})
    news = listener.hear({"1-0:99.97.0": f"(2)(0-0:96.7.19){NEW}{OLD}", "0-0:96.7.21": "(00005)"})
    assert news is not None
    (failure,) = news
    assert failure.kind is NewsKind.POWER_FAILURE
    assert failure.facts["duration"] == 10
    assert str(failure.facts["start"]) == "2026-11-21 08:30:00+01:00"
    assert str(failure.facts["end"]) == "2026-11-21 08:30:10+01:00"


def test_a_log_that_was_not_sent_before_has_nothing_new() -> None:
    listener = Listener()
    listener.hear({"1-0:99.97.0": None, "0-0:96.7.21": None})
    assert listener.hear() == []


def test_a_counter_that_starts_again_tells_nothing() -> None:
    listener = Listener()
    listener.hear()
    assert listener.hear({"0-0:96.7.21": "(00000)"}) == []
    assert listener.hear({"0-0:96.7.21": "(00001)"}) == [News(NewsKind.POWER_FAILURE, {})]


def test_another_meter_is_not_listened_to_until_it_is_ours() -> None:
    listener = Listener()
    listener.hear()
    other = {"0-0:96.1.1": f"({OTHER_ID.encode().hex()})", **text("Other")}
    assert listener.hear(other) is None
    listener.memory.ids[ELECTRICITY] = OTHER_ID
    # What it had before it was mounted here is no news.
    assert listener.hear(other) == []
    assert listener.hear({**other, **text("New")}) == [News(NewsKind.MESSAGE, {"text": "New"})]
