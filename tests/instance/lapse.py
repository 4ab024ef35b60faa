"""A house whose hours go by in seconds: what its meter says, and the clocks of its Home Assistant, go together."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.background import running
from tests.simulation.household import Household
from tests.simulation.telegrams import SYSTEMS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from .clock import Clock
    from .process import HomeAssistant

_PATIENCE = 30  # seconds until what was said must have been heard
_SHORT_PATIENCE = 0.5  # where it need not be
_SETTLES = 20  # telegrams


class Lapse:
    """The meter of one household, in step with a clock.

    Attributes:
        household: who lives there.
        lines: what the telegrams are written to.
        wrong_by: how far the time of day of Home Assistant is ahead of the meter's.
        entry_id: of the meter, once it was added.
        sent: the telegrams that were written somewhere.
    """

    def __init__(self, home_assistant: HomeAssistant, clock: Clock, system: str = "nl4") -> None:
        """Begin at what the clock says."""
        self.system = SYSTEMS[system]
        self.household = Household(start=clock.now, system=system)
        self.lines: list[Callable[[bytes], None]] = []
        self.wrong_by = timedelta(0)
        self.sent: list[bytes] = []
        self.entry_id = ""
        self._home_assistant = home_assistant
        self._clock = clock

    async def live(self, seconds: int, *, heard: bool = True) -> None:
        """Live so long, from telegram to telegram, each when Home Assistant has done what was due before it.

        Args:
            seconds: so long.
            heard: whether each telegram arrives, and is waited for.
        """
        for _ in range(seconds // self.system.interval):
            self.pass_time()
            await self._home_assistant.client.ping()
            if heard:
                assert await self._is_heard(_PATIENCE), f"a telegram is not heard\n{self._home_assistant.tail()}"
            else:
                self.speak()
                # What it does in threads takes the time of this machine.
                await self._accepted()
            await self._home_assistant.client.ping()

    async def settle(self) -> None:
        """Live until it is known how often this meter speaks; until then a pause of one interval may pass for silence.

        A telegram for which the port was just being opened again is not heard.
        """
        for _ in range(_SETTLES):
            self.pass_time()
            await self._home_assistant.client.ping()
            await self._is_heard(_SHORT_PATIENCE)

    async def live_until(self, what: str, found: Callable[[], Awaitable[bool]], seconds: int) -> None:
        """Live until something is so. Raises AssertionError naming `what` after so many seconds."""
        for _ in range(seconds // self.system.interval):
            self.pass_time()
            await self._home_assistant.client.ping()
            await self._is_heard(_SHORT_PATIENCE)
            if await found():
                return
        raise AssertionError(f"not within {seconds} s: {what}\n{self._home_assistant.tail()}")

    async def _is_heard(self, patience: float) -> bool:
        """Speak, and return whether the telegram was accepted within so many seconds of this machine."""
        before = await self._accepted()
        self.speak()
        try:
            async with asyncio.timeout(patience):
                while await self._accepted() == before:
                    pass
        except TimeoutError:
            return False
        return True

    async def _accepted(self) -> int:
        found = await self._home_assistant.client.get(f"/api/diagnostics/config_entry/{self.entry_id}")
        return int(found["data"]["line"]["telegrams_accepted"])

    @asynccontextmanager
    async def talking(self) -> AsyncGenerator[None]:
        """Speak in real time, faster than meters do, as long as this lasts: while a meter is being looked for."""

        async def talk() -> None:
            while True:
                self.speak()
                await asyncio.sleep(0.3)

        async with running(talk()):
            yield

    def pass_time(self) -> None:
        """Live until the next telegram, and say nothing; what was lived through without it has gone by here, too."""
        interval = self.system.interval
        late = (self._clock.now - self.wrong_by - self.household.now).total_seconds()
        self.household.step(max(1, int(late // interval)) * interval)
        self._clock.advance_to(self.household.now + self.wrong_by)

    def speak(self) -> None:
        """Say how it is now."""
        telegram = self.system.compose(self.household)
        if self.lines:
            self.sent.append(telegram)
        for line in self.lines:
            line(telegram)
