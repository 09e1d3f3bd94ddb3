"""Types of argparse values: lists, counts, sizes, hours, tolerances."""

from __future__ import annotations

import argparse
import re


def names(text: str) -> tuple[str, ...]:
    """Names with commas between them."""
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    if not parts:
        raise argparse.ArgumentTypeError("give at least one name, or several with commas")
    return parts


def count(text: str) -> int:
    """A whole number above 0; commas and underscores may group its digits."""
    number = int(text.replace(",", "").replace("_", ""))
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def size(text: str) -> int:
    """Bytes, written as 512MiB or 4GB."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?) *([KMGT]i?)?B?", text.strip(), re.IGNORECASE)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write it as 512MiB or 4GB")
    prefix = (match[2] or "").lower()
    base = 1024 if prefix.endswith("i") else 1000
    power = "kmgt".index(prefix[0]) + 1 if prefix else 0
    return int(float(match[1]) * base**power)


def hours(text: str) -> float:
    """Hours as seconds."""
    return 3600 * float(text)


def as_hours(seconds: float) -> float:
    """Seconds as hours: the inverse of :func:`hours`."""
    return seconds / 3600


def tolerances(text: str) -> dict[str, float]:
    """``ndcg@10=0.01,mrr=0.005``."""
    values = {}
    for part in names(text):
        name, equals, value = part.partition("=")
        try:
            values[name.strip()] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise argparse.ArgumentTypeError(f"{part!r}: write it as MEASURE=X, as ndcg@10=0.01")
    return values
