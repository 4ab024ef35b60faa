"""Something in the house that is switched from outside, and what it draws then."""


class Appliance:
    """Draws its power on one phase, some seconds after it is switched on, and takes a while to get there.

    A car is asked first and then turned up; an element of a boiler is there at once. Off is off at once.
    """

    def __init__(self, watts: int, *, phase: int = 1, latency: int = 0, ramp: int = 0) -> None:
        """Say what it is; it is off.

        Args:
            watts: what it draws in the end.
            phase: 1, 2 or 3.
            latency: seconds until it begins to draw.
            ramp: seconds from then to its full power.
        """
        self.watts = watts
        self.phase = phase
        self._latency = latency
        self._ramp = ramp
        self._on = False
        self._seconds = 0

    @property
    def on(self) -> bool:
        """Whether it is switched on."""
        return self._on

    def switch(self, on: bool) -> None:  # noqa: FBT001 (on and off are what it is about)
        """Switch it; what is on already stays as it is."""
        if on is not self._on:
            self._on, self._seconds = on, 0

    def step(self) -> int:
        """Live on for a second; return what it drew in it, W."""
        if not self._on:
            return 0
        self._seconds += 1
        rising = self._seconds - self._latency
        return self.watts if rising > self._ramp else self.watts * max(0, rising) // (self._ramp + 1)
