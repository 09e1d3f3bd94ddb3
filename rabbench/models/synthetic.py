"""Documents and queries of an exact length, for measuring cost; deterministic in their seed.

Knows words and lengths only. The words are made up from syllables and drawn by Zipf's law, so that
an inverted index meets a realistic share of rare and frequent terms.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

ONSETS = ["b", "br", "d", "dr", "f", "g", "k", "kl", "l", "m", "n", "p", "r", "s", "st", "t", "v"]
VOWELS = ["a", "e", "i", "o", "u"]
VOCABULARY = 20_000


@lru_cache(maxsize=1)
def vocabulary() -> list[str]:
    """20,000 distinct made-up words of three syllables, in order of frequency."""
    syllables = [onset + vowel for onset in ONSETS for vowel in VOWELS]
    generator = np.random.default_rng(0)
    n = len(syllables)
    numbers = generator.choice(n**3, size=VOCABULARY, replace=False)
    return [syllables[i // n // n] + syllables[i // n % n] + syllables[i % n] for i in numbers]


def words(count: int, *, seed: int) -> list[str]:
    """``count`` words drawn by Zipf's law (rank r with weight 1/r)."""
    weights = 1.0 / np.arange(1, VOCABULARY + 1)
    ranks = np.random.default_rng(seed).choice(VOCABULARY, size=count, p=weights / weights.sum())
    by_rank = vocabulary()
    return [by_rank[rank] for rank in ranks]


def text(count: int, *, seed: int) -> str:
    """A text of exactly ``count`` words."""
    return " ".join(words(count, seed=seed))


def token_ids(tokenizer: object | None, count: int, *, seed: int, size: int) -> list[int]:
    """Exactly ``count`` token ids of such a text; without a tokenizer random ids below ``size``."""
    if tokenizer is None:
        return list(map(int, np.random.default_rng(seed).integers(0, size, size=count)))
    # Every word is at least one token, so as many words are enough.
    encoded = tokenizer(  # type: ignore[operator]
        text(count, seed=seed), add_special_tokens=False, truncation=True, max_length=count
    )
    return list(encoded.input_ids)
