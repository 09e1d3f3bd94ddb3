"""The roofline: what share of the machine's measured rates each phase achieved; reads rows only.

A phase of arithmetic intensity I (FLOP a byte) cannot exceed min(matmul rate, I · copy rate)
(Williams, Waterman, Patterson, Roofline, CACM 2009). FLOPs are counted densely; a causal kernel
skips half of attention, so at great lengths a phase may seem to exceed the roof.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rabbench.types import Measurement, Results

if TYPE_CHECKING:
    from rabbench.plan.calibration import Calibration

FRACTION = "roofline_fraction"


def _point(row: Measurement) -> tuple[Any, ...]:
    return row.system, row.phase, row.params.get("doc_len"), row.params.get("attention")


def roofline_rows(
    results: Results, calibration: Calibration, weights: Mapping[str, float] | None = None
) -> Iterator[Measurement]:
    """The share of the product rate that each phase with FLOPs and a latency achieved.

    Params hold the rate itself, the intensity and ``of_roof``, the share of what the intensity
    allows, and ``bound``, what limits it there; None where the bytes moved are not known.

    Args:
        results: of a sweep.
        calibration: of the same machine, device and dtype.
        weights: for each model name the bytes of its weights, which a forward reads at least once;
            :attr:`~rabbench.plan.record.Plan.models` has them as ``weights_bytes``.
    """
    times = {
        _point(row): row.value for row in results.rows if row.measure == "latency" and row.value
    }
    matmul = calibration.rate("matmul")
    for row in results.rows:
        latency_s, pairs = times.get(_point(row)), row.params.get("pairs", "dense")
        if row.measure != "flops" or not row.value or pairs != "dense" or latency_s is None:
            continue
        rate = row.value / latency_s
        intensity = bound = of_roof = None
        moved = (weights or {}).get(str(row.params.get("model")))
        if moved:
            # What does not run the whole model reads at most its own operands: two bytes a FLOP.
            intensity = row.value / min(moved, 2 * row.value)
            bound = "compute" if intensity >= calibration.ridge else "memory"
            of_roof = rate / min(matmul, intensity * calibration.rate("copy"))
        yield Measurement(
            system=row.system,
            phase=row.phase,
            measure=FRACTION,
            value=rate / matmul,
            unit="1",
            better="higher",
            params={
                "doc_len": int(row.params["doc_len"]),
                "attention": row.params.get("attention"),
                "model": row.params.get("model"),
                "flop_per_s": rate,
                "flop_per_byte": intensity,
                "of_roof": of_roof,
                "bound": bound,
            },
        )
