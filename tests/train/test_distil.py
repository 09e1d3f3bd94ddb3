"""The distillation step: exact standardisation, honest draws, masks, figures of collapse."""

from __future__ import annotations

import pytest
import torch

from rabbench.models.student import FoldedPredictor, Predictor
from rabbench.train import distil
from rabbench.train.distil import StandardisedPredictor

D, M, B, K, N, V = 12, 20, 3, 4, 9, 30


@pytest.fixture
def states() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    tensors = {
        name: torch.randn(*size, generator=generator)
        for name, size in {
            "h_q": (B, D), "z_d": (N, D), "h_t": (B, K, D), "head": (V, D), "w": (D,),
        }.items()
    }  # fmt: skip
    return {
        **tensors,
        "z_k": tensors["z_d"][torch.tensor([[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 0]])],
    }


def _student(states: dict[str, torch.Tensor]) -> StandardisedPredictor:
    student = StandardisedPredictor(
        Predictor(D, M), 5 * states["h_q"] + 2, 0.1 * states["z_d"] - 1, states["w"]
    )
    with torch.no_grad():
        torch.nn.init.normal_(student.predictor.out.weight, std=0.3)
        torch.nn.init.normal_(student.predictor.out.bias, std=0.3)
        torch.nn.init.normal_(student.predictor.shift.weight, std=0.3)
    return student


def test_a_student_starts_as_its_own_state(states: dict[str, torch.Tensor]) -> None:
    student = StandardisedPredictor(Predictor(D, M), states["h_q"], states["z_d"], states["w"])
    h_q = states["h_q"][:, None].expand(B, K, D)
    assert torch.equal(student(h_q, states["z_k"]), h_q)


def test_standardisation_folds_into_the_first_layer_and_the_fold_scores_alike(
    states: dict[str, torch.Tensor],
) -> None:
    student = _student(states)
    plain = student.fold()
    with torch.no_grad():
        predicted = student(states["h_q"][:, None].expand(B, K, D), states["z_k"])
        unstandardised = plain(states["h_q"][:, None].expand(B, K, D), states["z_k"])
        torch.testing.assert_close(predicted, unstandardised, rtol=1e-4, atol=1e-4)
        folded = FoldedPredictor.from_predictor(plain, states["w"])
        u_q, own = folded.queries(states["h_q"])
        scores = folded(u_q[:1], own[:1], folded.documents(states["z_k"][0]))[:, 0]
        torch.testing.assert_close(scores, predicted[0] @ states["w"], rtol=1e-4, atol=1e-4)
        ranking = student.score(states["h_q"], states["z_k"][0])
        torch.testing.assert_close(ranking[0], predicted[0] @ states["w"], rtol=1e-4, atol=1e-4)


def test_draws_follow_the_ranking_and_leave_out_what_is_not_allowed() -> None:
    scores = torch.tensor([3.0, 2.0, -torch.inf, 1.0, 0.0])
    generator = torch.Generator().manual_seed(1)

    def draw(count: int, tau: float) -> list[int]:
        columns: list[int] = distil.gumbel_top_k(
            scores, count, tau=tau, generator=generator
        ).tolist()
        return columns

    def share(tau: float) -> float:
        return [draw(1, tau) for _ in range(4000)].count([0]) / 4000

    assert draw(2, 1e-4) == [0, 1]
    assert sorted(draw(9, 1.0)) == [0, 1, 3, 4]
    softmax = scores[[0, 1, 3, 4]].softmax(0)[0]
    assert share(1.0) == pytest.approx(float(softmax), abs=0.04)
    assert share(torch.inf) == pytest.approx(0.25, abs=0.04)


def test_padding_changes_no_loss(states: dict[str, torch.Tensor]) -> None:
    student = _student(states)
    mask = torch.ones(B, K, dtype=torch.bool)
    mask[1, 2:] = False

    def losses(junk: float) -> dict[str, float]:
        z_k, h_t = states["z_k"].clone(), states["h_t"].clone()
        z_k[~mask], h_t[~mask] = junk, -junk
        parts, _ = distil.distillation_step(
            student, lambda h: h @ states["head"].T, h_q=states["h_q"], z_d=z_k, h_t=h_t,
            mask=mask, mse=1.0, reverse_kl=0.5, within_query=0.25,
        )  # fmt: skip
        return {name: float(part.detach()) for name, part in parts.items()}

    parts = losses(7.0)
    assert parts == pytest.approx(losses(-3.0))
    assert parts.keys() == {"mse", "reverse_kl", "within"}
    with torch.no_grad():
        predicted = student(states["h_q"][:, None].expand(B, K, D), states["z_k"])
    mse = (predicted - states["h_t"]).square().sum(-1)[mask].mean()
    assert parts["mse"] == pytest.approx(float(mse), rel=1e-5)


def test_a_weight_of_zero_leaves_a_loss_out(states: dict[str, torch.Tensor]) -> None:
    student = _student(states)
    parts, _ = distil.distillation_step(
        student, lambda h: h @ states["head"].T, h_q=states["h_q"], z_d=states["z_k"],
        h_t=states["h_t"], mask=torch.ones(B, K, dtype=torch.bool),
        mse=0.0, reverse_kl=1.0, within_query=0.0,
    )  # fmt: skip
    assert list(parts) == ["reverse_kl"]
    shares = distil.gradient_shares(parts, list(student.parameters()))
    assert shares == {"gradient_share_reverse_kl": 1.0}


def test_collapse_figures_tell_a_collapse_from_a_copy(states: dict[str, torch.Tensor]) -> None:
    mask = torch.ones(B, K, dtype=torch.bool)
    copy = distil.collapse_figures(states["h_t"], states["h_t"], mask, states["w"])
    assert (copy["r2_within"], copy["spread"], copy["tau"]) == pytest.approx((1, 1, 1), abs=1e-5)
    assert copy["effective_rank"] > 5
    # One answer for all documents of a query: a small loss may hide it, these may not.
    flat = states["h_t"].mean(1, keepdim=True).expand(B, K, D)
    collapsed = distil.collapse_figures(flat, states["h_t"], mask, states["w"])
    assert collapsed["r2_within"] == pytest.approx(0, abs=1e-5)
    assert collapsed["spread"] == pytest.approx(0, abs=1e-5)
    assert collapsed["effective_rank"] < copy["effective_rank"] / 2


def test_drift_of_no_document_is_nothing() -> None:
    empty = torch.zeros(2, 0)
    assert float(distil.score_drift(empty, empty, empty.bool())) == 0.0


def test_drift_ignores_what_all_documents_of_a_query_have_in_common() -> None:
    before = torch.tensor([[1.0, 2.0, 9.0], [0.0, 0.0, 0.0]])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    assert float(distil.score_drift(before + 5, before, mask)) == 0.0
    now = before + torch.tensor([[1.0, -1.0, 100.0], [0.0, 0.0, 3.0]])
    assert float(distil.score_drift(now, before, mask)) == pytest.approx((1 + 1 + 1 + 1 + 4) / 5)
