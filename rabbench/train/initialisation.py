"""What the predictor scores before the first step of training, solved for and not learnt.

Scores are bilinear, qᵀ·A·z, of the standardised query state q, a 1 behind it, and the document
latent z. Gradient steps on a predictor that starts at random, or blind to the document, overfit
the teacher's answers about a few queries long before they find such a form. Q queries, N documents,
P pairs, d the hidden width. Knows tensors; knows no text and no training loop.
"""

from __future__ import annotations

from math import pi, sqrt

import torch

from rabbench.train.distil import Standardised, own_ranking

SPREAD = 1.0  # of a query's first scores, in log-odds, but
WIDEST = 2.0  # times the teacher's own at most
NEAR = 0.1  # root mean square of what a unit sees of each side: gelu's even part is square there
UNSEEN = 0.1  # of the states' variance, 1: what others may have where these have none
SHRUNK = 1.0  # added to the queries' variance around their documents; their own variance is 1
TIED = 0.1  # of the latents' variance, 1: a document's scores are to be linear in its latent
RIDGE = 0.1  # of the queries' own variance


@torch.no_grad()
def fit_scores(
    student: Standardised,
    h_q: torch.Tensor,
    z_d: torch.Tensor,
    direction: torch.Tensor,
    posterior: torch.Tensor | None = None,
    spread: float = SPREAD,
) -> None:
    """Begin with scores that compare the latents: by similarity, and by the teacher's answers.

    The similarity is the product of the standardised states. Where the teacher has answered, a
    discriminant fit to its answers is added, with equal spread.

    Args:
        student: its first layer and its direction w are set.
        h_q: (Q, d), the training queries' states.
        z_d: (N, d), the documents' latents.
        direction: w (d,), along which the head reads the score.
        posterior: (Q, N), how the teacher spreads each query over the documents; rows sum to 1.
        spread: the teacher's own, a mean over queries; a far wider one would be unlearnt first.
    """
    q, z = standardised(student, h_q, z_d)
    form = joined(q, z, posterior)
    set_form(student, form, q, z, direction)
    found = _spread(own_ranking(student, h_q, z_d, direction))
    student.predictor.out.weight.mul_(min(SPREAD, WIDEST * spread) / found)


def joined(q: torch.Tensor, z: torch.Tensor, posterior: torch.Tensor | None) -> torch.Tensor:
    """The similarity's form A (d + 1, d), and with answers the discriminant's beside it."""
    width = z.shape[1]
    form = torch.cat([torch.eye(width).to(z), torch.zeros(1, width).to(z)])
    if posterior is None:
        return form
    found = discriminant(q, z, posterior)
    return form / _spread(q @ form @ z.T) + found / _spread(q @ found @ z.T)


