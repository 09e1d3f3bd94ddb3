"""A few layers of a point's own model, timed with its samples: the machine's speed.

Neighbours on the same host, heat and power limits change a machine's speed by tens of percent
within a minute; short forwards, which wait for memory, change otherwise than long ones. The layers
that the calibration timed, run again over the same tokens, tell such changes from errors of the
prediction. Knows points and calibrations; takes no times.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rabbench.plan import skeleton
from rabbench.plan.calibration import Calibration
from rabbench.plan.work import trace_point
from rabbench.types import Point


def reference_layers(calibration: Calibration) -> Callable[[Point], Callable[[], object] | None]:
    """A function that gives each point of a sweep its layers to time: None where it runs none.

    Args:
        calibration: whose curves say how many layers of which configuration were timed.
    """
    bodies: dict[str, Any] = {}

    def layers(point: Point) -> Callable[[], object] | None:
        work = trace_point(point)
        target = work.target
        curve = None if target is None else calibration.curve(target)
        if target is None or curve is None:
            return None
        if target.key not in bodies:
            bodies[target.key] = skeleton.build_body(
                target.config,
                layers=curve.timed,
                device=calibration.device,
                dtype=target.dtype,
                attention=target.attention,
            )
        body = bodies[target.key]
        runs = [
            skeleton.build_forward(body, forward, calibration.device) for forward in work.forwards
        ]

        def run() -> None:
            for forward in runs:
                forward()

        return run

    return layers
