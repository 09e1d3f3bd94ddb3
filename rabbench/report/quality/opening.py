"""What an evaluation says first: the student, the best system, the front; and its key figures.

Chooses and shortens; the sentences of every data set stand in the findings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rabbench.quality.significance import SystemPair, tied_with_best
from rabbench.report.labels import STUDENT
from rabbench.report.page import KeyFigure
from rabbench.report.quality.comparisons import Retention
from rabbench.report.quality.cost import COSTS, View
from rabbench.report.quality.means import Mean
from rabbench.report.quality.tables import Entry, datasets, entries, estimate
from rabbench.stats.intervals import Estimate
from rabbench.types import Measurement


@dataclass(frozen=True)
class Opening:
    """The parts of an evaluation from which its opening is chosen."""

    rows: Sequence[Measurement]
    pairs: Mapping[str, Sequence[SystemPair]]
    kept: Sequence[Retention]
    means: Sequence[Mean]
    views: Sequence[View]

    def sentences(self) -> list[str]:
        """The student, the best, the front: those that there is something to say about."""
        return [one for one in (self._student(), self._best(), self._front()) if one]

    def key_figures(self) -> list[KeyFigure]:
        """What the student keeps, and the best system's figure."""
        found = []
        kept = self._own()
        if kept is not None:
            label = f"of its teacher’s {kept.metric} is kept by the student"
            low, high = kept.share.low, kept.share.high
            note = f"on {kept.dataset}, 95 % interval {100 * low:.0f} to {100 * high:.0f} %"
            found.append(KeyFigure(f"{100 * kept.share.value:.0f} %", label, note))
        if self.means:
            mean = self.means[0]
            seen = mean.estimate(mean.labels[0])
            label = f"mean {mean.metric} of {mean.labels[0]}, the best of {len(mean.labels)}"
            note = f"over {len(mean.units)} data sets, {_within(seen)}"
            return [*found, KeyFigure(f"{seen.value:.3f}", label, note)]
        for dataset, ranked in list(self._ranked().items())[:1]:
            mine = [one for one in ranked[1:] if _trained(one) and kept is None]
            for one in [ranked[0], *mine[:1]]:
                what = "the best" if one is ranked[0] else "the student"
                label = f"{one.row.measure} of {one.label}, {what} on {dataset}"
                found.append(KeyFigure(f"{one.row.value:.3f}", label, _within(estimate(one.row))))
        return found

    def _ranked(self) -> dict[str, list[Entry]]:
        found = {name: entries(of) for name, of in datasets(self.rows).items()}
        return {name: ranked for name, ranked in found.items() if ranked}

    def _own(self) -> Retention | None:
        """What the trained student keeps of its teacher, on the first data set with both."""
        return next((one for one in self.kept if one.distilled and one.trained), None)

    def _student(self) -> str:
        kept = self._own()
        if kept is not None:
            share = kept.share
            within = f"{100 * share.low:.0f} to {100 * share.high:.0f} %"
            return (
                f"On {kept.dataset} the student keeps {100 * share.value:.0f} % of its teacher’s "
                f"{kept.metric} (95 % interval {within})."
            )
        for dataset, ranked in self._ranked().items():
            best = ranked[0]
            mine = next((one for one in ranked if _trained(one)), None)
            if mine is None or mine is best:
                continue
            wanted = (best.label, mine.label)
            pairs = {(one.first, one.second): one for one in self.pairs.get(dataset, ())}
            pair = pairs.get(wanted)
            said = f"On {dataset} the student’s {mine.row.measure} is {mine.row.value:.3f}"
            if pair is None:
                return f"{said}; the best, {best.label}, has {best.row.value:.3f}."
            gap = pair.difference
            told = "" if pair.significant else ", which no test tells from 0"
            return (
                f"{said}, {gap.value:.3f} below {best.label}, the best (95 % interval "
                f"{gap.low:.3f} to {gap.high:.3f}{told})."
            )
        return ""

    def _best(self) -> str:
        if self.means:
            mean = self.means[0]
            label = mean.labels[0]
            seen = mean.estimate(label)
            return (
                f"Over {len(mean.units)} data sets {label} ranks best: mean {mean.metric} "
                f"{seen.value:.3f} ({_within(seen)})."
            )
        for dataset, ranked in self._ranked().items():
            best = ranked[0]
            said = f"On {dataset} {best.label} ranks best: {best.row.measure} {best.row.value:.3f}"
            within = _within(estimate(best.row))
            said += f" ({within})" if within else ""
            if not self.pairs.get(dataset):
                return f"{said}."
            _, *tied = tied_with_best(list(self.pairs[dataset]))
            if not tied:
                return f"{said}, better than every other system."
            names = tied[0] if len(tied) == 1 else f"{', '.join(tied[:-1])} or {tied[-1]}"
            return f"{said}; no test tells {names} from it."
        return ""

    def _front(self) -> str:
        counted = [view for view in self.views if view.cost == "flops"] or list(self.views)
        if not counted:
            return ""
        view = counted[0]
        names = [place.label for place in view.places if place.on]
        listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
        return (
            f"Neither cheaper nor better can be had than {listed} without losing the other "
            f"({view.metric} against {COSTS[view.cost][0]}, {view.name})."
        )


def _trained(entry: Entry) -> bool:
    params = entry.row.params
    return entry.row.system == STUDENT and params.get("trained") is not False


def _within(found: Estimate | None) -> str:
    if found is None or not found.low > float("-inf"):
        return ""
    return f"95 % interval {found.low:.3f} to {found.high:.3f}"
