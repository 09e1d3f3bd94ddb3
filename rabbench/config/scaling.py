"""The sweep over document lengths, and the load under which a student pays off."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from rabbench.config.declaration import part
from rabbench.config.value_types import as_hours, hours, size
from rabbench.types import MODELS, REQUIRED, Options, UsageError, option

SYSTEMS = ("bm25", "dense", "teacher", "rabtriever")
MEASURES = ("flops", "index-size", "memory", "latency")


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is to be answered.

    ``n_docs`` documents are indexed, ``k`` of them scored for each query. ``training_flops`` and
    ``training_s`` are what the student's training took (None: not measured, left out);
    ``price_gb_month`` is what a gigabyte (10⁹ bytes) of index costs a month, in any currency.
    """

    GROUP: ClassVar = ("break-even", "the load; it changes what a report says only")
    n_docs: int = option(1000, "--breakeven-docs", "documents indexed (default {default})")
    k: int = option(
        100, "--breakeven-candidates", "scored for each query (default {default})", metavar="K"
    )
    training_flops: float | None = option(None, "--training-flops", "of the student, such as 2e17")
    training_s: float | None = option(
        None,
        "--training-hours",
        "of the student, on the machine measured",
        parse=hours,
        write=as_hours,
        metavar="H",
    )
    price_gb_month: float | None = option(
        None, "--storage-price", "of a gigabyte of index for a month", metavar="P"
    )

    def __post_init__(self) -> None:
        """Refuse a load that nobody can have."""
        if not 1 <= self.k <= self.n_docs:
            raise UsageError(
                f"k = {self.k} candidates of N = {self.n_docs} documents: there must be at least 1 "
                "and no more than there are documents; change --breakeven-candidates or "
                "--breakeven-docs"
            )
        for name in ("training_flops", "training_s", "price_gb_month"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise UsageError(f"{name} = {value}: must be finite and not below 0")

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Load:
        """The load that a configuration names.

        What it leaves out is the default, ``k`` at most the number of documents.

        Raises:
            UsageError: if nobody can have it.
        """
        known = [one.name for one in fields(cls)]
        named = {name: given[name] for name in known if given.get(name) is not None}
        named.setdefault("k", min(cls.k, named.get("n_docs", cls.n_docs)))
        return cls(**named)

    def training(self, measure: str) -> float | None:
        """The student's training in the unit of this measure; None where it is not known."""
        return {"flops": self.training_flops, "latency": self.training_s}.get(measure)


@dataclass(frozen=True, kw_only=True)
class ScalingConfig:
    """What to sweep.

    ``points`` lengths from ``min_doc_len`` to ``max_doc_len`` in equal ratios (None: as many as
    doublings); ``query_len`` and the lengths are tokens without the prompt. ``attention`` may name
    several implementations. ``breakeven`` holds fields of ``breakeven.Load``: it changes what a
    report says, not what is measured.
    """

    max_doc_len: int = option(REQUIRED, "--max-doc-len", "longest document, tokens")
    min_doc_len: int = option(16, "--min-doc-len", "shortest (default {default})")
    points: int | None = option(None, "--points", "how many lengths (default: each doubling)")
    query_len: int = option(32, "--query-len", "query tokens (default {default})")
    systems: tuple[str, ...] = option(SYSTEMS, "--systems", "default {default}")
    measures: tuple[str, ...] = option(MEASURES, "--measures", "default {default}")
    attention: tuple[str, ...] = option(("sdpa",), "--attention", "sdpa, eager or both")
    rounds: int = option(3, "--rounds", "least samples of a time (default {default})")
    max_rounds: int = 30
    min_time_s: float = 1.0
    timeout_s: float = option(600.0, "--timeout", "seconds for one memory point", metavar="S")
    memory_limit: int | None = option(
        None, "--memory-limit", "of one point, such as 4GiB", parse=size, metavar="SIZE"
    )
    options: Options = part(Options(), *MODELS, "device", "dtype", "seed", "extrapolate")
    breakeven: Mapping[str, float] = part(Load, partial=True)

    def lengths(self) -> list[int]:
        """The grid of document lengths.

        Raises:
            UsageError: if it cannot be laid out.
        """
        low, high = self.min_doc_len, self.max_doc_len
        if low < 1 or high < low or (self.points is not None and self.points < 1):
            raise UsageError(
                f"--min-doc-len {low} --max-doc-len {high} --points {self.points}: lengths must "
                "rise from at least 1 and there must be at least one point"
            )
        count = self.points or round(math.log2(high / low)) + 1
        if count == 1 or low == high:
            return [high]
        ratio = (high / low) ** (1 / (count - 1))
        return sorted({round(low * ratio**i) for i in range(count)})
