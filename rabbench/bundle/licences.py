"""Whether a data set's judgements and document ids may be passed on, by the licence on its card.

Knows licences' names, no data set. A licence that is not known to allow it does not.
"""

from __future__ import annotations

import re
from typing import Literal

Permission = Literal["all", "runs", "nothing"]

FREE = re.compile(
    r"(CC0|CC BY(?!-ND|-NC-ND| NC ND| ND)[ -]|Apache-2\.0|MIT\b|BSD|GPL-|LGPL-|ODC-BY|ODbL|PDDL)",
)
"""Beginnings of licences that let anyone pass on a copy or a part; no-derivatives does not."""

LOCAL = re.compile(r"not to be passed on|no redistribution|do not redistribute", re.IGNORECASE)
"""Words on the card of data that stay where they are; their document ids may be texts."""


def permission(licence: str) -> tuple[Permission, str]:
    """The content that a licence allows in a bundle, and the reason.

    Returns:
        ``all``: judgements and rankings; ``runs``: rankings, which hold ids alone; ``nothing``.
    """
    if LOCAL.search(licence):
        return "nothing", f"its licence keeps it where it is ({licence})"
    if FREE.match(licence):
        return "all", f"its licence allows it ({licence})"
    return "runs", f"its licence is not known to allow passing judgements on ({licence or 'none'})"
