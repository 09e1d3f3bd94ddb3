"""The sweep over document lengths, and the load under which a student pays off."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from rabbench.config.declaration import REQUIRED, option, part
from rabbench.config.options import MODELS, Options
from rabbench.config.value_types import as_hours, hours, size
from rabbench.types import UsageError

SYSTEMS = ("bm25", "dense", "teacher", "rabtriever")
MEASURES = ("flops", "index-size", "memory", "latency")


@dataclass(frozen=True, kw_only=True)
class Load:
    """The work over which costs are summed up to a break-even point.

    ``n_docs`` documents are indexed, ``k`` of them scored for each query. ``training_flops`` and
    ``training_s`` are what the student's training took (None: not measured, left out);
    ``price_gb_month`` is what a gigabyte (10⁹ bytes) of index costs a month, in any currency.
    """

    GROUP: ClassVar = ("break-even", "the load; it changes what a report says only")
    n_docs: int = option(1000, "documents indexed (default {default})", flag="--breakeven-docs")
    k: int = option(
        100, "scored for each query (default {default})", flag="--breakeven-candidates", metavar="K"
    )
    training_flops: float | None = option(None, "of the student, such as 2e17")
    training_s: float | None = option(
        None,
        "of the student, on the machine measured",
        flag="--training-hours",
        parse=hours,
        write=as_hours,
        metavar="H",
    )
    price_gb_month: float | None = option(
        None, "of a gigabyte of index for a month", flag="--storage-price", metavar="P"
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
    def from_config(cls, config: Mapping[str, Any]) -> Load:
        """The load of a configuration's ``breakeven``; UsageError if nobody can have it.

        A missing field has its default, ``k`` at most the number of documents.
        """
        names = {item.name for item in fields(cls)}
        values = {name: config[name] for name in names if config.get(name) is not None}
        values.setdefault("k", min(cls.k, values.get("n_docs", cls.n_docs)))
        return cls(**values)

    def training(self, measure: str) -> float | None:
        """The student's training in the unit of this measure; None where it is not known."""
        return {"flops": self.training_flops, "latency": self.training_s}.get(measure)


@dataclass(frozen=True, kw_only=True)
class ScalingConfig:
    """A sweep over document lengths.

    ``points`` lengths from ``min_doc_len`` to ``max_doc_len`` in equal ratios (None: as many as
    doublings); ``query_len`` and the lengths are tokens without the prompt. ``attention`` may name
    several implementations. ``breakeven`` holds fields of :class:`Load`: it changes what a report
    says, not what is measured.
    """

    max_doc_len: int = option(REQUIRED, "longest document, tokens")
    min_doc_len: int = option(16, "shortest (default {default})")
    points: int | None = option(None, "how many lengths (default: each doubling)")
    query_len: int = option(32, "query tokens (default {default})")
    systems: tuple[str, ...] = option(SYSTEMS, "default {default}")
    measures: tuple[str, ...] = option(MEASURES, "default {default}")
    attention: tuple[str, ...] = option(("sdpa",), "sdpa, eager or both")
    rounds: int = option(3, "least samples of a time (default {default})")
    max_rounds: int = 30
    min_time_s: float = 1.0
    timeout_s: float = option(600.0, "seconds for one memory point", flag="--timeout", metavar="S")
    memory_limit: int | None = option(
        None, "of one point, such as 4GiB", parse=size, metavar="SIZE"
    )
    options: Options = part(Options(), *MODELS, "device", "dtype", "seed", "extrapolate")
    breakeven: Mapping[str, float] = part(Load, partial=True)

    def lengths(self) -> list[int]:
        """The grid of document lengths; UsageError if it cannot be laid out."""
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
