"""Numbers and lists as a person reads them: prefixes, factors, intervals, durations, p-values.

The one implementation of each. Knows units and rounding, not what is being reported.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

SI = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
SMALL = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"), (1e-15, "f"), (1e-18, "a"))
BINARY = ((2.0**40, "Ti"), (2.0**30, "Gi"), (2.0**20, "Mi"), (2.0**10, "Ki"), (1.0, ""))


def digits(value: float) -> str:
    """Three significant digits, thousands separated, no exponent between 0.001 and a million."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    size = abs(value)
    if size >= 1e6 or size < 1e-3:
        return f"{value:.2e}"
    if size >= 100:
        return f"{value:,.0f}"
    value = float(f"{value:.3g}")  # 9.999 is 10.0, not 10.00
    return f"{value:.{2 - math.floor(math.log10(abs(value)))}f}"


def amount(value: float, unit: str) -> str:
    """A value with its unit and a prefix: ``1.25 TFLOP``, ``95.3 ms``, ``412 MiB``, ``0.676``.

    A unit may be a rate: ``FLOP/token²``.
    """
    base, _, per = unit.partition("/")
    rate = f"/{per}" if per else ""
    if base == "1":
        return f"{value:.3f}"
    decimal = SI if abs(value) >= 1 or value == 0 else SMALL
    steps: Sequence[tuple[float, str]] = BINARY if base == "B" else decimal
    if base == "s" and abs(value) >= 1:
        steps = ((1.0, ""),)
    if base not in {"FLOP", "s", "B", "J"} or (base == "B" and 0 < abs(value) < 1):
        return f"{digits(value)} {unit}"
    size, prefix = next((step for step in steps if abs(value) >= step[0]), steps[-1])
    return f"{digits(value / size)} {prefix}{base}{rate}"


def exact(value: float, unit: str) -> str:
    """A value whose last digit matters: ``16,593,444,865 FLOP``, ``0.6765``, ``1.5×``."""
    whole = value == int(value) and 1 < abs(value) < 1e15
    text = f"{value:,.0f}" if whole else f"{value:.4g}"
    return f"{text}{'' if unit == '×' else ' '}{unit}".rstrip()


def duration(seconds: float, *, rough: bool = False) -> str:
    """A time as a person would say it: ``90.3 ms``, ``14.6 min``, ``24.3 h``, ``101 days``.

    A ``rough`` one is an estimate: ``8 s``, ``15 min``, ``3.4 h``.
    """
    for size, word in ((86_400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            count = seconds / size
            return f"{count:.{int(size > 60)}f} {word}" if rough else f"{digits(count)} {word}"
    return f"{seconds:.0f} s" if rough else amount(seconds, "s")


def percent(share: float) -> str:
    """A share: ``57 %``, ``2.1 %``, ``0.03 %``."""
    return f"{100 * share:,.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def times(factor: float) -> str:
    """A factor to three digits: ``3.40×``, ``1,900×``, ``1.20 million×``."""
    if not math.isfinite(factor):
        return "–"
    for size, word in ((1e9, "\u00a0billion"), (1e6, "\u00a0million")):
        if factor >= size:
            return f"{digits(factor / size)}{word}×"
    if factor >= 1000:
        factor = float(f"{factor:.3g}")
    return f"{digits(factor)}×"


def amount_interval(low: float, high: float, unit: str) -> str:
    """Two amounts, their unit once where it is the same: ``262 to 334 ns/token²``."""
    lower, upper = amount(low, unit), amount(high, unit)
    number, _, prefixed = lower.partition(" ")
    return f"{number} to {upper}" if upper.endswith(f" {prefixed}") else f"{lower} to {upper}"


def p_value(p: float) -> str:
    """A p-value: ``0.012``, or ``< 0.001``."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def plural(count: int, noun: str) -> str:
    """A count with its noun: ``1 length``, ``1,200 lengths``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def text_of(name: str, value: Any) -> str:
    """A value of a configuration or a card as text; its ``name`` says what a number counts."""
    if value is None:
        return "–"
    if isinstance(value, (list, tuple)):
        return ", ".join(text_of("", item) for item in value) or "–"
    if isinstance(value, Mapping):
        parts = (f"{key} {text_of(str(key), inner)}" for key, inner in value.items())
        return ", ".join(parts) or "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and name.endswith("_bytes"):
        return amount(value, "B")
    if isinstance(value, int) and name.startswith("n_"):
        return f"{value:,}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested configuration's values by dotted name: ``options.depth``."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        nested = isinstance(value, Mapping) and value
        flat |= flatten(value, f"{prefix}{name}.") if nested else {f"{prefix}{name}": value}
    return flat
