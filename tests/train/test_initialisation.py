"""What a predictor scores before its first step: the forms that were solved for, and no others."""

from __future__ import annotations

import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from rabbench.models.student import Predictor
from rabbench.train import initialisation
from rabbench.train.distil import Standardised, own_ranking

D, M, N = 12, 60, 9


def _within(scores: torch.Tensor) -> torch.Tensor:
    """What tells the documents of one query apart."""
    return scores - scores.mean(1, keepdim=True)


def _alike(a: torch.Tensor, b: torch.Tensor) -> float:
    """The cosine of two rankings' scores within queries."""
    return float(torch.cosine_similarity(_within(a).flatten(), _within(b).flatten(), dim=0))


@pytest.fixture
def states() -> dict[str, torch.Tensor]:
    """Queries scattered around a place of their document that its latent does not show."""
    generator = torch.Generator().manual_seed(0)
    z_d, places = (torch.randn(N, D, generator=generator) for _ in range(2))
    own = torch.arange(40 * N) % N
    h_q = 5 + 3 * places[own] + torch.randn(len(own), D, generator=generator)
    return {"h_q": h_q, "z_d": 2 * z_d - 3, "own": own, "w": torch.randn(D, generator=generator)}


def _student(states: dict[str, torch.Tensor]) -> Standardised:
    return Standardised(Predictor(D, M), states["h_q"], states["z_d"])


