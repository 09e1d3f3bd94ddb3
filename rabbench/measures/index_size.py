"""Index size: bytes of one document in the index, as the index phase of a workload states them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rabbench.types import Measurement, Point, Settings, cost_row

MEASURES = ("index_size",)
UNIT = "B"


def measure(points: Sequence[Point], settings: Settings) -> Iterator[Measurement]:
    """One ``index_size`` row for each index phase with an index."""
    del settings
    for point in points:
        workload = point.build() if point.phase == "index" else None
        if workload is not None and workload.index_bytes is not None:
            yield cost_row(point, "index_size", workload.index_bytes(), UNIT)
