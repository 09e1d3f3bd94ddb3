"""A results folder with costs and rankings, made once, and a way to tamper with its bundle."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rabbench import quality, report, scaling
from rabbench.bundle import pack
from rabbench.config.options import Options
from rabbench.measures import latency
from rabbench.results import load_results, save_results
from rabbench.types import Results

Change = Callable[[bytes], bytes]
Tamper = Callable[..., Path]


RECOUNTS: dict[str, Results] = {}


@pytest.fixture(autouse=True)
def count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration is recounted once for all tests: it takes a second each time."""
    count = scaling.run

    def count_cached(config: scaling.ScalingConfig) -> Results:
        key = repr(config)
        if key not in RECOUNTS:
            RECOUNTS[key] = count(config)
        return RECOUNTS[key]

    monkeypatch.setattr("rabbench.bundle.costs.scaling.run", count_cached)


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A demonstration's folder: a sweep on the tiny model, BM25 on eight built-in queries."""
    out = tmp_path_factory.mktemp("measured") / "results"
    options = Options(model=str(tiny_model))
    sweep = scaling.ScalingConfig(
        min_doc_len=20,
        max_doc_len=320,
        points=6,
        query_len=5,
        systems=("teacher", "rabtriever"),
        measures=("flops", "index-size", "latency"),
        max_rounds=3,
        min_time_s=0.0,
        options=options,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latency, "SAMPLE_S", 0.0)  # one call a sample: no test reads how long it took
        costs = scaling.run(sweep)
    evaluation = quality.QualityConfig(
        suite="demo", systems=("bm25",), metrics=("mrr", "ndcg@10"), max_queries=8, options=options
    )
    ranked = quality.run(evaluation, out=out)
    results = replace(
        ranked,
        command="demo",
        config={"scaling": costs.config, "quality": ranked.config},
        rows=(*costs.rows, *ranked.rows),
    )
    save_results(results, out)
    report.write(load_results(out), out)
    return out


@pytest.fixture(scope="session")
def packed(measured: Path) -> Path:
    """Its bundle."""
    return pack.write(measured).path


@pytest.fixture
def folder(measured: Path, tmp_path: Path) -> Path:
    """A copy of the folder that a test may change."""
    return Path(shutil.copytree(measured, tmp_path / "results"))


@pytest.fixture
def tampered(packed: Path, tmp_path: Path) -> Tamper:
    """The bundle with one file changed; ``rehash`` lets its hash in the manifest follow."""

    def make(name: str, change: Change, *, rehash: bool = True) -> Path:
        with zipfile.ZipFile(packed) as archive:
            contents = {entry: archive.read(entry) for entry in archive.namelist()}
        before = contents[name]
        contents[name] = change(before)
        assert contents[name] != before, "the change changed nothing"
        if rehash:
            manifest = json.loads(contents["manifest.json"])
            manifest["files"][name] = hashlib.sha256(contents[name]).hexdigest()
            contents["manifest.json"] = json.dumps(manifest).encode()
        out = tmp_path / "tampered.zip"
        with zipfile.ZipFile(out, "w") as archive:
            for entry, content in contents.items():
                archive.writestr(entry, content)
        return out

    return make
