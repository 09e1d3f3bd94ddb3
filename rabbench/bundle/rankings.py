"""Recomputes quality: every metric of every query and its mean, from rankings and judgements.

Judgements are those in the bundle, else those of the data set by its name, which count only if its
fingerprint is the one in the results. Knows metrics and suites through their own modules.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from rabbench import trec
from rabbench.bundle import manifest
from rabbench.bundle.reader import Content
from rabbench.bundle.verify_result import VerifyResult, agrees, disagrees, unverified
from rabbench.quality import metrics, ties
from rabbench.quality.datasets import open_suite
from rabbench.quality.job import TIES_AT
from rabbench.types import Measurement, Qrels, RabbenchError, Results, Run, Suite

CLOSE = 1e-9  # of a score between 0 and 1: rounding of sums in another order
BUILT_IN = "built in"  # a card's source where the data set comes with rabbench

JUDGED, RANKED, TIED = "judgements", "quality", "ties"


def findings(content: Content, results: Results, *, data: bool) -> Iterator[VerifyResult]:
    """A line for each data set's judgements, and for each system's metrics on it.

    Args:
        content: what is verified.
        results: its results.
        data: whether data sets may be loaded by name.
    """
    cards = {str(card.get("name")): card for card in results.suites}
    rows: dict[str, list[Measurement]] = {}
    for row in results.rows:
        if row.phase == "quality" and row.value is not None:
            rows.setdefault(str(row.params.get("dataset")), []).append(row)
    for dataset, of_dataset in rows.items():
        found, qrels = _judgements(content, dataset, cards.get(dataset, {}), data=data)
        yield found
        for system in dict.fromkeys(row.system for row in of_dataset):
            mine = [row for row in of_dataset if row.system == system]
            yield from _system(content, dataset, system, mine, qrels)


def _judgements(
    content: Content, dataset: str, card: Mapping[str, Any], *, data: bool
) -> tuple[VerifyResult, Qrels | None]:
    """The judgements to go by, and what is known of them."""
    path = content.path(manifest.qrels_name(dataset))
    packed: Qrels | None = None
    if path is not None:
        try:
            packed = trec.read_qrels(path)
        except RabbenchError as error:
            return disagrees(JUDGED, dataset, _plain(error, content)), None
        told = _counted(packed, card)
        if told is not None:
            return disagrees(JUDGED, dataset, told), packed
        if card.get("source") != BUILT_IN:
            detail = "as many queries and judgements as the card says; content as it was packed"
            return agrees(JUDGED, dataset, detail), packed
    elif not data:
        return unverified(JUDGED, dataset, "did not travel, and --no-data loads no data set"), None
    try:
        suite = open_suite(str(card.get("suite"))).load(dataset)
    except RabbenchError as error:
        return unverified(JUDGED, dataset, f"did not travel; {error}"), packed
    return _of_suite(dataset, card, suite, packed)


def _of_suite(
    dataset: str, card: Mapping[str, Any], suite: Suite, packed: Qrels | None
) -> tuple[VerifyResult, Qrels | None]:
    """Judgements held to the data set itself."""
    if suite.fingerprint != card.get("fingerprint"):
        return unverified(
            JUDGED,
            dataset,
            f"the data set here has the fingerprint {suite.fingerprint}, the results are on "
            f"{card.get('fingerprint')}: its judgements are not taken",
        ), packed
    sampled = card.get("sampled")
    query_ids = sampled["query_ids"] if sampled else suite.queries
    own = {query_id: suite.qrels[query_id] for query_id in query_ids if query_id in suite.qrels}
    if packed is None:
        return agrees(JUDGED, dataset, "of the data set here, whose fingerprint is the same"), own
    if {q: dict(grades) for q, grades in own.items()} != packed:
        return disagrees(JUDGED, dataset, "are not those of the data set of this fingerprint"), own
    return agrees(JUDGED, dataset, "as in the data set, whose fingerprint is the same"), own


def _counted(qrels: Qrels, card: Mapping[str, Any]) -> str | None:
    """How the judgements differ in number from what the card says; None where they do not."""
    found = {"n_queries": len(qrels), "n_judgements": sum(map(len, qrels.values()))}
    apart = [
        f"{count:,} {name.removeprefix('n_')}, the card says {card[name]:,}"
        for name, count in found.items()
        if isinstance(card.get(name), int) and card[name] != count
    ]
    return "; ".join(apart) or None


def _system(
    content: Content,
    dataset: str,
    system: str,
    rows: Sequence[Measurement],
    qrels: Qrels | None,
) -> Iterator[VerifyResult]:
    """A line for each metric, and one for what is said of ties."""
    about = f"{dataset}: {system}"
    name = manifest.run_name(dataset, system)
    path = content.path(name)
    missing = f"no ranking at {name}" if path is None else None
    if qrels is None:
        missing = "no judgements to go by"
    if missing is not None or path is None or qrels is None:
        why = (content.manifest.absent or {}).get(name) if content.manifest else None
        detail = f"{missing}{f' ({why})' if why and path is None else ''}"
        apart = [row for row in rows if not _is_mean(row)]
        for row in apart:
            yield disagrees(RANKED, f"{about} {row.measure}", "is not the mean of its queries")
        if len(apart) < len(rows):
            yield unverified(RANKED, about, f"{len(rows) - len(apart)} metrics: {detail}")
        return
    try:
        run = trec.read_run(path) if path.stat().st_size else {}
        scores = metrics.per_query(qrels, run, [row.measure for row in rows])
    except (RabbenchError, ValueError) as error:
        yield disagrees(RANKED, about, _plain(error, content))
        return
    for row in rows:
        yield _metric(f"{about} {row.measure}", row, scores[metrics.normalise(row.measure)])
    yield _ties(about, rows, run, qrels)


def _is_mean(row: Measurement) -> bool:
    """Whether a metric is the mean of the scores that stand beside it, as far as there are any."""
    told = list(row.samples.values()) if isinstance(row.samples, Mapping) else []
    return not told or math.isclose(row.value or 0.0, fmean(told), rel_tol=0, abs_tol=CLOSE)


def _plain(error: Exception, content: Content) -> str:
    """A reader's message with the file's name in the bundle, not where it was unpacked."""
    return str(error).replace(f"{content.folder}/", "")


def _metric(about: str, row: Measurement, scores: Mapping[str, float]) -> VerifyResult:
    """One metric: each query's score, and the mean."""
    told = row.samples if isinstance(row.samples, Mapping) else {}
    if told.keys() != scores.keys():
        return disagrees(
            RANKED,
            about,
            f"scores of {len(told):,} queries are given, {len(scores):,} are judged"
            f"{_named(told.keys() ^ scores.keys())}",
        )
    apart = [q for q in told if not math.isclose(told[q], scores[q], rel_tol=0, abs_tol=CLOSE)]
    if apart:
        first = apart[0]
        return disagrees(
            RANKED,
            about,
            f"{len(apart):,} of {len(told):,} queries differ: {first} has {told[first]:.6g}, "
            f"recomputed {scores[first]:.6g}",
        )
    mean = fmean(scores.values())
    if not math.isclose(row.value or 0.0, mean, rel_tol=0, abs_tol=CLOSE):
        detail = f"the mean is given as {row.value:.6g}, its queries’ is {mean:.6g}"
        return disagrees(RANKED, about, detail)
    return agrees(RANKED, about, f"{len(told):,} queries, mean {mean:.4f}")


