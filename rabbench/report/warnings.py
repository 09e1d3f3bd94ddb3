"""What a reader must know before believing a report: failures, noise, ties, cuts.

Reads rows; says only what a row backs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median, quantiles

from rabbench.plan.rows import CALIBRATION
from rabbench.report.labels import Labels, is_cost, name_of
from rabbench.report.wording import percent, times
from rabbench.types import Measurement

MANY_TIES = 0.1  # share of queries with ties at which a ranking deserves a warning
BUSY = 0.1  # share of the CPUs that others may take during a calibration
STEADY = 1.5  # 90th over 10th percentile of one point's timings, median over lengths


def warnings(rows: Sequence[Measurement], labels: Labels) -> list[str]:
    """What a reader must know before believing the rest."""
    found = []
    if labels.untrained:
        names = ", ".join(sorted(labels.untrained))
        found.append(
            f"Untrained: {names}. The ranking says nothing about trained ones; the cost is theirs."
        )
    found += _failures(rows, labels)
    found += _busy(rows)
    found += _scatter(rows)
    for row in rows:
        where = row.params.get("dataset", "")
        system = (
            f"{row.system} ({row.params['variant']})" if "variant" in row.params else row.system
        )
        ties, cut = row.params.get("tied_queries"), row.params.get("documents_cut")
        if isinstance(ties, (int, float)) and ties > MANY_TIES:
            found.append(
                f"{system} gives equal scores in {100 * ties:.0f} % of the queries of {where}: "
                "its figures hang on the rule that breaks ties."
            )
        if isinstance(cut, int) and cut > 0:
            tokens = row.params.get("tokens_cut", 0)
            found.append(
                f"{system} read {cut:,} documents of {where} cut short "
                f"({tokens:,} tokens were dropped)."
            )
    return list(dict.fromkeys(found))


def _failures(rows: Sequence[Measurement], labels: Labels) -> list[str]:
    """One sentence per kind of failure; ``unsupported`` is a property, not a failure."""
    lost: dict[tuple[str, ...], Counter[str]] = {}
    for row in rows:
        if row.status not in {"ok", "unsupported"}:
            kind = (labels.of(row.system, row.params), row.phase, row.status, _why(row))
            lost.setdefault(kind, Counter())[name_of(row.measure)] += 1
    sentences = []
    for (label, phase, status, message), measures in lost.items():
        count = max(measures.values())
        points = "1 point" if count == 1 else f"{count} points"
        why = f": {message}" if message else ""
        named = ", ".join(measures)
        sentences.append(f"{label}, {phase}, {named}: {points} not measured ({status}){why}")
    return sentences


def _scatter(rows: Sequence[Measurement]) -> list[str]:
    """Where repeated timings of the same work differ so much that something disturbed them."""
    spreads: dict[str, list[float]] = {}
    for row in rows:
        if row.measure == "latency" and is_cost(row) and len(row.samples) > 2:
            low, *_, high = quantiles([float(sample) for sample in row.samples], n=10)
            spreads.setdefault(f"{row.system} {row.phase}", []).append(high / low)
    noisy = {name: median(spread) for name, spread in spreads.items()}
    noisy = {name: spread for name, spread in noisy.items() if spread > STEADY}
    if not noisy:
        return []
    worst = max(noisy, key=lambda name: noisy[name])
    return [
        f"The times are unsteady: the 10th and 90th percentile of repeated runs differ "
        f"{times(noisy[worst])} in the worst case ({worst}), and more than {times(STEADY)} in "
        f"{len(noisy)} of {len(spreads)} phases. An idle machine is needed."
    ]


def _busy(rows: Sequence[Measurement]) -> list[str]:
    """Where other processes held the machine while it was calibrated."""
    shares = [row.params.get("others") for row in rows if row.phase == CALIBRATION]
    most = max((share for share in shares if share is not None), default=0.0)
    if most < BUSY:
        return []
    return [
        f"Other processes took {percent(most)} of the CPUs while the machine was calibrated: its "
        "rates are too low and the predicted times too long for an idle machine."
    ]


def _why(row: Measurement) -> str:
    return str(row.params.get("message") or row.params.get("error") or "")


def unsupported(rows: Iterable[Measurement]) -> list[str]:
    """What could not be measured by nature, one line each."""
    found = {
        f"{row.system}, {row.phase}: {name_of(row.measure)} is not measured "
        f"({row.params.get('message', 'unsupported')})."
        for row in rows
        if row.status == "unsupported" and is_cost(row)
    }
    return sorted(found)
