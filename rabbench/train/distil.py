"""One step of the distillation, with its shapes, and the figures that reveal a collapse.

Source: arXiv 2604.23336. B queries, K candidates of each (padded), d the hidden width, V the
vocabulary, N documents. Knows tensors; knows no text, no file and no training loop.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from rabbench.models import losses
from rabbench.models.student import Predictor

Head = Callable[[torch.Tensor], torch.Tensor]
"""Final hidden states (…, d) to vocabulary logits (…, V)."""


class StandardisedPredictor(nn.Module):
    """A predictor that sees its inputs with mean 0 and spread 1, which the optimiser needs.

    Means and spreads are constants of the training, so they fold into the first layer:
    :meth:`fold` gives the predictor that takes the raw states. ``direction`` is w (d,), along
    which the head reads the score.
    """

    def __init__(
        self, predictor: Predictor, h_q: torch.Tensor, z_d: torch.Tensor, direction: torch.Tensor
    ) -> None:
        super().__init__()
        self.predictor = predictor
        self.direction = nn.Buffer(direction, persistent=False)
        self.query_mean, self.document_mean = nn.Buffer(h_q.mean(0)), nn.Buffer(z_d.mean(0))
        self.query_spread = nn.Buffer(h_q.std(0).clamp(min=1e-4))
        self.document_spread = nn.Buffer(z_d.std(0).clamp(min=1e-4))
        nn.init.zeros_(predictor.out.weight)  # starts as the student's own state
        nn.init.zeros_(predictor.out.bias)

    def standardise_query(self, h_q: torch.Tensor) -> torch.Tensor:
        """Query states as the first layer sees them: (…, d) → (…, d)."""
        return (h_q - self.query_mean) / self.query_spread

    def standardise_document(self, z_d: torch.Tensor) -> torch.Tensor:
        """Document latents as the first layer sees them: (…, d) → (…, d)."""
        return (z_d - self.document_mean) / self.document_spread

    def forward(self, h_q: torch.Tensor, z_d: torch.Tensor) -> torch.Tensor:
        """Estimate the teacher's state: (…, d), (…, d) → ĥ (…, d)."""
        predictor, q = self.predictor, self.standardise_query(h_q)
        u_q, u_d = predictor.query(q), predictor.document(self.standardise_document(z_d))  # (…, m)
        moved = h_q + predictor.shift(q)
        predicted: torch.Tensor = moved + predictor.out(functional.gelu(u_q + u_d))
        return predicted

    @torch.no_grad()
    def score(self, h_q: torch.Tensor, z_d: torch.Tensor) -> torch.Tensor:
        """Scores of every document: h_q (B, d), z_d (N, d) → (B, N)."""
        predictor, q = self.predictor, self.standardise_query(h_q)
        u_q, u_d = predictor.query(q), predictor.document(self.standardise_document(z_d))
        v = predictor.out.weight.T @ self.direction  # (m,)
        base = h_q @ self.direction + predictor.out.bias @ self.direction  # (B,)
        base = base + q @ (predictor.shift.weight.T @ self.direction)
        return torch.stack([functional.gelu(u + u_d) @ v for u in u_q]) + base[:, None]

    @torch.no_grad()
    def fold(self) -> Predictor:
        """The same function of raw states as a predictor without standardisation."""
        inner, width = self.predictor.query.weight.shape
        folded = Predictor(width, inner)
        folded.load_state_dict(self.predictor.state_dict())
        folded.query.weight.div_(self.query_spread)
        folded.document.weight.div_(self.document_spread)
        folded.query.bias.sub_(folded.query.weight @ self.query_mean)
        folded.query.bias.sub_(folded.document.weight @ self.document_mean)
        folded.shift.weight.div_(self.query_spread)
        folded.out.bias.sub_(folded.shift.weight @ self.query_mean)
        return folded


def gumbel_top_k(
    scores: torch.Tensor, count: int, *, tau: float, generator: torch.Generator
) -> torch.Tensor:
    """Draw ``count`` documents, or as many as there are, without replacement from softmax(s/τ).

    Kool et al., arXiv 1903.06059. Scores (N,) give indices (count,). A score of -inf is never
    drawn; τ = inf draws uniformly. The generator is the CPU's.
    """
    allowed = torch.isfinite(scores)
    noise = -(-torch.rand(scores.shape, generator=generator).clamp(1e-20, 1 - 1e-7).log()).log()
    keys = torch.where(allowed, scores.nan_to_num(neginf=0.0) / tau + noise, -torch.inf)
    return keys.topk(min(count, int(allowed.sum()))).indices


