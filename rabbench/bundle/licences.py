"""Whether a data set's judgements and document ids may be passed on, by the licence on its card.

Knows licences' names, no data set. What is not known to allow it does not.
"""

from __future__ import annotations

import re
from typing import Literal

Leave = Literal["all", "runs", "nothing"]

FREE = re.compile(
    r"(CC0|CC BY(?!-ND|-NC-ND| NC ND| ND)[ -]|Apache-2\.0|MIT\b|BSD|GPL-|LGPL-|ODC-BY|ODbL|PDDL)",
)
"""How the licences begin that let anyone pass on a copy or a part; no-derivatives does not."""

KEPT = re.compile(r"not to be passed on|no redistribution|do not redistribute", re.IGNORECASE)
"""What a card says of data that stay where they are; their document ids may be texts themselves."""


def leave(licence: str) -> tuple[Leave, str]:
    """What a licence lets a bundle hold, and why.

    Returns:
        ``all``: judgements and rankings; ``runs``: rankings, which hold ids alone; ``nothing``.
    """
    if KEPT.search(licence):
        return "nothing", f"its licence keeps it where it is ({licence})"
    if FREE.match(licence):
        return "all", f"its licence allows it ({licence})"
    return "runs", f"its licence is not known to allow passing judgements on ({licence or 'none'})"
