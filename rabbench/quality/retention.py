"""Retention: the share of a teacher's, or a baseline's, mean that a system reaches.

Knows which teacher a student is set over: one of the same data set, model and first stage; the
interval stands in ``rabbench.stats``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from rabbench.quality.rankings import Rankings, SystemRow
from rabbench.scaling.break_even import REFERENCES, STUDENTS
from rabbench.stats.intervals import Estimate, mean_ratio
from rabbench.types import Measurement


@dataclass(frozen=True)
class Retention:
    """The share of one system's mean, by a metric of a data set, that another reaches."""

    dataset: str
    metric: str
    student: SystemRow
    teacher: SystemRow
    share: Estimate
    is_distilled: bool

    @property
    def is_of_student(self) -> bool:
        """Whether a trained student is set over its teacher."""
        return self.is_distilled and self.student.is_trained


def retentions(rankings: Rankings, baseline: str | None = None) -> list[Retention]:
    """Each student over its teacher, and each system over the baseline, by every metric.

    A teacher is the ``teacher`` of the same data set, model and first stage; without one its cached
    form, whose scores are the same up to rounding.
    """
    shares = []
    for ranking in chain(*rankings.values()):
        based = [system for system in ranking.systems if system.row.system == baseline]
        for system in ranking.systems:
            teachers = _teachers(system, ranking.systems)
            references = [] if system in based else [row for row in based if row not in teachers]
            for reference in (*teachers, *references):
                share = mean_ratio(system.scores, reference.scores)
                if share is not None:
                    where = (ranking.dataset, ranking.metric)
                    is_teacher = reference in teachers
                    shares.append(Retention(*where, system, reference, share, is_teacher))
    return shares


def _teachers(student: SystemRow, systems: Sequence[SystemRow]) -> list[SystemRow]:
    """The teachers of a student among the systems of its data set; none of another system."""
    first_stages, role = student.stages
    for name in REFERENCES if role.startswith(STUDENTS) else ():
        teachers = [
            system
            for system in systems
            if system.stages == (first_stages, name) and _has_same_model(student.row, system.row)
        ]
        if teachers:
            return teachers
    return []


def _has_same_model(student: Measurement, teacher: Measurement) -> bool:
    """Whether both have one backbone: the same name, or the model that the student names."""
    models = {student.params.get(key) for key in ("model", "teacher", "base_model")} - {None}
    return teacher.params.get("model") in models or not models
