"""One step of the distillation, with its shapes, and what watches for collapse.

Source: arXiv 2604.23336. B queries, K candidates of each (padded), d the hidden width, V the
vocabulary, N documents. Knows tensors; knows no text, no file and no training loop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from rabbench.models import losses
from rabbench.models.student import Predictor

Head = Callable[[torch.Tensor], torch.Tensor]
"""Final hidden states (…, d) to vocabulary logits (…, V)."""


class Standardised(nn.Module):
    """A predictor that sees its inputs with mean 0 and spread 1, which the optimiser needs.

    Means and spreads are constants of the training, so they fold into the first layer:
    :meth:`plain` gives the predictor that takes the raw states.
    """

    def __init__(self, predictor: Predictor, h_q: torch.Tensor, z_d: torch.Tensor) -> None:
        super().__init__()
        self.predictor = predictor
        for name, states in (("query", h_q), ("document", z_d)):
            self.register_buffer(f"{name}_mean", states.mean(0))
            self.register_buffer(f"{name}_spread", states.std(0).clamp(min=1e-4))
        nn.init.zeros_(predictor.out.weight)  # starts as the student's own state
        nn.init.zeros_(predictor.out.bias)

    query_mean: torch.Tensor
    query_spread: torch.Tensor
    document_mean: torch.Tensor
    document_spread: torch.Tensor

    def first(self, h_q: torch.Tensor, z_d: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The first layer's two halves: (…, d), (…, d) → u_q (…, m), u_d (…, m)."""
        predictor = self.predictor
        return (
            predictor.query((h_q - self.query_mean) / self.query_spread),
            predictor.document((z_d - self.document_mean) / self.document_spread),
        )

    def forward(self, h_q: torch.Tensor, z_d: torch.Tensor) -> torch.Tensor:
        """Estimate the teacher's state: (…, d), (…, d) → ĥ (…, d)."""
        u_q, u_d = self.first(h_q, z_d)
        moved = self.predictor.shift((h_q - self.query_mean) / self.query_spread)
        predicted: torch.Tensor = h_q + moved + self.predictor.out(functional.gelu(u_q + u_d))
        return predicted

    @torch.no_grad()
    def plain(self) -> Predictor:
        """The same function of raw states as a predictor without standardisation."""
        inner, width = self.predictor.query.weight.shape
        found = Predictor(width, inner)
        found.load_state_dict(self.predictor.state_dict())
        found.query.weight.div_(self.query_spread)
        found.document.weight.div_(self.document_spread)
        found.query.bias.sub_(found.query.weight @ self.query_mean)
        found.query.bias.sub_(found.document.weight @ self.document_mean)
        found.shift.weight.div_(self.query_spread)
        found.out.bias.sub_(found.shift.weight @ self.query_mean)
        return found


@torch.no_grad()
def own_ranking(
    student: Standardised, h_q: torch.Tensor, z_d: torch.Tensor, direction: torch.Tensor
) -> torch.Tensor:
    """The student's scores of every document: h_q (B, d), z_d (N, d), w (d,) → (B, N)."""
    u_q, u_d = student.first(h_q, z_d)  # (B, m), (N, m)
    fold = student.predictor.out.weight.T @ direction  # (m,)
    shift = student.predictor.shift.weight.T @ direction  # (d,)
    own = h_q @ direction + student.predictor.out.bias @ direction  # (B,)
    own = own + (h_q - student.query_mean) / student.query_spread @ shift
    return torch.stack([functional.gelu(u + u_d) @ fold for u in u_q]) + own[:, None]


def draw(scores: torch.Tensor, count: int, tau: float, generator: torch.Generator) -> torch.Tensor:
    """Draw documents without replacement from softmax(s/τ), by Gumbel's top-k.

    Kool et al., arXiv 1903.06059. A score of -inf is never drawn while others are left; τ = inf
    draws uniformly.

    Args:
        scores: (N,).
        count: how many.
        tau: temperature.
        generator: the source of chance, on the CPU.

    Returns:
        Places of the documents drawn, at most ``count``.
    """
    allowed = torch.isfinite(scores)
    noise = -(-torch.rand(scores.shape, generator=generator).clamp(1e-20, 1 - 1e-7).log()).log()
    keyed = torch.where(allowed, scores.nan_to_num(neginf=0.0) / tau + noise, -torch.inf)
    return keyed.topk(min(count, int(allowed.sum()))).indices


