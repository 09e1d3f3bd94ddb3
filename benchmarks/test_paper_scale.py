"""The paper's scale without its hardware: a 7B shape to 131,072 tokens, all systems, on ``meta``.

The aim is under 15 s and 1.5 GB on two idle cores. The command runs once, in a process of its own;
its time is a ratio to counting every layer of every forward in the same process, so that a busy
machine changes both sides.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from rabbench.models.catalog import DENSE
from rabbench.models.locate import package_path

LONG = ("teacher", "teacher-cached", "rabtriever", "rabtriever-chunked")
SYSTEMS = ("bm25", "dense", *LONG) if package_path(*DENSE.values()) else ("bm25", *LONG)
POINTS = 12
CHILD = """
import json, sys, time
from pathlib import Path
from rabbench import cli

start = time.perf_counter()
code = cli.main(sys.argv[1:])
taken_s = time.perf_counter() - start
# Not ru_maxrss: it starts at the parent's peak when a process is spawned.
status = Path("/proc/self/status")
lines = status.read_text().splitlines() if status.exists() else []
peak = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")]

from rabbench.measures import flops
from rabbench.models.backbone import resolve
from rabbench.models.meta import trace_body

body = resolve("qwen2-7b").meta_model.base_model
start = time.perf_counter()
flops.count(*trace_body(body, [(1, 131072)], lambda state: state))
all_layers_s = time.perf_counter() - start
print(json.dumps([code, taken_s, all_layers_s, peak[0] if peak else None]))
"""


@dataclass(frozen=True)
class Sweep:
    """What the command said and used."""

    code: int
    taken_s: float
    all_layers_s: float
    peak_bytes: int | None
    rows: list[dict[str, Any]]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """The command in a process of its own; no weights are loaded."""
    out = tmp_path_factory.mktemp("paper-scale")
    arguments = [
        "scaling", "--model", "qwen2-7b", "--measures", "flops", "--points", str(POINTS),
        "--max-doc-len", "131072", "--systems", ",".join(SYSTEMS), "--device", "cpu",
        "--out", str(out), "--quiet",
    ]  # fmt: skip
    command = [sys.executable, "-c", CHILD, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - own words
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout.splitlines()[-1])
    rows = json.loads((out / "results.json").read_text())["rows"]
    return Sweep(*measured, rows)


def test_every_count_at_every_length_agrees_to_the_digit(sweep: Sweep) -> None:
    assert sweep.code == 0
    dense = [row for row in sweep.rows if row["params"].get("pairs") == "dense"]
    phases = {(row["system"], row["phase"]) for row in dense}
    assert {system for system, _ in phases} == set(SYSTEMS) - {"bm25"}
    assert len(phases) == 3 * ("dense" in SYSTEMS) + 1 + 2 + 3 + 3
    assert len(dense) == POINTS * len(phases)
    for row in dense:
        params = row["params"]
        assert row["status"] == "ok"
        assert params["closed_form"] == params["torch"] == params["fvcore"], row
    assert max(row["params"]["doc_len"] for row in dense) == 131_072


def test_one_layer_was_run_where_it_had_earned_it(sweep: Sweep) -> None:
    run = [
        row["params"]["layers_run"]
        for row in sweep.rows
        if row["system"] == "teacher" and row["params"].get("pairs") == "dense"
    ]
    assert run == ["all"] + ["1 of 28"] * (POINTS - 1)


def test_the_quadratic_term_is_there(sweep: Sweep) -> None:
    """The second difference of the teacher's count is 4·h·e for each layer and token²."""
    counts = {
        row["params"]["doc_len"]: row["value"]
        for row in sweep.rows
        if row["system"] == "teacher" and row["params"].get("pairs") == "dense"
    }
    (a, fa), (b, fb), (c, fc) = [*counts.items()][:2] + [*counts.items()][-1:]
    slope, later = (fb - fa) / (b - a), (fc - fb) / (c - b)
    assert (later - slope) / (c - a) == pytest.approx(28 * 4 * 28 * 128, rel=1e-9)


def test_it_fits_in_a_laptop(sweep: Sweep) -> None:
    if sweep.peak_bytes is None:
        pytest.skip("peak memory is read from /proc, which this system does not have")
    assert sweep.peak_bytes < 1.5e9


def test_it_is_quick_beside_counting_every_layer(sweep: Sweep) -> None:
    """61 forwards through the 28 layers; the whole command takes less than a third of them."""
    assert sweep.taken_s < 61 * sweep.all_layers_s / 3
