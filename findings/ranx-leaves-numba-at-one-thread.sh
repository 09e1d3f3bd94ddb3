#!/usr/bin/env bash
# ranx 0.3.21 sets numba to one thread when it evaluates fewer than ten queries and does not set it
# back. All numba code of the process stays serial after that. A smoke test before a large evaluation,
# or before a timing, changes what follows; only threads=2 in a later call sets two.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ranx==0.3.21
"$folder/venv/bin/python" -W ignore - <<'PY'
import os

os.environ["NUMBA_NUM_THREADS"] = "2"
import numba
from ranx import Qrels, Run, evaluate


def count_threads_after(queries, **options):
    ids = [f"q{number}" for number in range(queries)]
    qrels = Qrels({query_id: {"a": 1} for query_id in ids})
    evaluate(qrels, Run({query_id: {"a": 1.0} for query_id in ids}), "mrr", **options)
    return numba.get_num_threads()


threads = [numba.get_num_threads(), count_threads_after(20), count_threads_after(2)]
threads += [count_threads_after(20), count_threads_after(20, threads=2)]
print("at first, after 20 queries, 2, 20 again, 20 with threads=2:", threads)
assert threads == [2, 2, 1, 1, 2], threads
PY