@dataclass(frozen=True)
class Weights:
    """Of the losses: ‖ĥ - h_T‖², λ of the reverse KL, and the energy within a query."""

    mse: float
    reverse_kl: float
    within: float


def distillation_step(
    student: nn.Module,
    head: Head,
    h_q: torch.Tensor,
    z_d: torch.Tensor,
    h_t: torch.Tensor,
    mask: torch.Tensor,
    weights: Weights,
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """The losses of one batch.

    Args:
        student: predicts ĥ from h_q and z_d.
        head: the teacher's LM head.
        h_q: (B, d), the query part's states, no document.
        z_d: (B, K, d), the candidates' latents.
        h_t: (B, K, d), the teacher's states of the pairs.
        mask: (B, K), which places hold a candidate.
        weights: of the losses.

    Returns:
        Each weighted loss, a mean over pairs, by name; and ĥ (B, K, d).
    """
    predicted = student(h_q[:, None].expand_as(z_d), z_d)  # (B, K, d)
    parts = {}
    if weights.mse:
        parts["mse"] = weights.mse * _mean(losses.mse(predicted, h_t), mask)
    if weights.reverse_kl:
        divergence = losses.reverse_kl(head(predicted[mask]), head(h_t[mask]))  # (pairs,)
        parts["reverse_kl"] = weights.reverse_kl * divergence.mean()
    if weights.within:
        apart = losses.mse(_within(predicted, mask), _within(h_t, mask))  # (B, K)
        parts["within"] = weights.within * _mean(apart, mask)
    return parts, predicted


def drift(now: torch.Tensor, before: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """How far scores have moved among a query's documents: (B, K), (B, K), (B, K) → a scalar.

    The mean square of the changes, less what all documents of a query have in common.
    """
    return _mean(_within((now - before)[..., None], mask).square().sum(-1), mask)


def _mean(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return (values * mask).sum() / mask.sum().clamp(min=1)  # nothing is left of an empty batch


def _within(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """What differs between the candidates of one query: (B, K, d) less its mean over them."""
    weight = mask[..., None].to(values.dtype)  # (B, K, 1)
    mean = (values * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp(min=1)
    return (values - mean) * weight


def gradient_shares(
    parts: dict[str, torch.Tensor], parameters: list[nn.Parameter]
) -> dict[str, float]:
    """The share of each loss in the summed gradient norms; the graph stays usable."""
    norms = {}
    for name, part in parts.items():
        found = torch.autograd.grad(part, parameters, retain_graph=True, allow_unused=True)
        norms[name] = float(sum(g.square().sum() for g in found if g is not None)) ** 0.5
    total = sum(norms.values()) or 1.0
    return {f"gradient_share_{name}": norm / total for name, norm in norms.items()}


@torch.no_grad()
def monitors(
    predicted: torch.Tensor, h_t: torch.Tensor, mask: torch.Tensor, direction: torch.Tensor
) -> dict[str, float]:
    """What shows a collapse that a small loss would hide.

    ``r2_within``: of the teacher's variance between the documents of one query, the share that
    the student explains; the overall R² says little, since most variance is between queries.
    ``effective_rank``: exp of the entropy of the normalised singular values of the predictions'
    differences within queries (Roy and Vetterli, 2007). ``spread``: their root mean square over
    the teacher's. ``tau``: Kendall's τ with the teacher on the candidates, mean over queries.
    """
    theirs, ours = _within(h_t, mask), _within(predicted, mask)  # (B, K, d)
    error = (theirs - ours).square().sum()
    singular = torch.linalg.svdvals(ours[mask].float())
    share = singular / singular.sum().clamp(min=1e-12)
    entropy = -(share * share.clamp(min=1e-12).log()).sum()
    return {
        "r2_within": 1.0 - float(error / theirs.square().sum().clamp(min=1e-12)),
        "effective_rank": float(entropy.exp()),
        "spread": float((ours.square().sum() / theirs.square().sum().clamp(min=1e-12)).sqrt()),
        "tau": _kendall(predicted @ direction, h_t @ direction, mask),
    }


def _kendall(ours: torch.Tensor, theirs: torch.Tensor, mask: torch.Tensor) -> float:
    from scipy.stats import kendalltau

    found = [
        float(kendalltau(a[m].tolist(), b[m].tolist()).statistic)
        for a, b, m in zip(ours, theirs, mask, strict=True)
        if int(m.sum()) > 1
    ]
    known = [value for value in found if value == value]  # NaN where one side ties everything
    return sum(known) / len(known) if known else 0.0
