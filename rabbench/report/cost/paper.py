"""The paper's factor of teacher over student beside the measured ones.

Knows ratios and what the paper states; claims no more than that both are times of one pair.
"""

from __future__ import annotations

from collections.abc import Sequence

from rabbench.report.cost.factors import Ratio
from rabbench.report.labels import STUDENT, TEACHER
from rabbench.report.page import Table
from rabbench.report.paper import ONLINE as PAPER
from rabbench.report.wording import amount, between, times

NAMED = ("model", "device", "dtype", "attention")

SENTENCE = (
    f"The paper measured one pair answered online with {PAPER.model} on {PAPER.hardware}: "
    f"{amount(PAPER.teacher_s, 's')} for its teacher and {amount(PAPER.student_s, 's')} for its "
    f"student, a factor of {times(PAPER.factor)} ({PAPER.source}). Machine, model and documents "
    "differ from those here, so the factors can agree in kind only, not in size."
)


def shown(ratios: Sequence[Ratio]) -> list[Ratio]:
    """The times of a pair that can stand beside the paper's."""
    return [
        ratio
        for ratio in ratios
        if (ratio.measure, ratio.over_system, ratio.under_system) == ("latency", TEACHER, STUDENT)
    ]


def table(ratios: Sequence[Ratio]) -> Table | None:
    """The paper's line, then one for each length; None where no pair was timed by both."""
    rows = [
        (
            f"the paper: {PAPER.model}, {PAPER.hardware}",
            "not given",
            amount(PAPER.teacher_s, "s"),
            amount(PAPER.student_s, "s"),
            times(PAPER.factor),
            "not given",
        )
    ]
    for ratio in (found := shown(ratios)):
        named = ", ".join(str(ratio.key[name]) for name in NAMED if name in ratio.key)
        online = ratio.with_query
        rows.append(
            (
                f"here: {named}",
                f"{ratio.doc_len:,}",
                amount(ratio.over, "s"),
                "not measured" if online is None else amount(ratio.over / online.value, "s"),
                "not measured" if online is None else between(online),
                between(ratio.score),
            )
        )
    if not found:
        return None
    return Table(
        id="paper-factor",
        caption="One pair online, teacher over student: the paper’s and ours",
        columns=(
            "measured",
            "document tokens",
            "teacher",
            "student, its query encoded",
            "factor",
            "factor of the scoring step alone",
        ),
        rows=rows,
        numeric=frozenset(range(1, 6)),
        grouped=True,
    )
