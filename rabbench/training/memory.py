"""The latents of the documents seen last, as further negatives that cost no forward.

Weights move little from step to step, so a document's latent of a few steps ago still says where
the document lies (Wang et al., cross-batch memory, arXiv 1912.06798). Knows tensors and one file.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

FILE = "latents.safetensors"


class Latents:
    """At most ``size`` documents, each with its latest latent; the one seen longest ago goes first.

    Args:
        size: documents to remember; 0 remembers none.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.rows = torch.empty(0, dtype=torch.long)  # (M,), what the latents are of
        self.states = torch.empty(0)  # (M, d)

    def besides(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What is remembered of other documents: their rows (M',) and latents (M', d)."""
        other = ~torch.isin(self.rows.to(rows.device), rows)
        return self.rows.to(rows.device)[other], self.states.to(rows.device)[other]

    def remember(self, rows: torch.Tensor, states: torch.Tensor) -> None:
        """Keep the latents (B, d) of documents, rows (B,), which may repeat."""
        if self.size == 0:
            return
        at = {row: i for i, row in enumerate(rows.tolist())}  # of each its last place
        old_rows, old = self.besides(rows)
        new = torch.tensor(list(at.values()), device=states.device)
        found = states.detach()[new]
        self.rows = torch.cat([old_rows, rows[new]])[-self.size :]
        self.states = (torch.cat([old, found]) if len(old) else found)[-self.size :]

    def save(self, folder: Path) -> None:
        """Write what is remembered beside a training's state."""
        save_file(
            {"rows": self.rows.contiguous(), "states": self.states.contiguous()}, folder / FILE
        )

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        found = load_file(folder / FILE)
        self.rows, self.states = found["rows"], found["states"]
