"""Warnings before a report is believed: failures, noise, ties, cuts.

Reads rows; every sentence rests on one of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median, quantiles

from rabbench.plan.rows import CALIBRATION
from rabbench.report.labels import Labels, is_cost, name_of
from rabbench.report.wording import percent, plural, times
from rabbench.types import Measurement

MANY_TIES = 0.1  # share of queries with ties at which a ranking deserves a warning
BUSY = 0.1  # share of the CPUs that others may take during a calibration
STEADY = 1.5  # 90th over 10th percentile of one point's timings, median over lengths


def find_warnings(rows: Sequence[Measurement]) -> list[str]:
    """All warnings, each once."""
    labels = Labels(rows)
    sentences = []
    if labels.untrained:
        names = ", ".join(sorted(labels.untrained))
        sentences.append(
            f"Untrained: {names}. The ranking says nothing about trained ones; the cost is theirs."
        )
    sentences += [*_failures(rows, labels), *_busy(rows), *_scatter(rows)]
    for row in rows:
        dataset = row.params.get("dataset", "")
        variant = f" ({row.params['variant']})" if "variant" in row.params else ""
        ties, cut = row.params.get("tied_queries"), row.params.get("documents_cut")
        if isinstance(ties, (int, float)) and ties > MANY_TIES:
            sentences.append(
                f"{row.system}{variant} gives equal scores in {100 * ties:.0f} % of the queries of "
                f"{dataset}: its figures hang on the rule that breaks ties."
            )
        if isinstance(cut, int) and cut > 0:
            sentences.append(
                f"{row.system}{variant} read {cut:,} documents of {dataset} cut short "
                f"({row.params.get('tokens_cut', 0):,} tokens were dropped)."
            )
    return list(dict.fromkeys(sentences))


def _failures(rows: Iterable[Measurement], labels: Labels) -> list[str]:
    """One sentence per kind of failure; ``unsupported`` is a property, not a failure."""
    failures: dict[tuple[str, ...], Counter[str]] = {}
    for row in rows:
        if row.status not in {"ok", "unsupported"}:
            reason = str(row.params.get("message") or row.params.get("error") or "")
            kind = (labels.of(row.system, row.params), row.phase, row.status, reason)
            failures.setdefault(kind, Counter())[name_of(row.measure)] += 1
    return [
        f"{label}, {phase}, {', '.join(measures)}: {plural(max(measures.values()), 'point')} not "
        f"measured ({status}){f': {reason}' if reason else ''}"
        for (label, phase, status, reason), measures in failures.items()
    ]


def _scatter(rows: Iterable[Measurement]) -> list[str]:
    """Repeated timings of the same work that differ so much that something disturbed them."""
    spreads: dict[str, list[float]] = {}
    for row in rows:
        if row.measure == "latency" and is_cost(row) and len(row.samples) > 2:
            low, *_, high = quantiles([float(sample) for sample in row.samples], n=10)
            spreads.setdefault(f"{row.system} {row.phase}", []).append(high / low)
    noisy = {name: median(spread) for name, spread in spreads.items() if median(spread) > STEADY}
    if not noisy:
        return []
    worst = max(noisy, key=lambda name: noisy[name])
    return [
        f"The times are unsteady: the 10th and 90th percentile of repeated runs differ "
        f"{times(noisy[worst])} in the worst case ({worst}), and more than {times(STEADY)} in "
        f"{len(noisy)} of {len(spreads)} phases. An idle machine is needed."
    ]


def _busy(rows: Iterable[Measurement]) -> list[str]:
    """Other processes that held the machine while it was calibrated."""
    shares = [row.params.get("others") for row in rows if row.phase == CALIBRATION]
    most = max((share for share in shares if share is not None), default=0.0)
    if most < BUSY:
        return []
    return [
        f"Other processes took {percent(most)} of the CPUs while the machine was calibrated: its "
        "rates are too low and the predicted times too long for an idle machine."
    ]


def unsupported(rows: Iterable[Measurement]) -> list[str]:
    """Costs that cannot be measured by nature, one line each."""
    sentences = {
        f"{row.system}, {row.phase}: {name_of(row.measure)} is not measured "
        f"({row.params.get('message', 'unsupported')})."
        for row in rows
        if row.status == "unsupported" and is_cost(row)
    }
    return sorted(sentences)
