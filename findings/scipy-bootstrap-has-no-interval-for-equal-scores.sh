#!/usr/bin/env bash
# scipy 1.17.1's bootstrap, by its default method (BCa), gives the bounds NaN and NaN for a sample of
# equal values, with a warning. The percentile method gives the value itself. A metric that is the same
# for each query (Success@10 of an easy set, a constant system) so loses its interval.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" -W ignore - <<'PY'
import numpy as np
from scipy.stats import bootstrap

success = (np.ones(20),)
bounds = {
    method: bootstrap(success, np.mean, n_resamples=200, rng=0, **options).confidence_interval
    for method, options in (("default", {}), ("percentile", {"method": "percentile"}))
}
for method, interval in bounds.items():
    print(f"{method}: {interval.low} to {interval.high}")
assert np.isnan(bounds["default"]).all(), bounds
assert tuple(bounds["percentile"]) == (1.0, 1.0), bounds
PY
