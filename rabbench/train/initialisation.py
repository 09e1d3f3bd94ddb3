"""The predictor's scores before the first step of training, solved for and not learnt.

Scores are bilinear, qᵀ·A·z, of the standardised query state q, a 1 behind it, and the document
latent z. Gradient steps on a predictor that starts at random, or blind to the document, overfit
the teacher's answers about a few queries long before they find such a form. Q queries, N documents,
P pairs, d the hidden width. Knows tensors; knows no text and no training loop.
"""

from __future__ import annotations

from math import pi, sqrt

import torch

from rabbench.train.distil import StandardisedPredictor

SPREAD = 1.0  # of a query's first scores, in log-odds, but
MAX_SPREAD_RATIO = 2.0  # times the teacher's own at most
UNIT_RMS = 0.1  # of a unit's input from each side: gelu's even part is a square near 0
UNSEEN_VARIANCE = 0.1  # the states' own is 1: what new ones may have where these have none
COVARIANCE_RIDGE = 1.0  # added to the queries' variance around their documents; their own is 1
LATENT_RIDGE = 0.1  # of the latents' variance, 1: a document's scores are linear in its latent
SHIFT_RIDGE = 0.1  # of the queries' own variance


@torch.no_grad()
def fit_scores(
    student: StandardisedPredictor,
    h_q: torch.Tensor,
    z_d: torch.Tensor,
    *,
    posterior: torch.Tensor | None = None,
    teacher_spread: float = SPREAD,
) -> None:
    """Begin with scores that compare the latents: by similarity, and by the teacher's answers.

    From the training queries' states h_q (Q, d) and the documents' latents z_d (N, d).
    ``posterior`` (Q, N) is how the teacher spreads each query over the documents; rows sum to 1.
    ``teacher_spread`` is of its scores, a mean over queries; a far wider one would be unlearnt
    first.
    """
    q, z = standardise(student, h_q, z_d)
    set_form(student, first_form(q, z, posterior), q, z)
    spread = _mean_spread(student.score(h_q, z_d))
    student.predictor.out.weight.mul_(min(SPREAD, MAX_SPREAD_RATIO * teacher_spread) / spread)


