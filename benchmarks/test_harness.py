"""The harness itself, by the clock: what ought to be quick is, and what does more takes longer.

Ratios within one run only; each is far from its bound, and a busy machine changes both sides.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rabbench.models.backbone import resolve
from rabbench.plan import calibration
from rabbench.plan.calibration import Calibration
from rabbench.plan.curves import Target
from rabbench.plan.skeleton import Forward

SHAPE = "smollm2-135m-shape"


def _best(run: Callable[[], object], times: int = 3) -> float:
    times_s = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        times_s.append(time.perf_counter() - start)
    return min(times_s)


def test_help_is_quick_beside_a_bare_interpreter() -> None:
    """0.08 s on the machine it was written on, where a bare interpreter takes 0.02 s."""

    def best(*command: str) -> float:
        words = [sys.executable, *command]
        return _best(lambda: subprocess.run(words, capture_output=True, check=True))  # noqa: S603 - ours

    bare = best("-c", "pass")
    assert best("-m", "rabbench", "--help") < bare + max(0.5, 10 * bare)


@pytest.fixture(scope="module")
def target() -> Target:
    return Target(
        name=SHAPE,
        config=resolve(SHAPE).config,
        dtype="float32",
        attention="sdpa",
        longest=512,
        suffix=32,
    )


@pytest.fixture(scope="module")
def calibrated(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Calibration:
    """A calibration of this machine that leaves the user's own where it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RABBENCH_HOME", str(tmp_path_factory.mktemp("home")))
        return calibration.calibrate([target], seconds=6.0, recalibrate=True)


def test_larger_products_take_longer(calibrated: Calibration) -> None:
    """Eight times the FLOPs of a product, sixty-four times those of attention."""
    for kind in ("matmul", "attention"):
        timings = calibrated.timings_of(kind)
        assert len(timings) >= 2
        assert min(timings[0].samples) < min(timings[-1].samples)
    assert calibrated.call_s < calibrated.timings_of("copy")[0].median_s


def test_layers_take_longer_for_more_tokens_texts_and_cached_keys(
    calibrated: Calibration, target: Target
) -> None:
    curve = calibrated.curve(target)
    assert curve is not None
    single, double = curve.seconds(Forward(1, 512)), curve.seconds(Forward(2, 512))
    assert curve.seconds(Forward(1, 64)) < single < double
    assert curve.seconds(Forward(1, 32, 4096)) > curve.seconds(Forward(1, 32))


def test_a_calibration_is_read_again_in_no_time(target: Target, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RABBENCH_HOME", str(tmp_path))

        def calibrate() -> object:
            return calibration.calibrate([target], seconds=2.0)

        first = _best(calibrate, times=1)
        assert _best(calibrate) < first / 2
