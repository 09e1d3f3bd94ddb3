"""The roofline: what share of the machine's measured rates each phase achieved; reads rows only.

A phase of arithmetic intensity I (FLOP a byte) cannot exceed min(matmul rate, I · copy rate)
(Williams, Waterman, Patterson, Roofline, CACM 2009). FLOPs are counted densely; a causal kernel
skips half of attention, so at great lengths a phase may seem to exceed the roof.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rabbench.types import Measurement, Results

if TYPE_CHECKING:
    from rabbench.plan.calibration import Calibration


@dataclass(frozen=True, kw_only=True)
class Published:
    """The factor that the paper reports for one pair answered online."""

    teacher_s: float
    student_s: float
    model: str
    hardware: str
    source: str

    @property
    def factor(self) -> float:
        """Teacher over student."""
        return self.teacher_s / self.student_s


PAPER = Published(
    teacher_s=0.980,
    student_s=0.095,
    model="Qwen2-7B-Instruct",
    hardware="8×A100",
    source="Rabtriever, arXiv 2604.23336, online latency of one pair",
)


@dataclass(frozen=True, kw_only=True)
class Achieved:
    """One phase at one length against the machine's roofs.

    ``intensity`` is FLOP a byte, ``bound`` what limits it at that intensity; both None where a row
    does not say how many bytes are moved at least.
    """

    system: str
    phase: str
    doc_len: int
    attention: str | None
    model: str | None
    flops: float
    latency_s: float
    rate: float
    of_matmul: float
    intensity: float | None
    bound: str | None
    of_roof: float | None


@dataclass(frozen=True, kw_only=True)
class Factor:
    """Teacher over student for one pair online: with the query's encoding, and without."""

    doc_len: int
    attention: str | None
    score_only: float
    with_query: float | None


def _dense(row: Measurement) -> bool:
    return bool(row.params.get("pairs", "dense") == "dense")


def _at(row: Measurement) -> tuple[Any, ...]:
    return row.system, row.phase, row.params.get("doc_len"), row.params.get("attention")


def achieved(
    results: Results, calibration: Calibration, moved: Mapping[str, float] | None = None
) -> list[Achieved]:
    """Achieved FLOP/s of every phase that has both FLOPs and a latency, beside the roofs.

    Args:
        results: of a sweep.
        calibration: of the same machine, device and dtype.
        moved: for each model name the bytes of its weights, which a forward reads at least once;
            :attr:`~rabbench.plan.record.Plan.models` has them as ``weights_bytes``.
    """
    times = {_at(row): row.value for row in results.rows if row.measure == "latency" and row.value}
    found = []
    for row in results.rows:
        latency = times.get(_at(row))
        if row.measure != "flops" or not row.value or not _dense(row) or latency is None:
            continue
        rate, matmul = row.value / latency, calibration.rate("matmul")
        weights = (moved or {}).get(str(row.params.get("model")))
        # What does not run the whole model reads at most its own operands: two bytes a FLOP.
        intensity = None if weights is None else row.value / min(weights, 2 * row.value)
        roof = None if intensity is None else min(matmul, intensity * calibration.rate("copy"))
        found.append(
            Achieved(
                system=row.system,
                phase=row.phase,
                doc_len=int(row.params["doc_len"]),
                attention=row.params.get("attention"),
                model=row.params.get("model"),
                flops=row.value,
                latency_s=latency,
                rate=rate,
                of_matmul=rate / matmul,
                intensity=intensity,
                bound=_bound(intensity, calibration),
                of_roof=None if roof is None else rate / roof,
            )
        )
    return found


def _bound(intensity: float | None, calibration: Calibration) -> str | None:
    if intensity is None:
        return None
    return "compute" if intensity >= calibration.ridge else "memory"


def factors(
    results: Results, *, teacher: str = "teacher", student: str = "rabtriever"
) -> Sequence[Factor]:
    """Teacher over student for each length, to stand beside :data:`PAPER`."""
    times = {_at(row): row.value for row in results.rows if row.measure == "latency" and row.value}
    found = []
    for (system, phase, doc_len, attention), over in times.items():
        if (system, phase) != (teacher, "score"):
            continue
        score = times.get((student, "score", doc_len, attention))
        query = times.get((student, "query", doc_len, attention))
        if score:
            found.append(
                Factor(
                    doc_len=int(doc_len),
                    attention=attention,
                    score_only=over / score,
                    with_query=over / (score + query) if query else None,
                )
            )
    return sorted(found, key=lambda one: (str(one.attention), one.doc_len))
