"""What a step of the law costs."""

from time import process_time
from typing import Final

from p1meter.loads import Controller, LoadInput, LoadSettings, Site

from .house import trace
from .metering import START, Meter

_SECONDS: Final = 4 * 3_600
_BEGIN: Final = 9 * 3_600


def step_us(loads: int) -> float:
    """Processor time of one step with so many loads, µs, on a broken morning, with every limit watched."""
    settings = [LoadSettings(f"load {i}", 600 + 300 * i, i + 1, start_cost_wh=5, stop_cost_wh=5) for i in range(loads)]
    site = Site(fuse_a=25, target_w=2_500)
    days = trace(1, 1)
    meter = Meter(days, 1, (0,) * loads, START, demand=True)
    controller = Controller(settings, site)
    inputs = {load.id: LoadInput(on=False) for load in settings}
    spent = 0.0
    for second in range(_BEGIN, _BEGIN + _SECONDS):
        drawn = tuple(load.power_w if inputs[load.id].on else 0.0 for load in settings)
        meter.measure(second, drawn, sum(drawn))
        sample = meter.read(second, float(second), inputs)
        begin = process_time()
        commands = controller.step(sample)
        spent += process_time() - begin
        for command in commands:
            inputs = {**inputs, command.load: LoadInput(on=command.on)}
    return spent / _SECONDS * 1e6