def _named(query_ids: set[str]) -> str:
    return f", such as {min(query_ids)}" if query_ids else ""


def _ties(about: str, rows: Sequence[Measurement], run: Run, qrels: Qrels) -> VerifyResult:
    """What the rows say of tied documents: their share, and metrics over the orders of ties."""
    ranking = {query_id: run.get(query_id, {}) for query_id in qrels}
    measures = [row.measure for row in rows]
    worst, best = ties.extremes(qrels, ranking, measures)
    apart, count = [], 0
    for row in rows:
        name = metrics.normalise(row.measure)
        expected = ties.expected(qrels, ranking, row.measure)
        found = {
            "tied_queries": ties.share(ranking, TIES_AT),
            "worst_under_ties": fmean(worst[name].values()),
            "best_under_ties": fmean(best[name].values()),
            "expected_under_ties": None if expected is None else fmean(expected.values()),
        }
        for key, value in found.items():
            told = row.params.get(key)
            if told is None or value is None:
                continue
            count += 1
            if not math.isclose(told, value, rel_tol=0, abs_tol=CLOSE):
                apart.append(f"{key} of {row.measure} is given as {told:.6g}, found {value:.6g}")
    if apart:
        return disagrees(TIED, about, f"{len(apart)} of {count} figures differ: {apart[0]}")
    return agrees(TIED, about, f"{count} figures")
