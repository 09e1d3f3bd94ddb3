"""What the values of the command line's options are: lists, counts, sizes, hours."""

from __future__ import annotations

import argparse
import re


def listed(text: str) -> tuple[str, ...]:
    """Names with commas between them."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise argparse.ArgumentTypeError("give at least one name, or several with commas")
    return names


def count(text: str) -> int:
    """A whole number above 0; commas and underscores may group its digits."""
    number = int(text.replace(",", "").replace("_", ""))
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def size(text: str) -> int:
    """Bytes, written as 512MiB or 4GB."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *([KMGT]i?)?B?", text.strip(), re.IGNORECASE)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write it as 512MiB or 4GB")
    prefix = (found[2] or "").lower()
    base = 1024 if prefix.endswith("i") else 1000
    power = "kmgt".index(prefix[0]) + 1 if prefix else 0
    return int(float(found[1]) * base**power)


def hours(text: str) -> float:
    """Hours as seconds."""
    return 3600 * float(text)
