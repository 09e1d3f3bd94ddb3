"""The student (Rabtriever): document and query are encoded apart and joined by a small predictor.

Source: arXiv 2604.23336. ``z_d`` is the final hidden state of the document part alone, ``h_q`` that
of the query part alone; the predictor estimates the teacher's document-aware state ::

    ĥ(q|d) = h_q + S·h_q + W_o·gelu(W_q·h_q + W_d·z_d + b) + b_o

and the teacher's LM head reads it. The score is a fixed direction w = w_yes - w_no of that head, so
``u_d = W_d·z_d`` is stored for each document and W_o folds into the vector v = W_oᵀ·w. A pair then
costs O(m) for a predictor of width m, whatever the document's length::

    s(q,d) = c(q) + v·gelu(u_q + u_d),   u_q = W_q·h_q + b,   c(q) = (w + Sᵀ·w)·h_q + w·b_o

S is the effect of reading any document on a query's state, nearly all of the distance to the
teacher's. It moves all documents of a query alike; the two layers distinguish them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

INNER = 1024


class Predictor(nn.Module):
    """The JEPA predictor: a residual two-layer MLP of width m between the layers and the LM head.

    ``width`` is d, the backbone's, ``inner`` m; ``seed`` is that of the initial weights.
    """

    def __init__(self, width: int, inner: int = INNER, *, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.query = nn.Linear(width, inner)  # W_q, b
            self.document = nn.Linear(width, inner, bias=False)  # W_d
            self.out = nn.Linear(inner, width)  # W_o, b_o
            self.shift = nn.Linear(width, width, bias=False)  # S
        nn.init.zeros_(self.shift.weight)

    @classmethod
    def read(cls, path: Path) -> Self:
        """A trained predictor from its safetensors file."""
        weights = {name: weight.float() for name, weight in load_file(path).items()}
        inner, width = weights["query.weight"].shape
        predictor = cls(width, inner)
        predictor.load_state_dict(weights)
        return predictor

    def forward(self, h_q: torch.Tensor, z_d: torch.Tensor) -> torch.Tensor:
        """Estimate the teacher's state: (…, d) and (…, d) → ĥ (…, d)."""
        inner = functional.gelu(self.query(h_q) + self.document(z_d))  # (…, m)
        predicted: torch.Tensor = h_q + self.shift(h_q) + self.out(inner)
        return predicted


class FoldedPredictor(nn.Module):
    """Predictor and answer direction folded, so that a pair costs O(m); exact, not approximate.

    Buffers: ``w_query`` (d, m), ``bias`` (m), ``w_document`` (d, m), ``direction`` w + Sᵀ·w
    (d, 1), ``offset`` w·b_o (1), ``fold`` v (m, 1).
    """

    def __init__(self, width: int, inner: int, device: str = "cpu") -> None:
        super().__init__()
        self.w_query = nn.Buffer(torch.empty(width, inner, device=device))
        self.bias = nn.Buffer(torch.empty(inner, device=device))
        self.w_document = nn.Buffer(torch.empty(width, inner, device=device))
        self.direction = nn.Buffer(torch.empty(width, 1, device=device))
        self.offset = nn.Buffer(torch.empty(1, device=device))
        self.fold = nn.Buffer(torch.empty(inner, 1, device=device))

    @classmethod
    def from_predictor(cls, predictor: Predictor, direction: torch.Tensor) -> Self:
        """Fold a predictor with the head's answer direction w (d,), in float32."""
        inner, width = predictor.query.weight.shape
        folded = cls(width, inner, device=str(direction.device))
        w = direction.detach().float()[:, None]  # (d, 1)
        with torch.no_grad():
            folded.w_query.copy_(predictor.query.weight.T)
            folded.bias.copy_(predictor.query.bias)
            folded.w_document.copy_(predictor.document.weight.T)
            folded.direction.copy_(w + predictor.shift.weight.to(w).T @ w)
            folded.offset.copy_(predictor.out.bias.to(w) @ w)
            folded.fold.copy_(predictor.out.weight.to(w).T @ w)
        return folded

    def documents(self, z_d: torch.Tensor) -> torch.Tensor:
        """The vectors of the index: (N, d) → u_d (N, m)."""
        return z_d.to(self.w_document) @ self.w_document

    def queries(self, h_q: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The query's part of all its pairs: (Q, d) → u_q (Q, m) and c_q (Q, 1)."""
        h_q = h_q.to(self.w_query)
        return h_q @ self.w_query + self.bias, h_q @ self.direction + self.offset

    def forward(self, u_q: torch.Tensor, c_q: torch.Tensor, u_d: torch.Tensor) -> torch.Tensor:
        """Score one query against N documents: (1, m), (1, 1), (N, m) → (N, 1)."""
        return c_q + functional.gelu(u_q + u_d) @ self.fold
