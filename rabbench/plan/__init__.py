"""What a run will cost, predicted from configurations alone; budgets, and prediction against fact.

No weights are loaded and nothing is downloaded but configurations and tokenizers that are not
here. Prints nothing; importing it loads nothing heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rabbench.config.quality import QualityConfig, Sizes
from rabbench.config.scaling import ScalingConfig
from rabbench.plan.record import Budget, Plan, Step, check_budget, parse_budget, render_plan
from rabbench.plan.rows import Prediction, compare
from rabbench.types import Progress, no_progress

if TYPE_CHECKING:
    from rabbench.plan.calibration import Calibration
    from rabbench.plan.evaluation import Evaluation
    from rabbench.plan.sweep import Sweep

__all__ = [
    "Budget", "Plan", "Prediction", "Sizes", "Step", "calibrate", "check_budget", "compare",
    "parse_budget", "predict", "render_plan",
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

    Other arguments are those of :func:`predict` and of ``calibration.calibrate``.
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


def predict(
    config: ScalingConfig | QualityConfig,
    calibration: Calibration,
    *,
    sizes: Sizes | None = None,
    reference_layers: bool = False,
) -> Plan:
    """Predict what a sweep or an evaluation, on a resolved device, will cost.

    ``sizes`` are of an evaluation's data sets that are not on this machine. ``reference_layers``:
    the run will time :func:`~rabbench.plan.sweep.reference_layers` as well.

    Raises:
        UsageError: as the run itself would, for an unknown name or an impossible length.
        MissingError: if a data set's sizes are neither given nor to be had from a local copy.
    """
    return _planner(config, sizes, reference_layers=reference_layers).plan(calibration)


def _planner(
    config: ScalingConfig | QualityConfig, sizes: Sizes | None, *, reference_layers: bool = False
) -> Sweep | Evaluation:
    from rabbench.plan.evaluation import Evaluation
    from rabbench.plan.sweep import Sweep

    if isinstance(config, ScalingConfig):
        return Sweep(config, reference_layers)
    return Evaluation(config, sizes)