def distillation_step(
    student: nn.Module,
    head: Head,
    *,
    h_q: torch.Tensor,  # (B, d), the query part's states, no document
    z_d: torch.Tensor,  # (B, K, d), the candidates' latents
    h_t: torch.Tensor,  # (B, K, d), the teacher's states of the pairs
    mask: torch.Tensor,  # (B, K), true for a candidate, false for padding
    mse: float,  # weight of ‖ĥ - h_T‖²
    reverse_kl: float,  # λ, weight of the reverse KL
    within_query: float,  # weight of the squared error within a query
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """A batch's weighted losses, means over pairs, by name; and the student's ĥ (B, K, d)."""
    predicted = student(h_q[:, None].expand_as(z_d), z_d)  # (B, K, d)
    parts = {}
    if mse:
        parts["mse"] = mse * _masked_mean(losses.mse(predicted, h_t), mask)
    if reverse_kl:
        divergence = losses.reverse_kl(head(predicted[mask]), head(h_t[mask]))  # (pairs,)
        parts["reverse_kl"] = reverse_kl * divergence.mean()
    if within_query:
        error = losses.mse(_centre(predicted, mask), _centre(h_t, mask))  # (B, K)
        parts["within"] = within_query * _masked_mean(error, mask)
    return parts, predicted


def score_drift(now: torch.Tensor, before: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """How far scores (B, K) have moved among a query's documents, as a mean square.

    Less what all documents of a query have in common.
    """
    return _masked_mean(_centre((now - before)[..., None], mask).square().sum(-1), mask)


def _masked_mean(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return (values * mask).sum() / mask.sum().clamp(min=1)  # an empty batch gives 0


def _centre(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Subtract each query's mean over its candidates: (B, K, d) → (B, K, d), 0 in the padding."""
    weight = mask[..., None].to(values.dtype)  # (B, K, 1)
    mean = (values * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp(min=1)
    return (values - mean) * weight


def gradient_shares(
    parts: dict[str, torch.Tensor], parameters: list[nn.Parameter]
) -> dict[str, float]:
    """The share of each loss in the summed gradient norms; the graph stays usable."""
    norms = {}
    for name, part in parts.items():
        gradients = torch.autograd.grad(part, parameters, retain_graph=True, allow_unused=True)
        norms[name] = float(sum(g.square().sum() for g in gradients if g is not None)) ** 0.5
    total = sum(norms.values()) or 1.0
    return {f"gradient_share_{name}": norm / total for name, norm in norms.items()}


@torch.no_grad()
def collapse_figures(
    predicted: torch.Tensor, h_t: torch.Tensor, mask: torch.Tensor, direction: torch.Tensor
) -> dict[str, float]:
    """Figures that show a collapse which a small loss would hide.

    ``r2_within``: of the teacher's variance between the documents of one query, the share that
    the student explains; the overall R² says little, since most variance is between queries.
    ``effective_rank``: exp of the entropy of the normalised singular values of the predictions'
    differences within queries (Roy and Vetterli, 2007). ``spread``: their root mean square over
    the teacher's. ``tau``: Kendall's τ with the teacher on the candidates, mean over queries.
    """
    teacher, student = _centre(h_t, mask), _centre(predicted, mask)  # (B, K, d)
    error = (teacher - student).square().sum()
    power = teacher.square().sum().clamp(min=1e-12)
    singular = torch.linalg.svdvals(student[mask].float())
    share = singular / singular.sum().clamp(min=1e-12)
    entropy = -(share * share.clamp(min=1e-12).log()).sum()
    return {
        "r2_within": 1.0 - float(error / power),
        "effective_rank": float(entropy.exp()),
        "spread": float((student.square().sum() / power).sqrt()),
        "tau": _mean_tau(predicted @ direction, h_t @ direction, mask),
    }


def _mean_tau(student: torch.Tensor, teacher: torch.Tensor, mask: torch.Tensor) -> float:
    """Kendall's τ of two rankings (B, K), a mean over the queries where neither ties everything."""
    from scipy.stats import kendalltau

    taus = [
        float(kendalltau(a[m].tolist(), b[m].tolist()).statistic)
        for a, b, m in zip(student, teacher, mask, strict=True)
        if int(m.sum()) > 1
    ]
    defined = [tau for tau in taus if tau == tau]  # NaN is not
    return sum(defined) / len(defined) if defined else 0.0
