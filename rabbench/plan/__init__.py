"""What a run will cost, predicted from configurations alone; budgets, and prediction against fact.

No weights are loaded and nothing is downloaded but configurations and tokenizers that are not
here. Prints nothing; importing it loads nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rabbench.config.quality import Sizes
from rabbench.plan.budget import Budget, check_budget, parse_budget
from rabbench.plan.comparison import Compared, compare, within
from rabbench.plan.record import Plan, Step
from rabbench.plan.roofline import PAPER, Achieved, Factor, achieved, factors
from rabbench.plan.text import render_plan
from rabbench.types import Point, Progress, no_progress

if TYPE_CHECKING:
    from rabbench.plan.calibration import Calibration
    from rabbench.plan.evaluation import Evaluation
    from rabbench.plan.sweep import Sweep
    from rabbench.quality import QualityConfig
    from rabbench.scaling import ScalingConfig

__all__ = [
    "PAPER", "Achieved", "Budget", "Compared", "Factor", "Plan", "Sizes", "Step", "achieved",
    "calibrate", "check_budget", "compare", "factors", "layers_beside", "parse_budget", "predict",
    "render_plan", "within",
]  # fmt: skip


def calibrate(
    config: ScalingConfig | QualityConfig,
    *,
    seconds: float = 10.0,
    recalibrate: bool = False,
    sizes: Sizes | None = None,
    progress: Progress = no_progress,
) -> Calibration:
    """The calibration of this machine that a plan of ``config`` needs, kept in the cache.

    Args:
        config: of a sweep or an evaluation.
        seconds: how long to time what the cache lacks.
        recalibrate: time everything again.
        sizes: as of :func:`predict`.
        progress: told what is being timed.
    """
    from rabbench.plan import calibration

    return calibration.calibrate(
        _planner(config, sizes).targets(),
        device=config.options.device,
        dtype=config.options.dtype,
        seconds=seconds,
        recalibrate=recalibrate,
        progress=progress,
    )


def layers_beside(calibration: Calibration) -> Callable[[Point], Callable[[], object] | None]:
    """What gives each point of a sweep a few layers of its model to be timed beside it.

    Args:
        calibration: of this machine, from :func:`calibrate`.
    """
    from rabbench.plan import reference_layers

    return reference_layers.layers_beside(calibration)


def predict(
    config: ScalingConfig | QualityConfig,
    calibration: Calibration,
    *,
    sizes: Sizes | None = None,
    beside: bool = False,
) -> Plan:
    """Predict what a sweep or an evaluation will cost.

    Args:
        config: with a resolved device (``cpu`` or ``cuda``).
        calibration: of this machine, from :func:`calibrate`.
        sizes: of an evaluation's data sets that are not on this machine.
        beside: the run will time :func:`layers_beside` its samples.

    Raises:
        UsageError: as the run itself would, for an unknown name or an impossible length.
        MissingError: if a data set's sizes are neither given nor to be had from a local copy.
    """
    return _planner(config, sizes, beside=beside).plan(calibration)


def _planner(
    config: ScalingConfig | QualityConfig, sizes: Sizes | None, *, beside: bool = False
) -> Sweep | Evaluation:
    from rabbench.plan.evaluation import Evaluation
    from rabbench.plan.sweep import Sweep
    from rabbench.scaling import ScalingConfig

    return Sweep(config, beside) if isinstance(config, ScalingConfig) else Evaluation(config, sizes)