def standardised(
    student: Standardised, h_q: torch.Tensor, z_d: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The states as the first layer sees them: q (Q, d + 1), the last of each 1, and z (N, d)."""
    q = (h_q - student.query_mean) / student.query_spread
    z = (z_d - student.document_mean) / student.document_spread
    return torch.cat([q, torch.ones_like(q[:, :1])], 1), z


def _spread(scores: torch.Tensor) -> torch.Tensor:
    """The mean over queries of the standard deviation of their scores: (Q, N) → a scalar."""
    return scores.std(1, correction=0).mean().clamp(min=1e-6)


def discriminant(q: torch.Tensor, z: torch.Tensor, posterior: torch.Tensor) -> torch.Tensor:
    """Linear discriminant analysis of queries by document, with the teacher's answers as classes.

    Each document is a Gaussian of the queries that belong to it, all with one covariance Σ, shrunk;
    its log-odds are linear in the query. They are then made linear in the document's latent by
    ridge regression, which carries them over to documents that few queries belong to, or none.
    Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, section 4.3.

    Args:
        q: (Q, d + 1), standardised, the last of each 1.
        z: (N, d), standardised.
        posterior: (Q, N), in place of the classes.

    Returns:
        The form A, (d + 1, d): log-odds are qᵀ·A·z but for what a query's documents share.
    """
    q = q[:, :-1]
    count = posterior.sum(0)  # (N,), queries of each document
    centre = posterior.T @ q / count.clamp(min=1e-6)[:, None]  # (N, d)
    scatter = q.T @ q - (centre.T * count) @ centre  # (d, d), around the centres
    eye = torch.eye(z.shape[1]).to(z)
    slope = torch.linalg.solve(scatter / len(q) + SHRUNK * eye, centre.T).T  # (N, d), Σ⁻¹·centre
    offset = count.clamp(min=0.1).log() - (slope * centre).sum(1) / 2  # (N,)
    odds = torch.cat([slope, offset[:, None]], 1)  # (N, d + 1)
    share = count / count.sum()  # (N,)
    odds = odds - share @ odds
    weighted = z.T * share  # (d, N)
    tied: torch.Tensor = torch.linalg.solve(weighted @ z + TIED * eye, weighted @ odds)
    return tied.T


@torch.no_grad()
def set_form(
    student: Standardised,
    form: torch.Tensor,
    q: torch.Tensor,
    z: torch.Tensor,
    direction: torch.Tensor,
) -> None:
    """Make the predictor's scores the bilinear form, with four units for each product of it.

    With a of the query, b of the document, and e(x) = gelu(x) + gelu(-x), which is even and about
    sqrt(2/π)·x² near 0,

        gelu(a+b) + gelu(-a-b) - gelu(a-b) - gelu(b-a) = e(a+b) - e(a-b) ≈ 4·sqrt(2/π)·a·b.

    The products are the form's largest singular ones over states such as these; m/4 of them fit.
    More units than that stay as they are, and count for nothing yet.

    Args:
        student: whose predictor is set.
        form: A (d + 1, d).
        q: (Q, d + 1), standardised, the last of each 1.
        z: (N, d), standardised.
        direction: w (d,).
    """
    root_q, inverse_q = _roots(q)
    root_z, inverse_z = _roots(z)
    left, size, right = torch.linalg.svd(root_q.T @ form @ root_z, full_matrices=False)
    predictor = student.predictor
    count = min(len(predictor.query.weight) // 4, int((size > 1e-6 * size[0]).sum()))
    a = NEAR * (inverse_q @ left[:, :count]).T  # (count, d + 1)
    b = NEAR * (inverse_z @ right[:count].T).T  # (count, d)
    size = size[:count] / (4 * sqrt(2 / pi) * NEAR * NEAR)
    rows = slice(0, 4 * count)
    query = torch.cat([a, -a, a, -a])
    predictor.query.weight[rows], predictor.query.bias[rows] = query[:, :-1], query[:, -1]
    predictor.document.weight[rows] = torch.cat([b, -b, -b, b])
    along = direction / direction.square().sum()  # (d,): adds 1 to the score
    predictor.out.weight.zero_()
    predictor.out.weight[:, rows] = torch.outer(along, torch.cat([size, size, -size, -size]))


def _roots(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A root R of the rows' second moments, R·Rᵀ = xᵀ·x / n + UNSEEN, (d, d), and R⁻ᵀ."""
    value, vector = torch.linalg.eigh(x.T @ x / len(x))
    value = (value.clamp(min=0) + UNSEEN).sqrt()
    return vector * value, vector / value


@torch.no_grad()
def shift(student: Standardised, h_q: torch.Tensor, z_d: torch.Tensor, h_t: torch.Tensor) -> None:
    """Solve for the shift S and the bias by ridge regression.

    Otherwise the first steps learn it with the units that compare the latents, and unlearn that.

    Args:
        student: whose shift and bias are set.
        h_q: (P, d), the queries' states of pairs that the teacher was asked about.
        z_d: (P, d), their documents' latents.
        h_t: (P, d), the teacher's states.
    """
    x = (h_q - student.query_mean) / student.query_spread  # (P, d)
    y = h_t - student(h_q, z_d)  # (P, d)
    x_mean, y_mean = x.mean(0), y.mean(0)
    x, y = x - x_mean, y - y_mean
    moments = x.T @ x + RIDGE * len(x) * torch.eye(x.shape[1], device=x.device)
    found = torch.linalg.solve(moments, x.T @ y).T  # (d, d)
    student.predictor.shift.weight.add_(found)
    student.predictor.out.bias.add_(y_mean - found @ x_mean)
