"""Systems composed of others, named as they are typed: the one place that reads such a name.

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
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rabbench import registry
from rabbench.config.options import Options
from rabbench.systems._reranker import Reranker
from rabbench.systems._saved import SCOREDDOCS, SavedRun, ScoredDocs
from rabbench.systems.hybrid import Hybrid
from rabbench.types import System, UsageError

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
    """A parsed name; ``build`` as a system's module has it."""

    name: str
    stages: tuple[tuple[Part, ...], ...]  # the first may have several parts, which are fused

    def build(self, options: Options) -> System:
        """The system over all its stages.

        Raises:
            UsageError: if a stage after the first cannot rank given candidates.
        """
        parts = self.stages[0]
        built = [(_build(part.name, options), part.cutoff) for part in parts]
        name = _stage_name(parts)
        system = built[0][0] if len(parts) == 1 else Hybrid(name, built, options)
        for (part,), before in zip(self.stages[1:], self.stages[:-1], strict=True):
            cutoff = before[0].cutoff if len(before) == 1 else None
            stage_options = replace(options, first_stage=name, depth=cutoff or options.depth)
            name = f"{name}>>{part}"
            system = _rerank(system, part.name, stage_options, name)
        system.name = self.name
        return system


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
                f"system {name!r}: '+' fuses first stages, and {_stage_name(stage)!r} stands "
                "behind '>>'; write 'a+b>>c'"
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
    """The first part of a text, the sign behind it, and the rest."""
    name, sign, rest = _split(text)
    if not name or name == RUN:
        raise UsageError(f"system {whole!r}: a name is missing at {text!r}; write {FORMS}")
    if sign != "%":
        return Part(name), sign, rest
    number, sign, rest = _split(rest)
    if not number.isdecimal() or int(number) < 1:
        raise UsageError(
            f"system {whole!r}: {number!r} after '%' is no count of documents; write as bm25%50"
        )
    return Part(name, int(number)), sign, rest


def _split(text: str) -> tuple[str, str, str]:
    """A text before its first sign, the sign, the rest; signs in a file's name do not count."""
    signs = list(_SIGNS.finditer(text))
    if text.startswith(RUN):
        ends = [sign.start() for sign in signs] + [len(text)]
        paths = {end: Path(text[len(RUN) : end]).expanduser() for end in reversed(ends)}
        longest = next((end for end, path in paths.items() if path.is_file()), ends[0])
        signs = [sign for sign in signs if sign.start() >= longest]
    if not signs:
        return text.strip(), "", ""
    first = signs[0]
    return text[: first.start()].strip(), first[0], text[first.end() :]


def _stage_name(stage: Sequence[Part]) -> str:
    return "+".join(map(str, stage))


def _build(name: str, options: Options) -> System:
    if name.startswith(RUN):
        return SavedRun(name, Path(name.removeprefix(RUN)).expanduser())
    if name == SCOREDDOCS:
        return ScoredDocs()
    built: System = registry.load("systems", name).build(options)
    return built


def _rerank(first: System, name: str, options: Options, whole: str) -> Reranker:
    """The system ``name`` over the candidates of another."""
    scorer = getattr(_build(name, options), "scorer", None)
    if scorer is None:
        raise UsageError(
            f"system {whole!r}: {name!r} searches a collection and cannot rank given candidates; "
            "put it first, or fuse it with '+'"
        )
    return Reranker(whole, scorer, options, lambda: first, covers_all=False)
