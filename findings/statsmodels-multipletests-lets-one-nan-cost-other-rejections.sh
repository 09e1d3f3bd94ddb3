#!/usr/bin/env bash
# A paired t test of two systems with equal values gives p = NaN in scipy 1.17.1, and statsmodels
# 0.15.0 takes it into a family. Of 0.01 and 0.04 Holm and Benjamini-Hochberg reject both; with the
# NaN among them, only the first. Benjamini-Hochberg's corrected values are then all NaN. A student
# that equals its baseline on every query hides the gain of another student.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 statsmodels==0.15.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import numpy as np
from scipy.stats import ttest_rel
from statsmodels.stats.multitest import multipletests

reciprocal_ranks = np.array([1.0, 0.5, 1.0, 0.25])
equal = ttest_rel(reciprocal_ranks, reciprocal_ranks).pvalue
assert np.isnan(equal)
for method in ("holm", "fdr_bh"):
    without = multipletests([0.01, 0.04], method=method)
    with_nan = multipletests([0.01, equal, 0.04], method=method)
    print(method, without[0], without[1], "with a NaN:", with_nan[0], with_nan[1])
    assert without[0].tolist() == [True, True]
    assert with_nan[0].tolist() == [True, False, False]
assert np.isnan(with_nan[1]).all(), with_nan[1]
PY
