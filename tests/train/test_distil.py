"""The distillation step: exact standardisation, honest draws, masks, monitors that notice."""

from __future__ import annotations

import pytest
import torch

from rabbench.models.student import FoldedPredictor, Predictor
from rabbench.train import distil
from rabbench.train.distil import Standardised, Weights

D, M, B, K, N, V = 12, 20, 3, 4, 9, 30


@pytest.fixture
def states() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    made = {
        name: torch.randn(*size, generator=generator)
        for name, size in {
            "h_q": (B, D), "z_d": (N, D), "h_t": (B, K, D), "head": (V, D), "w": (D,),
        }.items()
    }  # fmt: skip
    return {**made, "z_k": made["z_d"][torch.tensor([[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 0]])]}


def _student(states: dict[str, torch.Tensor]) -> Standardised:
    student = Standardised(Predictor(D, M), 5 * states["h_q"] + 2, 0.1 * states["z_d"] - 1)
    with torch.no_grad():
        torch.nn.init.normal_(student.predictor.out.weight, std=0.3)
        torch.nn.init.normal_(student.predictor.out.bias, std=0.3)
        torch.nn.init.normal_(student.predictor.shift.weight, std=0.3)
    return student


def test_a_student_starts_as_its_own_state(states: dict[str, torch.Tensor]) -> None:
    student = Standardised(Predictor(D, M), states["h_q"], states["z_d"])
    h_q = states["h_q"][:, None].expand(B, K, D)
    assert torch.equal(student(h_q, states["z_k"]), h_q)


def test_standardisation_folds_into_the_first_layer_and_the_fold_scores_alike(
    states: dict[str, torch.Tensor],
) -> None:
    student = _student(states)
    plain = student.plain()
    with torch.no_grad():
        ours = student(states["h_q"][:, None].expand(B, K, D), states["z_k"])
        theirs = plain(states["h_q"][:, None].expand(B, K, D), states["z_k"])
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
        folded = FoldedPredictor.from_predictor(plain, states["w"])
        u_q, own = folded.queries(states["h_q"])
        scores = folded(u_q[:1], own[:1], folded.documents(states["z_k"][0]))[:, 0]
        torch.testing.assert_close(scores, ours[0] @ states["w"], rtol=1e-4, atol=1e-4)
        ranking = distil.own_ranking(student, states["h_q"], states["z_k"][0], states["w"])
        torch.testing.assert_close(ranking[0], ours[0] @ states["w"], rtol=1e-4, atol=1e-4)


def test_draws_follow_the_ranking_and_leave_out_what_is_not_allowed() -> None:
    scores = torch.tensor([3.0, 2.0, -torch.inf, 1.0, 0.0])
    generator = torch.Generator().manual_seed(1)
    assert distil.draw(scores, 2, 1e-4, generator).tolist() == [0, 1]
    assert sorted(distil.draw(scores, 9, 1.0, generator).tolist()) == [0, 1, 3, 4]

    def share(tau: float) -> float:
        firsts = [int(distil.draw(scores, 1, tau, generator)[0]) for _ in range(4000)]
        return firsts.count(0) / len(firsts)

    softmax = scores[[0, 1, 3, 4]].softmax(0)[0]
    assert share(1.0) == pytest.approx(float(softmax), abs=0.04)
    assert share(torch.inf) == pytest.approx(0.25, abs=0.04)


def test_padding_changes_no_loss(states: dict[str, torch.Tensor]) -> None:
    student = _student(states)
    weights = Weights(mse=1.0, reverse_kl=0.5, within=0.25)
    mask = torch.ones(B, K, dtype=torch.bool)
    mask[1, 2:] = False

    def losses(junk: float) -> dict[str, float]:
        z_k, h_t = states["z_k"].clone(), states["h_t"].clone()
        z_k[~mask], h_t[~mask] = junk, -junk
        parts, _ = distil.distillation_step(
            student, lambda h: h @ states["head"].T, states["h_q"], z_k, h_t, mask, weights
        )
        return {name: float(part.detach()) for name, part in parts.items()}

    found = losses(7.0)
    assert found == pytest.approx(losses(-3.0))
    assert found.keys() == {"mse", "reverse_kl", "within"}
    with torch.no_grad():
        predicted = student(states["h_q"][:, None].expand(B, K, D), states["z_k"])
    energy = (predicted - states["h_t"]).square().sum(-1)[mask].mean()
    assert found["mse"] == pytest.approx(float(energy), rel=1e-5)


def test_a_weight_of_zero_leaves_a_loss_out(states: dict[str, torch.Tensor]) -> None:
    student = _student(states)
    parts, _ = distil.distillation_step(
        student, lambda h: h @ states["head"].T, states["h_q"], states["z_k"],
        states["h_t"], torch.ones(B, K, dtype=torch.bool), Weights(0.0, 1.0, 0.0),
    )  # fmt: skip
    assert list(parts) == ["reverse_kl"]
    shares = distil.gradient_shares(parts, list(student.parameters()))
    assert shares == {"gradient_share_reverse_kl": 1.0}


def test_monitors_tell_a_collapse_from_a_copy(states: dict[str, torch.Tensor]) -> None:
    mask = torch.ones(B, K, dtype=torch.bool)
    copy = distil.monitors(states["h_t"], states["h_t"], mask, states["w"])
    assert (copy["r2_within"], copy["spread"], copy["tau"]) == pytest.approx((1, 1, 1), abs=1e-5)
    assert copy["effective_rank"] > 5
    # One answer for all documents of a query: a small loss may hide it, these may not.
    flat = states["h_t"].mean(1, keepdim=True).expand(B, K, D)
    collapsed = distil.monitors(flat, states["h_t"], mask, states["w"])
    assert collapsed["r2_within"] == pytest.approx(0, abs=1e-5)
    assert collapsed["spread"] == pytest.approx(0, abs=1e-5)
    assert collapsed["effective_rank"] < copy["effective_rank"] / 2


def test_drift_of_no_document_is_nothing() -> None:
    empty = torch.zeros(2, 0)
    assert float(distil.drift(empty, empty, empty.bool())) == 0.0


def test_drift_ignores_what_all_documents_of_a_query_have_in_common() -> None:
    before = torch.tensor([[1.0, 2.0, 9.0], [0.0, 0.0, 0.0]])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    assert float(distil.drift(before + 5, before, mask)) == 0.0
    now = before + torch.tensor([[1.0, -1.0, 100.0], [0.0, 0.0, 3.0]])
    assert float(distil.drift(now, before, mask)) == pytest.approx((1 + 1 + 1 + 1 + 4) / 5)