def standardise(
    student: StandardisedPredictor, h_q: torch.Tensor, z_d: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The arguments of a form: q (Q, d + 1), the last of each 1, and z (N, d)."""
    q, z = student.standardise_query(h_q), student.standardise_document(z_d)
    return torch.cat([q, torch.ones_like(q[:, :1])], 1), z


def first_form(q: torch.Tensor, z: torch.Tensor, posterior: torch.Tensor | None) -> torch.Tensor:
    """The form A (d + 1, d) of the similarity qᵀ·z; with answers, plus a discriminant as wide."""
    similarity = torch.eye(z.shape[1] + 1, z.shape[1]).to(z)
    if posterior is None:
        return similarity
    forms = (similarity, fit_discriminant(q, z, posterior))
    first, second = (form / _mean_spread(q @ form @ z.T) for form in forms)
    return first + second


def _mean_spread(scores: torch.Tensor) -> torch.Tensor:
    """The mean over queries of the standard deviation of their scores: (Q, N) → a scalar."""
    return scores.std(1, correction=0).mean().clamp(min=1e-6)


def fit_discriminant(q: torch.Tensor, z: torch.Tensor, posterior: torch.Tensor) -> torch.Tensor:
    """Linear discriminant analysis of queries by document, with the teacher's answers as classes.

    Each document is a Gaussian of the queries that belong to it, all with one covariance Σ, shrunk;
    its log-odds are linear in the query. They are then made linear in the document's latent by
    ridge regression, which carries them over to documents that few queries belong to, or none.
    Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, section 4.3.

    q (Q, d + 1), z (N, d) and the posterior (Q, N), in place of the classes, give the form A
    (d + 1, d): log-odds are qᵀ·A·z but for what a query's documents share.
    """
    q = q[:, :-1]
    count = posterior.sum(0)  # (N,), queries of each document
    centre = posterior.T @ q / count.clamp(min=1e-6)[:, None]  # (N, d)
    scatter = q.T @ q - (centre.T * count) @ centre  # (d, d), around the centres
    eye = torch.eye(z.shape[1]).to(z)
    covariance = scatter / len(q) + COVARIANCE_RIDGE * eye
    slope = torch.linalg.solve(covariance, centre.T).T  # (N, d), Σ⁻¹·centre
    offset = count.clamp(min=0.1).log() - (slope * centre).sum(1) / 2  # (N,)
    odds = torch.cat([slope, offset[:, None]], 1)  # (N, d + 1)
    share = count / count.sum()  # (N,)
    odds = odds - share @ odds
    weighted = z.T * share  # (d, N)
    form: torch.Tensor = torch.linalg.solve(weighted @ z + LATENT_RIDGE * eye, weighted @ odds).T
    return form


@torch.no_grad()
def set_form(
    student: StandardisedPredictor, form: torch.Tensor, q: torch.Tensor, z: torch.Tensor
) -> None:
    """Make the predictor's scores the bilinear form, with four units for each product of it.

    With a of the query, b of the document, and e(x) = gelu(x) + gelu(-x), which is even and about
    sqrt(2/π)·x² near 0,

        gelu(a+b) + gelu(-a-b) - gelu(a-b) - gelu(b-a) = e(a+b) - e(a-b) ≈ 4·sqrt(2/π)·a·b.

    The products are the largest singular ones of the form A (d + 1, d) over states such as
    q (Q, d + 1) and z (N, d); m/4 of them fit. More units than that stay as they are, and count
    for nothing yet.
    """
    root_q, inverse_q = _roots(q)
    root_z, inverse_z = _roots(z)
    u, size, v = torch.linalg.svd(root_q.T @ form @ root_z, full_matrices=False)
    predictor = student.predictor
    count = min(len(predictor.query.weight) // 4, int((size > 1e-6 * size[0]).sum()))
    a = UNIT_RMS * (inverse_q @ u[:, :count]).T  # (count, d + 1)
    b = UNIT_RMS * (inverse_z @ v[:count].T).T  # (count, d)
    size = size[:count] / (4 * sqrt(2 / pi) * UNIT_RMS * UNIT_RMS)
    rows = slice(0, 4 * count)
    query = torch.cat([a, -a, a, -a])
    predictor.query.weight[rows], predictor.query.bias[rows] = query[:, :-1], query[:, -1]
    predictor.document.weight[rows] = torch.cat([b, -b, -b, b])
    along = student.direction / student.direction.square().sum()  # (d,): adds 1 to the score
    predictor.out.weight.zero_()
    predictor.out.weight[:, rows] = torch.outer(along, torch.cat([size, size, -size, -size]))


def _roots(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """R and R⁻ᵀ (d, d) with R·Rᵀ = xᵀ·x / n + UNSEEN_VARIANCE, the rows' second moments."""
    value, vector = torch.linalg.eigh(x.T @ x / len(x))
    value = (value.clamp(min=0) + UNSEEN_VARIANCE).sqrt()
    return vector * value, vector / value


@torch.no_grad()
def fit_shift(
    student: StandardisedPredictor, h_q: torch.Tensor, z_d: torch.Tensor, h_t: torch.Tensor
) -> None:
    """Solve for the shift S and the bias by ridge regression on the teacher's states h_t (P, d).

    Otherwise the first steps learn it with the units that compare the latents, and unlearn that.
    The pairs have queries' states h_q (P, d) and documents' latents z_d (P, d).
    """
    x = student.standardise_query(h_q)  # (P, d)
    y = h_t - student(h_q, z_d)  # (P, d)
    x_mean, y_mean = x.mean(0), y.mean(0)
    x, y = x - x_mean, y - y_mean
    moments = x.T @ x + SHIFT_RIDGE * len(x) * torch.eye(x.shape[1], device=x.device)
    shift = torch.linalg.solve(moments, x.T @ y).T  # (d, d)
    student.predictor.shift.weight.add_(shift)
    student.predictor.out.bias.add_(y_mean - shift @ x_mean)
