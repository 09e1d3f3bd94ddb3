"""Recomputes the basis of costs: samples behind values, agreement of counters, counts from scratch.

Times and memory cannot be measured again elsewhere, but whether a value is the median of its
samples can be checked. FLOPs and index sizes are recounted from the configuration, on ``meta``,
without weights. Knows rows and the sweep.
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
from rabbench.config.options import Options
from rabbench.measures.flops import TOLERANCE
from rabbench.models import catalog
from rabbench.scaling import ScalingConfig
from rabbench.scaling.fits import NOISE_FREE
from rabbench.scaling.labels import is_cost
from rabbench.types import Measurement, MissingError, RabbenchError, Results

SAMPLES, COUNTERS, RECOUNT = "samples", "counters", "recount"
EXACTLY = 1e-12  # relative: rounding of a float that is written and read again
RECOUNT_MEASURES = {"flops": "flops", "index_size": "index-size"}
"""The measure that counts a row, by the row's."""

SHAPE = ("doc_len", "query_len", "n_docs", "n_queries", "k", "batch", "pairs", "model", "attention")
"""Params on which a count depends: not the device, nor the dtype (bytes are by the options')."""

SERIES = ("system", "phase", "measure")


def _group(rows: Iterable[Measurement], fields: Sequence[str]) -> dict[str, list[Measurement]]:
    """The rows by the words of some fields."""
    groups: dict[str, list[Measurement]] = {}
    for row in rows:
        groups.setdefault(" ".join(getattr(row, name) for name in fields), []).append(row)
    return groups


def verify_samples(results: Results) -> Iterator[VerifyResult]:
    """A line for each cost whose rows carry samples: whether values are their medians."""
    costs = [row for row in results.rows if is_cost(row) and row.value is not None]
    sampled = [row for row in costs if len(row.samples)]
    for measure, rows in _group(sampled, ["measure"]).items():
        differing = [row for row in rows if not _is_median(row)]
        if differing:
            row = differing[0]
            yield disagrees(
                SAMPLES,
                measure,
                f"{len(differing)} of {len(rows)} values are not the median of their samples: "
                f"{row.system} {row.phase} at {row.params['doc_len']:,} tokens has "
                f"{row.value:.6g}, median {statistics.median(map(float, row.samples)):.6g}",
            )
        else:
            yield agrees(SAMPLES, measure, f"{len(rows)} values are the medians of their samples")


def _is_median(row: Measurement) -> bool:
    """Whether a value is the median; of an even number either that or the upper middle one."""
    samples = [float(value) for value in row.samples]
    medians = statistics.median(samples), statistics.median_high(samples)
    return any(math.isclose(row.value or 0.0, median, rel_tol=EXACTLY) for median in medians)


def verify_counters(results: Results) -> Iterator[VerifyResult]:
    """A line for each phase whose FLOPs were counted three ways: whether the counts agree."""
    flops = [row for row in results.rows if row.measure == "flops" and row.value is not None]
    counted = [row for row in flops if "closed_form" in row.params]
    for about, rows in _group(counted, SERIES).items():
        errors = [error for row in rows if (error := _count_error(row)) is not None]
        if errors:
            yield disagrees(COUNTERS, about, f"{len(errors)} of {len(rows)} rows: {errors[0]}")
        else:
            yield agrees(COUNTERS, about, f"{len(rows)} rows: closed form and counters")


def _count_error(row: Measurement) -> str | None:
    """The contradiction between a row's counts; None where they agree."""
    closed, at = row.params["closed_form"], f"at {row.params.get('doc_len', 0):,} tokens"
    if not row.value or not closed or not (closed / row.value).is_integer():
        return f"{at} {row.value:,.0f} FLOP is no share of the closed form’s {closed:,}"
    names = ("torch", "fvcore")
    counts = [row.params[name] for name in names if row.params.get(name) is not None]
    if not counts:
        return None
    difference = max(abs(count - closed) / closed for count in counts)
    if difference > TOLERANCE:
        return (
            f"{at} the counts differ by {difference:.1%}: closed form {closed:,}, counters {counts}"
        )
    agreement = row.params.get("agreement")
    if agreement is not None and not math.isclose(agreement, difference, abs_tol=EXACTLY):
        return f"{at} the difference is given as {agreement:.3g}, found {difference:.3g}"
    return None


