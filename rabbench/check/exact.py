"""The exact tier: what every machine computes alike must be what the baseline says.

Counts (FLOPs, parameters, index bytes), metrics on a data set, the data set itself, and the order
in which each count grows with document length, fitted again from both sides' rows. Any change
fails, a better figure too: fewer FLOPs than before may be a term that was lost, and whoever meant
it says so with ``--update --reason``. Knows rows; runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from rabbench.check.model import MEANT, ORDER, ROUNDING, CheckResult, Status
from rabbench.check.reading import Identity, Reading, located, nearest, tier
from rabbench.config.check import Policy
from rabbench.scaling.fits import ORDERS, Fit, fit_sweeps
from rabbench.types import Measurement


def findings(
    base: Sequence[Reading], head: Sequence[Reading], policy: Policy
) -> Iterator[CheckResult]:
    """Compare every exact row of the baseline, every data set and every order of growth."""
    kept = _kept(base)
    for identity, row in kept.items():
        yield _worst([_row(row, identity, reading, policy) for reading in head])
    if any(row.phase == "quality" for row in kept.values()):
        yield from _suites(base, head)
    yield from _orders(kept, head)


def _kept(base: Sequence[Reading]) -> dict[Identity, Measurement]:
    """The baseline's exact rows that have a value; the first of repeated runs."""
    items = chain.from_iterable(reading.rows.items() for reading in reversed(base))
    return {key: row for key, row in items if tier(row) == "exact" and row.value is not None}


def _worst(found: Sequence[CheckResult]) -> CheckResult:
    order: dict[Status, int] = {"regression": 0, "missing": 1, "unclear": 2, "pass": 3}
    return min(found, key=lambda one: order[one.status])


def _row(row: Measurement, identity: Identity, reading: Reading, policy: Policy) -> CheckResult:
    """One row against the run's row of the same identity."""
    now = reading.rows.get(identity)
    if now is None:
        near = nearest(row, reading.rows.values())
        message = f"the baseline has this row, the run has not{near}; measure it, or {MEANT}"
        return _finding(row, None, "missing", message)
    if now.value is None:
        why = now.params.get("message", "no reason was given")
        return _finding(row, None, "missing", f"not measured ({now.status}): {why}")
    message = _moved(row, now, policy) or _queries(row, now, policy)
    return _finding(row, now.value, "regression" if message else "pass", message)


def _finding(row: Measurement, value: float | None, status: Status, message: str) -> CheckResult:
    change = value / row.value if value is not None and row.value else None
    return CheckResult(
        tier="exact",
        system=row.system,
        phase=row.phase,
        measure=row.measure,
        where=located(row.params),
        status=status,
        unit=row.unit,
        better=row.better,
        base=row.value,
        head=value,
        change=change,
        message=message,
    )


def _moved(row: Measurement, now: Measurement, policy: Policy) -> str:
    """How the value left the tolerance; empty where it did not."""
    before, value = float(row.value or 0.0), float(now.value or 0.0)
    tolerance = policy.tolerance.get(row.measure, 0.0)
    metric = row.unit == "1"
    allowed = max(tolerance, ROUNDING) if metric else tolerance * abs(before)
    if abs(value - before) <= allowed:
        return ""
    direction = "better" if (value < before) == (row.better == "lower") else "worse"
    if metric:
        by = f"{value - before:+.4f}"
    else:
        by = f"{value / before - 1:+.3%}" if before else f"{value:+g}"
    rule = f"more than ±{tolerance:g}" if tolerance else "no change"
    rule = f"{rule} is allowed" if not tolerance else f"{rule}, which is not allowed"
    return (
        f"{_number(before)} became {_number(value)} {row.unit} ({by}, {direction}); {rule}; {MEANT}"
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) and abs(value) >= 10 else f"{value:.6g}"


def _queries(row: Measurement, now: Measurement, policy: Policy) -> str:
    """Queries that score otherwise although the mean does not, where no change is allowed."""
    if policy.tolerance.get(row.measure) or not isinstance(row.samples, Mapping):
        return ""
    scores: Mapping[str, float] = now.samples if isinstance(now.samples, Mapping) else {}
    moved = [
        query_id
        for query_id in sorted({*row.samples, *scores})
        if not _same(row.samples.get(query_id), scores.get(query_id))
    ]
    if not moved:
        return ""
    return (
        f"the mean stays, but {len(moved)} of {len(row.samples)} queries score otherwise, such as "
        f"{moved[0]!r} ({row.samples.get(moved[0])} became {scores.get(moved[0])}); {MEANT}"
    )


def _same(one: float | None, other: float | None) -> bool:
    """Equal numbers up to rounding; NaN equals nothing."""
    return one is not None and other is not None and abs(one - other) <= ROUNDING


def _suites(base: Sequence[Reading], head: Sequence[Reading]) -> Iterator[CheckResult]:
    """Whether the data sets are still those that the baseline's metrics belong to."""
    cards = {str(card.get("name")): card for card in base[0].suites}
    for name, card in cards.items():
        for reading in head:
            now = {str(one.get("name")): one for one in reading.suites}.get(name, {})
            before, after = card.get("fingerprint"), now.get("fingerprint")
            message, status = _replaced(before, after)
            yield CheckResult(
                tier="exact",
                system=str(card.get("suite") or "data set"),
                phase="quality",
                measure="fingerprint",
                where=f"dataset {name}",
                status=status,
                unit="1",
                better="higher",
                message=message,
            )


def _replaced(before: str | None, after: str | None) -> tuple[str, Status]:
    """Whether a data set is another one now, by its content hash."""
    if before == after:
        return "", "pass"
    if after is None:
        return f"the run does not evaluate this data set; measure it, or {MEANT}", "missing"
    message = f"the data set's fingerprint was {before}, now {after}: its metrics are of other data"
    return f"{message}; {MEANT}", "regression"


def _orders(kept: Mapping[Identity, Measurement], head: Sequence[Reading]) -> Iterator[CheckResult]:
    """Each count's order of growth, where the baseline's rows carry one."""
    for key, before in _fits(kept.values()).items():
        if before.order == "not judged":
            continue
        found = []
        for reading in head:
            shared = [row for identity, row in reading.rows.items() if identity in kept]
            now = _fits(shared).get(key)
            if now is not None:
                found.append(_order(before, now))
        if found:  # otherwise every one of its rows is missing and says so
            yield _worst(found)


def _fits(rows: Iterable[Measurement]) -> dict[tuple[str, ...], Fit]:
    counts = [row for row in rows if row.unit != "1"]
    return {(f.system, f.phase, f.measure, str(f.key)): f for f in fit_sweeps(counts)}


def _order(before: Fit, now: Fit) -> CheckResult:
    message, status = _bent(before, now)
    return CheckResult(
        tier="exact",
        system=before.system,
        phase=before.phase,
        measure=f"growth of {before.measure}",
        where=located(before.key),
        status=status,
        unit=ORDER,
        better="lower",
        base=ORDERS.index(before.order),
        head=ORDERS.index(now.order) if now.order in ORDERS else None,
        message=message,
    )


def _bent(before: Fit, now: Fit) -> tuple[str, Status]:
    """What changed about an order of growth, and what that means."""
    if now.order == "not judged":
        return f"was {before.order} in document length, now {now.verdict}", "missing"
    if now.order != before.order:
        return f"was {before.order} in document length, now {now.verdict}; {MEANT}", "regression"
    return "", "pass"
