"""Where labels go: short lines, kept apart from each other. Knows neither figures nor data."""

from __future__ import annotations

import re
from collections.abc import Sequence

BOTTOM = 0.0


def wrapped(label: str) -> str:
    """A label in short lines: the name, then each detail."""
    label = re.sub(r"(\w{7,})-(\w{6,})", r"\1-\n\2", label)
    return label.replace(" · ", "\n").replace(" (", "\n(").replace(", ", ",\n")


def apart(wanted: Sequence[float], halves: Sequence[float]) -> list[float]:
    """Places near the wanted ones (ascending) that keep labels of these half heights apart.

    Labels that overlap form a block, centred on what its labels wanted; a block that then meets
    the next one merges with it. No block rises above the axes' top, or sinks below their bottom.
    """
    blocks: list[tuple[float, list[int]]] = []  # lower edge, labels
    for i, _ in enumerate(wanted):
        blocks.append((max(wanted[i] - halves[i], BOTTOM), [i]))
        while len(blocks) > 1 and blocks[-2][0] + _height(blocks[-2][1], halves) > blocks[-1][0]:
            members = [*blocks[-2][1], *blocks[-1][1]]
            height = _height(members, halves)
            centre = sum(wanted[k] for k in members) / len(members)
            lower = max(min(centre - height / 2, 1.05 - height), BOTTOM)
            blocks[-2:] = [(lower, members)]
    places = list(wanted)
    for lower, members in blocks:
        edge = lower
        for k in members:
            places[k] = edge + halves[k]
            edge += 2 * halves[k]
    return places


def _height(members: Sequence[int], halves: Sequence[float]) -> float:
    return 2 * sum(halves[k] for k in members)
