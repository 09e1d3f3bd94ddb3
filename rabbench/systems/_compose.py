"""Systems made of others, named as they are typed: the one place that reads such a name.

    bm25>>teacher                          the teacher ranks BM25's candidates anew
    bm25%500>>cross-encoder%20>>teacher    %N: the best N go on; without it ``--depth`` do
    bm25+dense                             both, fused by reciprocal rank
    run:FILE, run:FILE>>teacher            a saved TREC run, evaluated or as a first stage
    scoreddocs>>teacher                    the candidates that the data set itself comes with

The signs and their order are PyTerrier's: ``%`` binds first, then ``+``, then ``>>``. A composed
system is measured by the phases of its last stage; those before it are systems of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from rabbench import registry
from rabbench.systems._reranker import Reranker
from rabbench.systems._saved import SCOREDDOCS, SavedRun, ScoredDocs
from rabbench.systems.hybrid import Hybrid
from rabbench.types import Options, System, UsageError

RUN = "run:"
FORMS = "NAME, NAME>>RERANKER, NAME%50>>RERANKER, NAME+NAME, run:FILE or scoreddocs"
_SIGNS = re.compile(r">>|\+|%")


@dataclass(frozen=True)
class Part:
    """A system by name and how many of its documents go on; None leaves it to the depth."""

    name: str
    cutoff: int | None = None

    def __str__(self) -> str:
        return self.name if self.cutoff is None else f"{self.name}%{self.cutoff}"


@dataclass(frozen=True)
class Composed:
    """A parsed name; ``build`` as a system's module has it.

    ``stages`` follow each other; the first may have several parts, which are fused.
    """

    name: str
    stages: tuple[tuple[Part, ...], ...]

    def build(self, options: Options) -> System:
        """The system over all its stages.

        Raises:
            UsageError: if a stage after the first cannot rank given candidates.
        """
        system: Any = self._first(options)
        for i, ((part,), before) in enumerate(
            zip(self.stages[1:], self.stages[:-1], strict=True), 1
        ):
            names = ">>".join(_told(stage) for stage in self.stages[: i + 1])
            cutoff = before[0].cutoff if len(before) == 1 else None
            told = ">>".join(_told(stage) for stage in self.stages[:i])
            chosen = replace(options, first_stage=told, depth=cutoff or options.depth)
            scorer = _scorer(part.name, chosen, names)
            system = Reranker(names, scorer, chosen, _given(system), covers_all=False)
        system.name = self.name
        found: System = system
        return found

    def _first(self, options: Options) -> System:
        parts = self.stages[0]
        built = [(_build(part.name, options), part.cutoff) for part in parts]
        return built[0][0] if len(parts) == 1 else Hybrid(_told(parts), built, options)


def is_composed(name: str) -> bool:
    """Whether a system's name is one of the forms read here."""
    return name == SCOREDDOCS or name.startswith(RUN) or _SIGNS.search(name) is not None


def parse(name: str) -> Composed:
    """Read a name and look up all its parts.

    Raises:
        UsageError: if the form is wrong or a part is unknown.
    """
    stages: list[list[Part]] = [[]]
    rest = name
    while True:
        part, sign, rest = _part(name, rest)
        stages[-1].append(part)
        if sign == ">>":
            stages.append([])
        elif not sign:
            break
    for stage in stages[1:]:
        if len(stage) > 1:
            raise UsageError(
                f"system {name!r}: '+' fuses first stages, and {_told(stage)!r} stands behind "
                "'>>'; write 'a+b>>c'"
            )
    if len(stages[-1]) == 1 and stages[-1][0].cutoff is not None:
        raise UsageError(
            f"system {name!r}: its last stage hands nothing on, so '%{stages[-1][0].cutoff}' has "
            "no meaning there; drop it"
        )
    for part in (part for stage in stages for part in stage):
        if not is_composed(part.name):
            registry.load("systems", part.name)
    return Composed(name, tuple(map(tuple, stages)))


def _part(whole: str, text: str) -> tuple[Part, str, str]:
    """The first part of a text, the sign behind it, and what follows the sign."""
    named, sign, rest = _split(text)
    if not named or named == RUN:
        raise UsageError(f"system {whole!r}: a name is missing at {text!r}; write {FORMS}")
    if sign != "%":
        return Part(named), sign, rest
    number, sign, rest = _split(rest)
    if not number.isdecimal() or int(number) < 1:
        raise UsageError(
            f"system {whole!r}: {number!r} after '%' is no count of documents; write as bm25%50"
        )
    return Part(named, int(number)), sign, rest


def _split(text: str) -> tuple[str, str, str]:
    """A text before its first sign, the sign, the rest; signs in the name of a file are its own."""
    signs = list(_SIGNS.finditer(text))
    if text.startswith(RUN):
        ends = [found.start() for found in signs] + [len(text)]
        longest = max(
            (end for end in ends if Path(text[len(RUN) : end]).expanduser().is_file()),
            default=ends[0],
        )
        signs = [found for found in signs if found.start() >= longest]
    if not signs:
        return text.strip(), "", ""
    first = signs[0]
    return text[: first.start()].strip(), first[0], text[first.end() :]


def _told(stage: Sequence[Part]) -> str:
    return "+".join(map(str, stage))


def _build(name: str, options: Options) -> System:
    if name.startswith(RUN):
        return SavedRun(name, Path(name.removeprefix(RUN)).expanduser())
    if name == SCOREDDOCS:
        return ScoredDocs()
    built: System = registry.load("systems", name).build(options)
    return built


def _given(system: System) -> Callable[[], System]:
    return partial(_itself, system)


def _itself(system: System) -> System:
    return system


def _scorer(name: str, options: Options, whole: str) -> Any:
    scorer = getattr(_build(name, options), "scorer", None)
    if scorer is None:
        raise UsageError(
            f"system {whole!r}: {name!r} searches a collection and cannot rank given candidates; "
            "put it first, or fuse it with '+'"
        )
    return scorer
