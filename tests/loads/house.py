"""A house of one phase whose outputs obey at once and whose loads draw at once: every second can be worked out by hand.

`plant` is the house with physics; here nothing but the controller takes time.
"""

from datetime import datetime, timedelta
import json
from typing import Any

from p1meter.loads import (
    FOREVER,
    Command,
    Controller,
    LoadInput,
    LoadSettings,
    LoadView,
    Phase,
    Reason,
    Sample,
    Site,
)
from tests.loads.plant import VOLTS, ZONE

NOON = datetime(2026, 6, 15, 12, 0, 5, tzinfo=ZONE)
ON, OFF = True, False


def load(name: str = "boiler", power_w: float = 2000.0, rank: int = 1, **more: Any) -> LoadSettings:
    """A load that is switched as soon as it is worth anything."""
    quick: dict[str, Any] = {"start_cost_wh": 0.0, "stop_cost_wh": 0.0, "min_on_s": 0.0, "phases": (1,)}
    return LoadSettings(name, power_w, rank, **quick | more)


class House:
    """Outputs that obey at once, and loads that draw at once, on a meter that shows it at the next telegram."""

    def __init__(
        self, *loads: LoadSettings, house_w: float = 300.0, site: Site | None = None, start: datetime = NOON
    ) -> None:
        self.loads = loads
        self.site = site or Site()
        self.house_w = house_w
        self.now = 10_000.0
        self.at = start.timestamp()
        self.on: dict[str, bool | None] = {one.id: False for one in loads}
        self.deaf: set[str] = set()
        self.cold: dict[str, float] = {}
        self.allowed: dict[str, bool] = {}
        # What sensors of their own say, W.
        self.sensed: dict[str, float] = {}
        self.more: dict[str, Any] = {}
        # Whether a tick is told what the outputs are.
        self.is_seen = False
        self.controller = Controller(loads, self.site)
        self.commands: list[tuple[int, Command]] = []
        self.seconds = 0

    def wall(self) -> datetime:
        return datetime.fromtimestamp(self.at, ZONE)

    def net_w(self) -> float:
        return self.house_w + sum(self.cold.get(one.id, one.power_w) for one in self.loads if self.on[one.id])

    def sample(self) -> Sample:
        net = self.net_w()
        phase = Phase(abs(net) / VOLTS, max(0.0, net), max(0.0, -net), VOLTS)
        power = {"import_w": max(0.0, net), "export_w": max(0.0, -net)}
        return Sample(self.now, self.wall(), phases=(phase, None, None), loads=self.inputs(), **power | self.more)

    def inputs(self) -> dict[str, LoadInput]:
        sensed, allowed = self.sensed, self.allowed
        return {name: LoadInput(on, sensed.get(name), allowed.get(name, True)) for name, on in self.on.items()}

    def step(self) -> list[tuple[str, bool, Reason]]:
        """A telegram; what was commanded."""
        commands = self.controller.step(self.sample())
        return self._obey(commands)

    def tick(self) -> list[tuple[str, bool, Reason]]:
        """A second without one."""
        return self._obey(self.controller.tick(self.now, self.wall(), self.inputs() if self.is_seen else None))

    def run(self, seconds: int) -> list[tuple[str, bool, Reason]]:
        return [command for _ in range(seconds) for command in self.step()]

    def silence(self, seconds: int) -> list[tuple[str, bool, Reason]]:
        return [command for _ in range(seconds) for command in self.tick()]

    def until_switched(self, limit: int = 4000) -> tuple[int, list[tuple[str, bool, Reason]]]:
        """Go on to the next command; after how many telegrams it came."""
        for n in range(1, limit):
            if commands := self.step():
                return n, commands
        raise AssertionError("nothing was commanded")

    def hand(self, name: str, on: bool | None, *, hours: float | None = 2.0) -> None:  # noqa: FBT001 - as the law has it
        until = FOREVER if hours is None else self.wall() + timedelta(hours=hours)
        self.controller.override(name, on, until)

    def restart(self, site: Site | None = None) -> None:
        """A new process with what was kept."""
        kept = json.loads(json.dumps(self.controller.state))
        self.controller = Controller(self.loads, site or self.site, kept)

    def view(self, name: str = "boiler") -> LoadView:
        return self.controller.view(name)

    def _obey(self, commands: list[Command]) -> list[tuple[str, bool, Reason]]:
        for command in commands:
            self.commands.append((self.seconds, command))
            if command.load not in self.deaf and self.on[command.load] is not None:
                self.on[command.load] = command.on
        self.now += 1
        self.at += 1
        self.seconds += 1
        return [(command.load, command.on, command.reason) for command in commands]
