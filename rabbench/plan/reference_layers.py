"""A few layers of a point's own model, to be timed beside its samples: the machine's speed.

Neighbours on the same host, heat and power limits change a machine's speed by tens of percent
within a minute, and that of short forwards, which wait for memory, otherwise than that of long
ones. The layers that the calibration timed, run again over the same tokens, tell such changes from
errors of the prediction. Knows points and calibrations; takes no times.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rabbench.plan import skeleton
from rabbench.plan.calibration import Calibration
from rabbench.plan.work import examine
from rabbench.types import Point


def layers_beside(calibration: Calibration) -> Callable[[Point], Callable[[], object] | None]:
    """What gives each point the layers to time beside it: None where it runs none.

    Args:
        calibration: whose curves say how many layers of which configuration were timed.
    """
    bodies: dict[str, Any] = {}

    def beside(point: Point) -> Callable[[], object] | None:
        work = examine(point)
        target = work.target
        curve = None if target is None else calibration.curve(target)
        if target is None or curve is None:
            return None
        if target.key not in bodies:
            bodies[target.key] = skeleton.body(
                target.config,
                layers=curve.timed,
                device=calibration.device,
                dtype=target.dtype,
                attention=target.attention,
            )
        body = bodies[target.key]
        runs = [skeleton.forward(body, one, calibration.device) for one in work.forwards]

        def run() -> None:
            for one in runs:
                one()

        return run

    return beside
