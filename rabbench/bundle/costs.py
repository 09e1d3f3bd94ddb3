"""Recomputes what costs rest on: samples behind values, counters' agreement, counts from scratch.

Times and memory cannot be measured again elsewhere; that a value is the median of its samples can
be seen. FLOPs and index sizes are counted again from the configuration, on ``meta``, without
weights. Knows rows and the sweep's own job.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from rabbench import scaling
from rabbench.bundle.verify_result import VerifyResult, agrees, disagrees, unverified
from rabbench.measures.flops import TOLERANCE
from rabbench.models import catalog
from rabbench.report.labels import is_cost
from rabbench.scaling import ScalingConfig
from rabbench.scaling.fits import NOISE_FREE
from rabbench.types import Measurement, MissingError, Options, RabbenchError, Results

SAMPLED, COUNTED, RECOUNTED = "samples", "counters", "recount"
EXACTLY = 1e-12  # relative: what writing a float and reading it again may lose
RECOUNT = {"flops": "flops", "index_size": "index-size"}
"""The measure whose module counts a row's again."""

ANYWHERE = frozenset({"device", "dtype"})
"""What a count does not depend on: where it is counted (bytes are by the options' dtype)."""

Work = tuple[str, str, str]


def samples(results: Results) -> Iterator[VerifyResult]:
    """A line for each cost whose rows carry samples: whether values are their medians."""
    groups: dict[str, list[Measurement]] = {}
    for row in results.rows:
        if is_cost(row) and row.value is not None and len(row.samples):
            groups.setdefault(row.measure, []).append(row)
    for measure, rows in groups.items():
        apart = [row for row in rows if not _median(row)]
        if apart:
            first = apart[0]
            found = statistics.median(map(float, first.samples))
            yield disagrees(
                SAMPLED,
                measure,
                f"{len(apart)} of {len(rows)} values are not the median of their samples: "
                f"{first.system} {first.phase} at {first.params['doc_len']:,} tokens has "
                f"{first.value:.6g}, median {found:.6g}",
            )
        else:
            yield agrees(SAMPLED, measure, f"{len(rows)} values are the medians of their samples")


def _median(row: Measurement) -> bool:
    """Whether a value is the median; of an even number either that or the upper middle one."""
    taken = [float(value) for value in row.samples]
    middles = statistics.median(taken), statistics.median_high(taken)
    return any(math.isclose(row.value or 0.0, one, rel_tol=EXACTLY) for one in middles)


def _named(work: Work) -> str:
    return " ".join(work)


def counters(results: Results) -> Iterator[VerifyResult]:
    """A line for each phase whose FLOPs were counted three ways: whether the counts agree."""
    groups: dict[Work, list[Measurement]] = {}
    for row in results.rows:
        if row.measure == "flops" and row.value is not None and "closed_form" in row.params:
            groups.setdefault((row.system, row.phase, row.measure), []).append(row)
    for work, rows in groups.items():
        wrong = [why for row in rows if (why := _miscounted(row)) is not None]
        if wrong:
            yield disagrees(COUNTED, _named(work), f"{len(wrong)} of {len(rows)} rows: {wrong[0]}")
        else:
            yield agrees(COUNTED, _named(work), f"{len(rows)} rows: closed form and counters")


def _miscounted(row: Measurement) -> str | None:
    """How a row contradicts itself; None where it does not."""
    closed, at = row.params["closed_form"], f"at {row.params.get('doc_len', 0):,} tokens"
    if not row.value or not closed or not (closed / row.value).is_integer():
        return f"{at} {row.value:,.0f} FLOP is no share of the closed form’s {closed:,}"
    both = [row.params[name] for name in ("torch", "fvcore") if row.params.get(name) is not None]
    if not both:
        return None
    apart = max(abs(count - closed) / closed for count in both)
    if apart > TOLERANCE:
        return f"{at} the counts differ by {apart:.1%}: closed form {closed:,}, counters {both}"
    told = row.params.get("agreement")
    if told is not None and not math.isclose(told, apart, abs_tol=EXACTLY):
        return f"{at} the difference is given as {told:.3g}, found {apart:.3g}"
    return None


