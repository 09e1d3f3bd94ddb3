"""The losses of teacher, student and bi-encoder, as functions of tensors.

Knows shapes and formulas; knows no model, no text and no training loop. B pairs, G groups of one
relevant and K - 1 other documents, vocabulary V, hidden width d.
"""

from __future__ import annotations

import torch
from torch.nn import functional


def sft(logits: torch.Tensor, relevant: torch.Tensor, answers: tuple[int, int]) -> torch.Tensor:
    """Cross-entropy on the answer token over the whole vocabulary (arXiv 2412.16615).

    Of logits (B, V) where the answer is read, documents that are ``relevant`` (B,) bool, and the
    token ids of yes and no.
    """
    target = torch.where(relevant, *answers)  # (B,)
    return functional.cross_entropy(logits.float(), target)


def dpo(
    log_odds: torch.Tensor, reference: torch.Tensor, relevant: torch.Tensor, beta: float
) -> torch.Tensor:
    """Direct preference of the right answer over the other (Rafailov et al., arXiv 2305.18290).

    Both answers are single tokens after the same prompt, so the log-ratio of their probabilities
    is the log-odds s (B,) of yes against no, and the loss is -log sigmoid(±β(s - s_ref)), with +
    for ``relevant`` (B,) bool documents. ``reference`` s_ref (B,) is the model's before training.
    """
    sign = torch.where(relevant, 1.0, -1.0)  # (B,)
    return -functional.logsigmoid(beta * sign * (log_odds - reference)).mean()


def listwise(scores: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
    """Softmax cross-entropy of the relevant document within its group (InfoNCE).

    Of scores (G, K), the relevant document's in the first column; -inf marks an empty place.
    """
    first = torch.zeros(len(scores), dtype=torch.long, device=scores.device)
    return functional.cross_entropy(scores.float() / temperature, first)


def contrastive(
    scores: torch.Tensor, first: torch.Tensor, barred: torch.Tensor, temperature: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """InfoNCE over a batch's documents: the relevant one of a query is a negative of the others.

    Of similarities (Q, N); ``first`` (Q,) is the column of a query's relevant document, ``barred``
    (Q, N) marks what is no negative of it. Returns the loss, and (Q,) whether that document leads.
    """
    positive = scores.gather(1, first[:, None])  # (Q, 1)
    negatives = scores.masked_fill(barred, -torch.inf).scatter(1, first[:, None], -torch.inf)
    ordered = torch.cat([positive, negatives], 1)  # (Q, 1 + N), the relevant one first
    return listwise(ordered, temperature), (positive > negatives).all(-1)


def mse(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The squared error ‖ĥ - h_T‖² of each pair, the paper's JEPA energy: (…, d), (…, d) → (…).

    Summed over dimensions: the mean's gradient is d times weaker than that of the KL on logits,
    and the two would need a weight that depends on the width.
    """
    return (predicted - target).square().sum(-1)


def reverse_kl(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """KL(p_student ‖ p_teacher) of each pair: logits (…, V), (…, V) → (…)."""
    log_p, log_q = student.log_softmax(-1), teacher.log_softmax(-1)  # (…, V)
    return (log_p.exp() * (log_p - log_q)).sum(-1)
