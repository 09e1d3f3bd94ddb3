"""pytest-benchmark's JSON as rows: latency from its samples, FLOPs from what was written beside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rabbench import check
from rabbench.types import BadInputError


def _document(scale: float = 1.0, flops: float = 4096.0) -> dict[str, Any]:
    benchmarks = []
    for phase, seconds in (("score", 0.02), ("index", 0.01)):
        for length in (64, 128, 256, 512, 1024, 2048):
            times = [seconds * scale * (1 + i / 1000) for i in range(5)]
            benchmarks.append(
                {
                    "name": f"test_phase[{phase}-{length}]",
                    "extra_info": {
                        "system": "teacher" if phase == "score" else "rabtriever",
                        "phase": phase,
                        "units": 2,
                        "flops": flops * length,
                        "doc_len": length,
                        "query_len": 32,
                    },
                    "stats": {"data": times, "median": times[2]},
                }
            )
    benchmarks.append({"name": "test_help", "extra_info": {}, "stats": {"data": [1], "median": 1}})
    return {
        "machine_info": {"node": "host", "cpu": {"brand_raw": "cpu"}},
        "datetime": "2026-01-01T00:00:00",
        "benchmarks": benchmarks,
    }


def _write(path: Path, document: dict[str, Any]) -> Path:
    path.write_text(json.dumps(document))
    return path


def test_it_is_compared_like_any_run(tmp_path: Path) -> None:
    results = check.load_run(_write(tmp_path / "a.json", _document()))
    row = next(row for row in results.rows if row.measure == "latency")
    assert row.value == pytest.approx(0.01, rel=0.01)  # of one unit of two
    assert row.params == {"doc_len": 64, "query_len": 32}
    assert len(results.rows) == 24
    same = check.load_run(_write(tmp_path / "b.json", _document(scale=3.0)))
    assert check.compare_runs([results], [same]).status == "pass"
    recounted = check.load_run(_write(tmp_path / "c.json", _document(flops=4097.0)))
    assert check.compare_runs([results], [recounted]).status == "regression"
    assert check.compare_runs([results], [same, same], absolute=True).status == "regression"


def test_a_damaged_one_is_refused(tmp_path: Path) -> None:
    document = _document()
    del document["benchmarks"][0]["stats"]
    with pytest.raises(BadInputError, match=r"is damaged: KeyError: 'stats'; write it again with"):
        check.load_run(_write(tmp_path / "a.json", document))
