"""Synthetic texts have the exact length asked for, under any tokenizer."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from rabbench.models import synthetic
from rabbench.models.backbone import resolve


@pytest.mark.parametrize("count", [1, 17, 500])
def test_exact_token_counts(tiny_model: Path, count: int) -> None:
    backbone = resolve(str(tiny_model))
    ids = synthetic.token_ids(backbone.tokenizer, count, seed=3, size=0)
    assert len(ids) == count
    assert len(synthetic.token_ids(None, count, seed=3, size=50)) == count
    assert len(synthetic.text(count, seed=3).split()) == count


def test_texts_follow_their_seed_and_zipfs_law() -> None:
    assert synthetic.text(50, seed=1) == synthetic.text(50, seed=1) != synthetic.text(50, seed=2)
    counts = Counter(synthetic.words(20_000, seed=0))
    frequencies = sorted(counts.values(), reverse=True)
    assert frequencies[0] / frequencies[9] == pytest.approx(10, rel=0.25)
    assert len(counts) > 3000