def verify_recount(results: Results) -> Iterator[VerifyResult]:
    """A line for each counted cost of each phase: whether a recount gives the same."""
    counts = [
        row
        for row in results.rows
        if is_cost(row) and row.measure in NOISE_FREE and row.value is not None
    ]
    if not counts:
        return
    try:
        recount = {_key(row): row for row in scaling.run(_config(results, counts)).rows}
    except (RabbenchError, TypeError, KeyError, ValueError, OSError) as error:
        reason = str(error) if isinstance(error, RabbenchError) else f"not counted again: {error}"
        yield from (unverified(RECOUNT, about, reason) for about in _group(counts, SERIES))
        return
    for about, rows in _group(counts, SERIES).items():
        yield _compare_counts(about, rows, recount)


def _compare_counts(
    about: str, rows: Sequence[Measurement], recount: Mapping[str, Measurement]
) -> VerifyResult:
    values = [getattr(recount.get(_key(row)), "value", None) for row in rows]
    pairs = list(zip(rows, values, strict=True))
    differing = [(row, value) for row, value in pairs if value not in {None, row.value}]
    if differing:
        row, value = differing[0]
        detail = (
            f"{len(differing)} of {len(rows)} differ: at {row.params['doc_len']:,} tokens "
            f"{row.value:,.0f} {row.unit} is given, counted again {value:,.0f}"
        )
        return disagrees(RECOUNT, about, detail)
    lengths = [f"{row.params['doc_len']:,}" for row, value in pairs if value is None]
    if lengths:
        detail = (
            f"the configuration does not lead to {len(lengths)} of {len(rows)} rows "
            f"(at {', '.join(lengths)})"
        )
        return unverified(RECOUNT, about, detail)
    return agrees(RECOUNT, about, f"{len(rows)} rows, counted again from the configuration")


def _key(row: Measurement) -> str:
    """The identity of a count: system, phase, measure and shape, not the machine."""
    shape = {name: row.params.get(name) for name in SHAPE}
    return json.dumps([row.system, row.phase, row.measure, shape], sort_keys=True)


def _config(results: Results, counts: Iterable[Measurement]) -> ScalingConfig:
    """The sweep's configuration, counting only, on this machine.

    Raises:
        MissingError: if a model of it is neither of the catalogue nor a folder here: a name in
            someone else's bundle starts no download.
    """
    config: Mapping[str, Any] = results.config.get("scaling") or results.config
    options = Options(**{**_known_fields(Options, config["options"]), "device": "cpu"})
    for name in (options.model, options.dense_model, options.biencoder_model):
        if name not in {None, *catalog.names(), *catalog.DENSE} and not Path(str(name)).is_dir():
            raise MissingError(
                f"not counted again: model {name!r} is neither of the catalogue nor a folder here, "
                "and nothing is fetched to verify"
            )
    settings = _known_fields(ScalingConfig, config)
    return ScalingConfig(
        **{
            **settings,
            "systems": tuple(dict.fromkeys(row.system for row in counts)),
            "measures": tuple(dict.fromkeys(RECOUNT_MEASURES[row.measure] for row in counts)),
            "attention": tuple(settings.get("attention") or ("sdpa",)),
            "breakeven": {},
            "options": options,
        }
    )


def _known_fields(config_type: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that this release has; those missing from an older file have their defaults."""
    names = {field.name for field in fields(config_type)}
    return {name: value for name, value in values.items() if name in names}