def recount(results: Results) -> Iterator[VerifyResult]:
    """A line for each counted cost of each phase: whether counting again gives the same."""
    counted = [
        row
        for row in results.rows
        if is_cost(row) and row.measure in NOISE_FREE and row.value is not None
    ]
    if not counted:
        return
    works = list(dict.fromkeys((row.system, row.phase, row.measure) for row in counted))
    try:
        config = _config(results, counted)
        again = {_key(row): row for row in scaling.run(config).rows}
    except (RabbenchError, TypeError, KeyError, ValueError, OSError) as error:
        reason = str(error) if isinstance(error, RabbenchError) else f"not counted again: {error}"
        for work in works:
            yield unverified(RECOUNTED, _named(work), reason)
        return
    for work in works:
        mine = [row for row in counted if (row.system, row.phase, row.measure) == work]
        yield _recounted(work, mine, again)


def _recounted(
    work: Work, rows: Sequence[Measurement], again: Mapping[str, Measurement]
) -> VerifyResult:
    pairs = [(row, again.get(_key(row))) for row in rows]
    lacking = [row for row, other in pairs if other is None or other.value is None]
    apart = [(row, o) for row, o in pairs if o is not None and o.value not in {None, row.value}]
    if apart:
        row, other = apart[0]
        detail = (
            f"{len(apart)} of {len(rows)} differ: at {row.params['doc_len']:,} tokens "
            f"{row.value:,.0f} {row.unit} is given, counted again {other.value or 0.0:,.0f}"
        )
        return disagrees(RECOUNTED, _named(work), detail)
    if lacking:
        at = ", ".join(f"{row.params['doc_len']:,}" for row in lacking)
        detail = f"the configuration does not lead to {len(lacking)} of {len(rows)} rows (at {at})"
        return unverified(RECOUNTED, _named(work), detail)
    return agrees(
        RECOUNTED, _named(work), f"{len(rows)} rows, counted again from the configuration"
    )


def _key(row: Measurement) -> str:
    """What makes two rows the same count: system, phase, measure and shape, not the machine."""
    names = ("doc_len", "query_len", "n_docs", "n_queries", "k", "batch", "pairs", "model",
             "attention")  # fmt: skip
    shape = {name: row.params.get(name) for name in names if name not in ANYWHERE}
    return json.dumps([row.system, row.phase, row.measure, shape], sort_keys=True)


def _config(results: Results, counted: Iterable[Measurement]) -> ScalingConfig:
    """The sweep's configuration, counting only, on this machine.

    Raises:
        MissingError: if a model of it is neither of the catalogue nor a folder here: a name in
            someone else's bundle starts no download.
    """
    config: Mapping[str, Any] = results.config.get("scaling") or results.config
    options = Options(**{**_known(Options, config["options"]), "device": "cpu"})
    measures = tuple(dict.fromkeys(RECOUNT[row.measure] for row in counted))
    systems = dict.fromkeys(row.system for row in counted)
    for name in (options.model, options.dense_model, options.biencoder_model):
        _require_here(name)
    known = _known(ScalingConfig, config)
    known |= {"systems": tuple(systems), "measures": measures, "options": options}
    known |= {"attention": tuple(known.get("attention") or ("sdpa",)), "breakeven": {}}
    return ScalingConfig(**known)


def _known(kind: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that this release has; of an older file the others have their defaults."""
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in values.items() if name in names}


def _require_here(name: str | None) -> None:
    if name is None or name in {*catalog.names(), *catalog.DENSE} or Path(name).is_dir():
        return
    raise MissingError(
        f"not counted again: model {name!r} is neither of the catalogue nor a folder here, and "
        "nothing is fetched to verify"
    )
