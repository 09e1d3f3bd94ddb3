"""What a predictor scores before its first step: the forms that were solved for, and no others."""

from __future__ import annotations

import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from rabbench.models.student import Predictor
from rabbench.train import initialisation
from rabbench.train.distil import StandardisedPredictor

D, M, N = 12, 60, 9


def _centre(scores: torch.Tensor) -> torch.Tensor:
    """What tells the documents of one query apart."""
    return scores - scores.mean(1, keepdim=True)


def _cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    """The cosine of two rankings' scores within queries."""
    return float(torch.cosine_similarity(_centre(a).flatten(), _centre(b).flatten(), dim=0))


@pytest.fixture
def states() -> dict[str, torch.Tensor]:
    """Queries scattered around a place of their document that its latent does not show."""
    generator = torch.Generator().manual_seed(0)
    z_d, places = (torch.randn(N, D, generator=generator) for _ in range(2))
    document = torch.arange(40 * N) % N
    h_q = 5 + 3 * places[document] + torch.randn(len(document), D, generator=generator)
    return {
        "h_q": h_q,
        "z_d": 2 * z_d - 3,
        "document": document,
        "w": torch.randn(D, generator=generator),
    }


def _student(states: dict[str, torch.Tensor]) -> StandardisedPredictor:
    return StandardisedPredictor(Predictor(D, M), states["h_q"], states["z_d"], states["w"])


