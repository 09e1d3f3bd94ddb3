"""Permutation tests against scipy, Holm's correction against statsmodels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from rabbench.stats.intervals import Array
from rabbench.stats.permutation import holm, permutation_p_values


def scipy_p_value(differences: Array, permutations: int) -> float:
    result = stats.permutation_test(
        (differences,),
        lambda x, axis: x.mean(axis=axis),
        permutation_type="samples",
        n_resamples=permutations,
        vectorized=True,
        rng=np.random.default_rng(1),
    )
    return float(result.pvalue)


@pytest.mark.parametrize("ps", [[0.04], [0.03, 0.01, 0.02, 0.5], [0.2, 0.2, 0.9, 0.0, 0.001, 1.0]])
def test_holms_correction_is_that_of_statsmodels(ps: list[float]) -> None:
    expected = multipletests(ps, method="holm")[1]
    assert holm(ps).tolist() == pytest.approx(list(expected))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from([-1.0, -0.5, -0.2, 0.0, 0.0, 0.25, 0.5]), min_size=2, max_size=10))
def test_few_differing_queries_are_tested_exactly_as_scipy_does(values: list[float]) -> None:
    differences = np.array(values)
    assume(differences.any())
    ((p, exact),) = permutation_p_values(differences[:, None])
    assert exact
    # scipy flips queries without a difference too, which changes no sum.
    assert p == pytest.approx(scipy_p_value(differences, 2 ** len(values) + 1), abs=1e-12)


def test_many_queries_are_tested_as_scipy_does_up_to_the_draw() -> None:
    rng = np.random.default_rng(0)
    for shift in (0.0, 0.03, 0.08):
        differences = rng.normal(shift, 0.3, size=200)
        ((p, exact),) = permutation_p_values(differences[:, None])
        reference = scipy_p_value(differences, 9999)
        assert not exact
        noise = 4 * math.sqrt(2 * max(reference, 1e-4) / 9999)
        assert p == pytest.approx(reference, abs=noise)
        assert p >= 1 / 10_000


def test_systems_without_a_difference_are_rarely_significant() -> None:
    rng = np.random.default_rng(3)
    false = 0
    for _ in range(200):
        differences = rng.choice([-0.5, 0.0, 0.5], size=12)
        ((p, _),) = permutation_p_values(differences[:, None])
        false += p < 0.05
    assert false <= 20  # 10 expected at most; P(more than 20) is under 0.001
