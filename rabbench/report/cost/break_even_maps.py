"""The break-even as a map: who costs less over document length and number of queries.

Reads what ``breakeven`` works out for the pairs of one comparison; ``heat`` draws it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

from rabbench.report.cost.break_even_text import NOUNS, WHO, capital, cell
from rabbench.report.page import Figure, figure_data
from rabbench.report.plots.heatmap import Heatmap, draw_heatmap
from rabbench.scaling.break_even import Bill, Load, break_even, total

POWERS = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
"""Numbers of queries at which a map's data say the ratio."""

NOTE = "The strong line is the break-even; shades and thin lines are factors of ten."

Pair = tuple[Bill, Bill]


def draw(series: Sequence[Pair], load: Load, slots: Mapping[str, int]) -> Figure:
    """The map of one comparison; ``series`` are its pairs, the student's bill first, by length."""
    student, other = series[0][0].system, series[0][1].system
    id_ = f"fig-break-even-{other}"
    title = f"{capital(WHO[other])}’s total over {WHO[student]}’s"
    title += f", in {NOUNS[series[0][0].measure]}"
    ends = [
        f"at {pair[0].doc_len:,} tokens {cell(break_even(*pair, load))}"
        for pair in (series[0], series[-1])
    ]
    alt = (
        f"{title}, against document length and number of queries, both logarithmic. First "
        f"query from which the student costs less: {'; '.join(ends)}."
    )
    heatmap = Heatmap(
        lengths=[pair[0].doc_len for pair in series],
        ratios=[partial(_ratio, pair, load) for pair in series],
        crossings=[_crossing(pair, load) for pair in series],
        above=(WHO[student], slots[student]),
        below=(WHO[other], slots[other]),
    )
    columns = [("document tokens", ""), ("first query from which the student costs less", "")]
    columns += [(f"total over total, {n:,} {'query' if n == 1 else 'queries'}", "") for n in POWERS]
    points = zip(heatmap.lengths, heatmap.ratios, heatmap.crossings, strict=True)
    data = figure_data(
        columns, [[length, first, *(ratio(n) for n in POWERS)] for length, ratio, first in points]
    )
    return Figure(id_, title, alt, draw_heatmap(id_, heatmap, alt), data, NOTE)


def _ratio(pair: Pair, load: Load, queries: int) -> float:
    student, other = (total(bill, load, queries) for bill in pair)
    return (other or 0.0) / student if student else math.inf


def _crossing(pair: Pair, load: Load) -> float | None:
    found = break_even(*pair, load)
    return found.queries.value if found.kind in {"always", "from"} and found.queries else None