def _posterior(document: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.one_hot(document, N).float()


def _success_at_1(document: torch.Tensor, scores: torch.Tensor) -> float:
    return float((scores.argmax(1) == document).float().mean())


def test_a_form_becomes_the_predictors_scores(states: dict[str, torch.Tensor]) -> None:
    student = _student(states)
    q, z = initialisation.standardise(student, states["h_q"], states["z_d"])
    form = torch.randn(D + 1, D, generator=torch.Generator().manual_seed(2))
    initialisation.set_form(student, form, q, z)
    scores = student.score(states["h_q"], states["z_d"])
    expected = q @ form @ z.T
    assert _cosine(scores, expected) > 0.995
    spread = _centre(scores).std() / _centre(expected).std()
    # gelu's series goes on with a fourth power, which takes (a² + b²)/3 of a product away.
    assert 1 - 3 * initialisation.UNIT_RMS**2 < float(spread) < 1
    plain = student.fold()
    with torch.no_grad():
        plain_scores = plain(states["h_q"][:1].expand(N, D), states["z_d"]) @ states["w"]
    torch.testing.assert_close(plain_scores, scores[0], rtol=1e-3, atol=1e-3)


def test_where_not_all_products_fit_the_largest_are_kept(states: dict[str, torch.Tensor]) -> None:
    room_for_one = Predictor(D, 4)
    student = StandardisedPredictor(room_for_one, states["h_q"], states["z_d"], states["w"])
    q, z = initialisation.standardise(student, states["h_q"], states["z_d"])
    form = torch.randn(D + 1, D, generator=torch.Generator().manual_seed(2))
    initialisation.set_form(student, form, q, z)
    scores = student.score(states["h_q"], states["z_d"])
    u, size, v = torch.linalg.svd(q @ form @ z.T)
    best = size[0] * torch.outer(u[:, 0], v[0])
    assert _cosine(scores, best) > 0.995


def test_without_answers_a_student_starts_as_the_similarity(
    states: dict[str, torch.Tensor],
) -> None:
    student = _student(states)
    initialisation.fit_scores(student, states["h_q"], states["z_d"])
    scores = student.score(states["h_q"], states["z_d"])
    assert float(scores.std(1, correction=0).mean()) == pytest.approx(
        initialisation.SPREAD, rel=1e-4
    )
    q, z = initialisation.standardise(student, states["h_q"], states["z_d"])
    assert _cosine(scores, q[:, :-1] @ z.T) > 0.99


def test_the_discriminant_is_that_of_scikit_learn(
    states: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(initialisation, "COVARIANCE_RIDGE", 0.0)
    # N < d: every document can have its own log-odds.
    monkeypatch.setattr(initialisation, "LATENT_RIDGE", 1e-6)
    h_q, z_d = states["h_q"].double(), states["z_d"].double()
    q, z = initialisation.standardise(_student(states), h_q, z_d)
    odds = q @ initialisation.fit_discriminant(q, z, _posterior(states["document"]).double()) @ z.T
    queries = q[:, :-1].numpy()
    judge = LinearDiscriminantAnalysis(solver="lsqr").fit(queries, states["document"].numpy())
    expected = torch.from_numpy(judge.decision_function(queries))
    torch.testing.assert_close(_centre(odds), _centre(expected), rtol=1e-3, atol=1e-2)


def test_answers_rank_new_queries_that_similarity_cannot(states: dict[str, torch.Tensor]) -> None:
    old, new = states["document"][::2], states["document"][1::2]
    h_old, h_new = states["h_q"][::2], states["h_q"][1::2]
    hits = {}
    for name, posterior in (("similarity", None), ("answers", _posterior(old))):
        student = StandardisedPredictor(Predictor(D, M), h_old, states["z_d"], states["w"])
        initialisation.fit_scores(student, h_old, states["z_d"], posterior=posterior)
        hits[name] = _success_at_1(new, student.score(h_new, states["z_d"]))
    assert hits["similarity"] < 0.3  # the latents say nothing of where their queries lie
    assert hits["answers"] > 0.8


def test_a_document_without_queries_is_placed_by_its_latent() -> None:
    generator = torch.Generator().manual_seed(3)
    count = 60
    z_d = torch.randn(count, D, generator=generator)
    turn = torch.linalg.qr(torch.randn(D, D, generator=generator)).Q
    document = torch.arange(count * 10) % count
    h_q = (z_d @ turn)[document] + 0.1 * torch.randn(len(document), D, generator=generator)
    train = document < 40
    student = StandardisedPredictor(Predictor(D, M), h_q[train], z_d, torch.ones(D))
    posterior = torch.nn.functional.one_hot(document[train], count).float()
    q, z = initialisation.standardise(student, h_q[train], z_d)
    form = initialisation.fit_discriminant(q, z, posterior)
    new, _ = initialisation.standardise(student, h_q[~train], z_d)
    scores = new @ form @ z[40:].T
    assert _success_at_1(document[~train] - 40, scores) > 0.8  # chance: 0.05


@torch.no_grad()
def test_the_shift_meets_a_linear_teacher_and_leaves_the_ranking() -> None:
    generator = torch.Generator().manual_seed(1)
    latents, w = torch.randn(N, D, generator=generator), torch.randn(D, generator=generator)
    h_q, z_d = torch.randn(200, D, generator=generator), latents.repeat(23, 1)[:200]
    student = StandardisedPredictor(Predictor(D, M), h_q, latents, w)
    initialisation.fit_scores(student, h_q, latents)
    before = student.score(h_q, latents)
    moved = torch.randn(D, D, generator=generator)
    h_t = student(h_q, z_d) + h_q @ moved + 3
    distance = (student(h_q, z_d) - h_t).square().mean()
    initialisation.fit_shift(student, h_q, z_d, h_t)
    assert float((student(h_q, z_d) - h_t).square().mean()) < 0.05 * float(distance)
    after = student.score(h_q, latents)
    gaps = [scores - scores[:, :1] for scores in (before, after)]
    assert torch.allclose(*gaps, atol=1e-3)
    fitted = [student(h_q[:9], latents), student.fold()(h_q[:9], latents)]
    assert torch.allclose(*fitted, atol=1e-4)


def test_the_form_holds_for_queries_unlike_the_training_ones() -> None:
    generator = torch.Generator().manual_seed(4)
    width = 40
    few, new = (torch.randn(n, width, generator=generator) for n in (10, 200))
    z_d = torch.randn(N, width, generator=generator)
    w = torch.randn(width, generator=generator)
    student = StandardisedPredictor(Predictor(width, 4 * width), few, z_d, w)
    initialisation.fit_scores(student, few, z_d)
    q, z = initialisation.standardise(student, new, z_d)
    assert _cosine(student.score(new, z_d), q[:, :-1] @ z.T) > 0.97


def test_first_scores_lie_not_far_wider_than_the_teachers(
    states: dict[str, torch.Tensor],
) -> None:
    for teacher, expected in (
        (0.25, 0.25 * initialisation.MAX_SPREAD_RATIO),
        (7.0, initialisation.SPREAD),
    ):
        student = _student(states)
        h_q, z_d = states["h_q"], states["z_d"]
        posterior = _posterior(states["document"])
        initialisation.fit_scores(student, h_q, z_d, posterior=posterior, teacher_spread=teacher)
        spread = student.score(h_q, z_d).std(1, correction=0).mean()
        assert float(spread) == pytest.approx(expected, rel=1e-3)
