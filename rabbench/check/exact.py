"""The exact tier: what every machine computes alike must be what the baseline says.

Counts (FLOPs, parameters, index bytes), metrics on a data set, the data set itself, and the order
in which each count grows with document length, fitted again from both sides' rows. Any change
fails, a better figure too: fewer FLOPs than before may be a term that was lost, and whoever meant
it says so with ``--update --reason``. Knows rows; runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from rabbench.check.model import MEANT, ORDER, ROUNDING, STATUSES, CheckResult, CheckStatus
from rabbench.check.reading import Identity, Reading, nearest_row, row_place, tier
from rabbench.config.check import Policy
from rabbench.scaling.fits import ORDERS, Fit, fit_sweeps
from rabbench.types import Measurement


def check_exact(
    base: Sequence[Reading], head: Sequence[Reading], policy: Policy
) -> Iterator[CheckResult]:
    """Compare every exact row of the baseline, every data set and every order of growth."""
    items = chain.from_iterable(reading.rows.items() for reading in reversed(base))
    # The first of repeated runs stands.
    rows = {key: row for key, row in items if tier(row) == "exact" and row.value is not None}
    for identity, row in rows.items():
        yield _worst([_check_row(row, identity, reading, policy) for reading in head])
    if any(row.phase == "quality" for row in rows.values()):
        yield from _check_suites(base, head)
    yield from _check_orders(rows, head)


def _worst(results: Sequence[CheckResult]) -> CheckResult:
    return min(results, key=lambda result: STATUSES.index(result.status))


def _check_row(
    row: Measurement, identity: Identity, reading: Reading, policy: Policy
) -> CheckResult:
    """One row against the run's row of the same identity."""
    current = reading.rows.get(identity)
    value = None
    status: CheckStatus = "missing"
    if current is None:
        near = nearest_row(row, reading.rows.values())
        message = f"the baseline has this row, the run has not{near}; measure it, or {MEANT}"
    elif current.value is None:
        reason = current.params.get("message", "no reason was given")
        message = f"not measured ({current.status}): {reason}"
    else:
        value = current.value
        message = _changed_value(row, value, policy) or _changed_queries(row, current, policy)
        status = "regression" if message else "pass"
    return CheckResult(
        tier="exact",
        system=row.system,
        phase=row.phase,
        measure=row.measure,
        where=row_place(row.params),
        status=status,
        unit=row.unit,
        better=row.better,
        base=row.value,
        head=value,
        change=value / row.value if value is not None and row.value else None,
        message=message,
    )


def _changed_value(row: Measurement, value: float, policy: Policy) -> str:
    """How the value left the tolerance; empty where it did not."""
    before = float(row.value or 0.0)
    tolerance = policy.tolerance.get(row.measure, 0.0)
    is_metric = row.unit == "1"
    allowed = max(tolerance, ROUNDING) if is_metric else tolerance * abs(before)
    if abs(value - before) <= allowed:
        return ""
    direction = "better" if (value < before) == (row.better == "lower") else "worse"
    if is_metric:
        change = f"{value - before:+.4f}"
    else:
        change = f"{value / before - 1:+.3%}" if before else f"{value:+g}"
    rule = "no change is allowed"
    if tolerance:
        rule = f"more than ±{tolerance:g}, which is not allowed"
    return (
        f"{_number(before)} became {_number(value)} {row.unit} ({change}, {direction}); {rule}; "
        f"{MEANT}"
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) and abs(value) >= 10 else f"{value:.6g}"


def _changed_queries(row: Measurement, current: Measurement, policy: Policy) -> str:
    """Queries that score otherwise although the mean does not, where no change is allowed."""
    if policy.tolerance.get(row.measure) or not isinstance(row.samples, Mapping):
        return ""
    before = row.samples
    after: Mapping[str, float] = current.samples if isinstance(current.samples, Mapping) else {}
    changed = [
        query_id
        for query_id in sorted({*before, *after})
        if not _equal(before.get(query_id), after.get(query_id))
    ]
    if not changed:
        return ""
    return (
        f"the mean stays, but {len(changed)} of {len(before)} queries score otherwise, such as "
        f"{changed[0]!r} ({before.get(changed[0])} became {after.get(changed[0])}); {MEANT}"
    )


def _equal(before: float | None, after: float | None) -> bool:
    """Equal numbers up to rounding; NaN equals nothing."""
    return before is not None and after is not None and abs(before - after) <= ROUNDING


def _check_suites(base: Sequence[Reading], head: Sequence[Reading]) -> Iterator[CheckResult]:
    """Whether the data sets, by content hash, are those that the baseline's metrics belong to."""
    for name, card in _cards(base[0]).items():
        before = card.get("fingerprint")
        for reading in head:
            after = _cards(reading).get(name, {}).get("fingerprint")
            status: CheckStatus = "pass" if after == before else "missing"
            message = f"the run does not evaluate this data set; measure it, or {MEANT}"
            if after not in {before, None}:
                status = "regression"
                message = (
                    f"the data set's fingerprint was {before}, now {after}: its metrics are of "
                    f"other data; {MEANT}"
                )
            yield CheckResult(
                tier="exact",
                system=str(card.get("suite") or "data set"),
                phase="quality",
                measure="fingerprint",
                where=f"dataset {name}",
                status=status,
                unit="1",
                better="higher",
                message="" if status == "pass" else message,
            )


def _cards(reading: Reading) -> dict[str, Mapping[str, Any]]:
    return {str(card.get("name")): card for card in reading.suites}


def _check_orders(
    rows: Mapping[Identity, Measurement], head: Sequence[Reading]
) -> Iterator[CheckResult]:
    """Each count's order of growth, where the baseline's rows carry one."""
    fits = [
        _fits(row for identity, row in reading.rows.items() if identity in rows) for reading in head
    ]
    for key, before in _fits(rows.values()).items():
        if before.order == "not judged":
            continue
        results = [_check_order(before, after[key]) for after in fits if key in after]
        if results:  # otherwise every one of its rows is missing and says so
            yield _worst(results)


def _fits(rows: Iterable[Measurement]) -> dict[tuple[str, ...], Fit]:
    counts = [row for row in rows if row.unit != "1"]
    return {(f.system, f.phase, f.measure, str(f.key)): f for f in fit_sweeps(counts)}


def _check_order(before: Fit, after: Fit) -> CheckResult:
    status: CheckStatus = "pass" if after.order == before.order else "regression"
    message = f"was {before.order} in document length, now {after.verdict}"
    if after.order == "not judged":
        status = "missing"
    elif status == "regression":
        message = f"{message}; {MEANT}"
    return CheckResult(
        tier="exact",
        system=before.system,
        phase=before.phase,
        measure=f"growth of {before.measure}",
        where=row_place(before.key),
        status=status,
        unit=ORDER,
        better="lower",
        base=ORDERS.index(before.order),
        head=ORDERS.index(after.order) if after.order in ORDERS else None,
        message="" if status == "pass" else message,
    )
