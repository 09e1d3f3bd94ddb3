"""The opening of a comparison: what differs, what it does, and what must be known before.

Reads a comparison; says only what its rows, ratios and tests back.
"""

from __future__ import annotations

from rabbench.report import warnings as report_warnings
from rabbench.report.comparison.compare import Comparison
from rabbench.report.comparison.factors import Compared
from rabbench.report.comparison.quality import Change
from rabbench.report.labels import STUDENT, TEACHER, Labels, is_cost, name_of
from rabbench.report.page import KeyFigure
from rabbench.report.wording import between, join_words, times
from rabbench.scaling.fits import NOISE_FREE
from rabbench.types import Measurement

NAMED = 4  # keys that differ, in a sentence
UNLIKE = ("threads", "config.options.device", "config.options.dtype", "versions.torch")
MODIFIED = "its code had changes that no commit holds, so its commit does not say what ran."


def findings(found: Comparison) -> list[str]:
    """What differs, what it does to ratios, quality and counts, and what could not be compared."""
    return [
        _who(found),
        *_ratio_sentence(found),
        *_change_sentences(found),
        *_count_sentences(found),
        *_machine_sentences(found),
        *found.orders[1],
        *_nothing(found),
    ]


def _who(found: Comparison) -> str:
    names = join_words(found.labels)
    keys = [key.removeprefix("config.").removeprefix("options.") for key in found.differences]
    if not keys:
        return f"{names} differ in nothing that their results record: the same run again."
    named = ", ".join(keys[:NAMED])
    more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
    return f"{names} differ in {named}{more}."


def _main(found: Comparison, measure: str) -> Compared | None:
    """Teacher over student of a cost, at dense counts, with a length that all sides have."""
    for one in found.factors:
        pair = (one.over, one.under, one.measure) == (TEACHER, STUDENT, measure)
        if pair and one.pairs != "causal" and one.shared:
            return one
    return None


def _ratio_sentence(found: Comparison) -> list[str]:
    """Teacher over student in every run, in FLOPs and in time."""
    parts, at = [], 0
    for measure, words in (("flops", "FLOPs"), ("latency", "time")):
        one = _main(found, measure)
        if one is not None:
            at = at or one.shared[-1]
            where = "" if at == one.shared[-1] else f", at {one.shared[-1]:,} tokens,"
            columns = {label: column[one.shared[-1]] for label, column in one.columns.items()}
            ratios = [f"{between(r.with_query or r.score)} in {a}" for a, r in columns.items()]
            parts.append(f"{words}{where} {join_words(ratios)}")
    if not parts:
        return []
    return [
        f"At {at:,} tokens, the longest that these runs share, the teacher over the student for a "
        f"pair, its query’s encoding counted in: {'; '.join(parts)}."
    ]


def _count_sentences(found: Comparison) -> list[str]:
    counts = [one for one in found.costs.matched if one.exact and one.measured]
    if not counts:
        return []
    points = sum(len(one.measured) for one in counts)
    apart = [one for one in counts if not one.equal]
    if not apart:
        return [f"FLOPs and index sizes are equal at all {points:,} points that the runs share."]
    names = [one.work.name for one in apart]
    shown = (
        join_words(names[:NAMED]) if len(names) <= NAMED else f"{len(names)} of {len(counts)} costs"
    )
    return [f"Counts differ between the runs in {shown}: the work itself is another."]


def _machine_sentences(found: Comparison) -> list[str]:
    timed = [side.label for side in found.sides if any(map(_of_machine, side.results.rows))]
    if len(timed) < 2:
        return []
    groups = [tuple(one for one in group if one in timed) for group in found.costs.groups]
    groups = [group for group in groups if len(group) > 1]
    if not groups:
        return [
            f"Times and memory of {join_words(timed)} are not set side by side: no two are of one "
            "machine."
        ]
    return [
        f"{join_words(group)} are of one machine: their times and memory are set side by side."
        for group in groups
    ]


def _of_machine(row: Measurement) -> bool:
    """Whether a row's value belongs to the machine that it was measured on."""
    return is_cost(row) and row.measure not in NOISE_FREE


def unlike(found: Comparison) -> list[str]:
    """What makes runs on one machine unlike each other, where it is known."""
    said = []
    for name in UNLIKE:
        values = found.differences.get(name)
        if values is not None:
            pairs = zip(found.labels, values, strict=True)
            of = join_words([f"{value} in {label}" for label, value in pairs])
            said.append(f"They also differ in {name.rpartition('.')[2]}: {of}.")
    return said


def _change_sentences(found: Comparison) -> list[str]:
    said = []
    for dataset in dict.fromkeys(one.dataset for one in found.changes):
        mine = [one for one in found.changes if one.dataset == dataset]
        held = [one for one in mine if one.comparison.significant]
        where = f"On {dataset}, by {mine[0].metric},"
        if all(one.comparison.wins == one.comparison.losses == 0 for one in mine):
            names = join_words(list(dict.fromkeys(one.system for one in mine)))
            queries = mine[0].comparison.ties
            said.append(f"{where} {names} score the same on each of {queries:,} queries.")
        elif not held:
            tests = "1 comparison" if len(mine) == 1 else f"{len(mine)} comparisons"
            said.append(
                f"{where} no system ranks differently from one run to the other as far as its "
                f"queries can tell ({tests})."
            )
        said += [_changed(one) for one in held]
    return said


def _changed(one: Change) -> str:
    pair, difference = one.comparison, one.comparison.difference
    return (
        f"On {one.dataset}, {one.system} changes by {difference.value:+.3f} "
        f"({difference.low:+.3f} to {difference.high:+.3f}) {one.metric} from {pair.second} to "
        f"{pair.first}."
    )


def _nothing(found: Comparison) -> list[str]:
    if found.costs.matched or found.factors or found.ranked:
        return []
    return ["Nothing in these results can be compared: the table of what is left out says why."]


def key_figures(found: Comparison) -> list[KeyFigure]:
    """Teacher over student in each run, at the longest document that all have."""
    one = _main(found, "flops") or _main(found, "latency")
    if one is None:
        return []
    at = one.shared[-1]
    what = f"{name_of(one.measure)} of a pair at {at:,} tokens, teacher over student"
    return [
        KeyFigure(times((column[at].with_query or column[at].score).value), label, what)
        for label, column in one.columns.items()
    ]


def warnings(found: Comparison) -> list[str]:
    """What must be known of each run before its figures are believed."""
    said: dict[str, list[str]] = {}
    for side in found.sides:
        texts = report_warnings.warnings(side.results.rows, Labels(side.results.rows))
        if side.results.environment.get("modified"):
            texts.append(MODIFIED)
        for text in texts:
            said.setdefault(text, []).append(side.label)
    return [f"{join_words(labels)}: {text}" for text, labels in said.items()]