def _posterior(own: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.one_hot(own, N).float()


def _first(own: torch.Tensor, scores: torch.Tensor) -> float:
    return float((scores.argmax(1) == own).float().mean())


def test_a_form_becomes_the_predictors_scores(states: dict[str, torch.Tensor]) -> None:
    student = _student(states)
    q, z = initialisation.standardised(student, states["h_q"], states["z_d"])
    form = torch.randn(D + 1, D, generator=torch.Generator().manual_seed(2))
    initialisation.set_form(student, form, q, z, states["w"])
    found = own_ranking(student, states["h_q"], states["z_d"], states["w"])
    expected = q @ form @ z.T
    assert _alike(found, expected) > 0.995
    spread = _within(found).std() / _within(expected).std()
    # gelu's series goes on with a fourth power, which takes (a² + b²)/3 of a product away.
    assert 1 - 3 * initialisation.NEAR**2 < float(spread) < 1
    plain = student.plain()
    with torch.no_grad():
        scores = plain(states["h_q"][:1].expand(N, D), states["z_d"]) @ states["w"]
    torch.testing.assert_close(scores, found[0], rtol=1e-3, atol=1e-3)


def test_where_not_all_products_fit_the_largest_are_kept(states: dict[str, torch.Tensor]) -> None:
    student = Standardised(Predictor(D, 4), states["h_q"], states["z_d"])  # room for one
    q, z = initialisation.standardised(student, states["h_q"], states["z_d"])
    form = torch.randn(D + 1, D, generator=torch.Generator().manual_seed(2))
    initialisation.set_form(student, form, q, z, states["w"])
    found = own_ranking(student, states["h_q"], states["z_d"], states["w"])
    left, size, right = torch.linalg.svd(q @ form @ z.T)
    best = size[0] * torch.outer(left[:, 0], right[0])
    assert _alike(found, best) > 0.995


def test_without_answers_a_student_starts_as_the_similarity(
    states: dict[str, torch.Tensor],
) -> None:
    student = _student(states)
    initialisation.fit_scores(student, states["h_q"], states["z_d"], states["w"])
    scores = own_ranking(student, states["h_q"], states["z_d"], states["w"])
    assert float(scores.std(1, correction=0).mean()) == pytest.approx(
        initialisation.SPREAD, rel=1e-4
    )
    q, z = initialisation.standardised(student, states["h_q"], states["z_d"])
    assert _alike(scores, q[:, :-1] @ z.T) > 0.99


def test_the_discriminant_is_that_of_scikit_learn(
    states: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(initialisation, "SHRUNK", 0.0)
    monkeypatch.setattr(
        initialisation, "TIED", 1e-6
    )  # N < d: every document can have its own log-odds
    q, z = initialisation.standardised(
        _student(states), states["h_q"].double(), states["z_d"].double()
    )
    found = q @ initialisation.discriminant(q, z, _posterior(states["own"]).double()) @ z.T
    judge = LinearDiscriminantAnalysis(solver="lsqr").fit(q[:, :-1].numpy(), states["own"].numpy())
    expected = torch.from_numpy(judge.decision_function(q[:, :-1].numpy()))
    torch.testing.assert_close(_within(found), _within(expected), rtol=1e-3, atol=1e-2)


def test_answers_rank_new_queries_that_similarity_cannot(states: dict[str, torch.Tensor]) -> None:
    old, new = states["own"][::2], states["own"][1::2]
    h_old, h_new = states["h_q"][::2], states["h_q"][1::2]
    hits = {}
    for name, posterior in (("similarity", None), ("answers", _posterior(old))):
        student = Standardised(Predictor(D, M), h_old, states["z_d"])
        initialisation.fit_scores(student, h_old, states["z_d"], states["w"], posterior)
        hits[name] = _first(new, own_ranking(student, h_new, states["z_d"], states["w"]))
    assert hits["similarity"] < 0.3  # the latents say nothing of where their queries lie
    assert hits["answers"] > 0.8


def test_a_document_without_queries_is_placed_by_its_latent() -> None:
    generator = torch.Generator().manual_seed(3)
    count = 60
    z_d = torch.randn(count, D, generator=generator)
    turn = torch.linalg.qr(torch.randn(D, D, generator=generator)).Q
    own = torch.arange(count * 10) % count
    h_q = (z_d @ turn)[own] + 0.1 * torch.randn(len(own), D, generator=generator)
    seen = own < 40
    student = Standardised(Predictor(D, M), h_q[seen], z_d)
    posterior = torch.nn.functional.one_hot(own[seen], count).float()
    q, z = initialisation.standardised(student, h_q[seen], z_d)
    form = initialisation.discriminant(q, z, posterior)
    new, _ = initialisation.standardised(student, h_q[~seen], z_d)
    scores = new @ form @ z[40:].T
    assert float((scores.argmax(1) == own[~seen] - 40).float().mean()) > 0.8  # chance: 0.05


@torch.no_grad()
def test_the_shift_meets_a_linear_teacher_and_leaves_the_ranking() -> None:
    generator = torch.Generator().manual_seed(1)
    latents, w = torch.randn(N, D, generator=generator), torch.randn(D, generator=generator)
    h_q, z_d = torch.randn(200, D, generator=generator), latents.repeat(23, 1)[:200]
    student = Standardised(Predictor(D, M), h_q, latents)
    initialisation.fit_scores(student, h_q, latents, w)
    before = own_ranking(student, h_q, latents, w)
    moved = torch.randn(D, D, generator=generator)
    h_t = student(h_q, z_d) + h_q @ moved + 3
    left = (student(h_q, z_d) - h_t).square().mean()
    initialisation.shift(student, h_q, z_d, h_t)
    assert float((student(h_q, z_d) - h_t).square().mean()) < 0.05 * float(left)
    after = own_ranking(student, h_q, latents, w)
    gaps = [one - one[:, :1] for one in (before, after)]
    assert torch.allclose(*gaps, atol=1e-3)
    fitted = [student(h_q[:9], latents), student.plain()(h_q[:9], latents)]
    assert torch.allclose(*fitted, atol=1e-4)


def test_the_form_holds_for_queries_unlike_the_training_ones() -> None:
    generator = torch.Generator().manual_seed(4)
    width = 40
    few, others = (torch.randn(n, width, generator=generator) for n in (10, 200))
    z_d = torch.randn(N, width, generator=generator)
    w = torch.randn(width, generator=generator)
    student = Standardised(Predictor(width, 4 * width), few, z_d)
    initialisation.fit_scores(student, few, z_d, w)
    q, z = initialisation.standardised(student, others, z_d)
    assert _alike(own_ranking(student, others, z_d, w), q[:, :-1] @ z.T) > 0.97


def test_first_scores_lie_not_far_wider_than_the_teachers(
    states: dict[str, torch.Tensor],
) -> None:
    for teachers, expected in ((0.25, 0.25 * initialisation.WIDEST), (7.0, initialisation.SPREAD)):
        student = _student(states)
        args = (states["h_q"], states["z_d"], states["w"])
        initialisation.fit_scores(student, *args, _posterior(states["own"]), teachers)
        spread = own_ranking(student, *args).std(1, correction=0).mean()
        assert float(spread) == pytest.approx(expected, rel=1e-3)
