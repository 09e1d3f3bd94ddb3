"""Results that look like a real sweep and evaluation, made from the shapes in science.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rabbench.types import Measurement, Results

LENGTHS = (128, 210, 345, 566, 929, 1524, 2501, 4096)
# SmolLM2-135M: layers, width, heads × size, key/value heads × size, feed-forward, vocabulary
N, D, HE, GE, F, V = 30, 576, 576, 192, 1536, 49152
INNER, QUERY, PROMPT, WINDOW = 1024, 32, 24, 256
LINEAR = 2 * (2 * D * HE + 2 * D * GE + 3 * D * F)


def body(tokens: int, pairs: str) -> int:
    """FLOPs of the layers alone: F(L) = n·(c·L + 4·h·e·pairs(L))."""
    counted = tokens**2 if pairs == "dense" else tokens * (tokens + 1) // 2
    return N * (LINEAR * tokens + 4 * HE * counted)


def flops(system: str, phase: str, length: int, pairs: str) -> int:
    """FLOPs of one phase at one document length."""
    if system == "teacher":
        return body(length + QUERY + PROMPT, pairs) + 2 * D * V
    if system == "teacher-cached":
        document, suffix = length + 8, QUERY + PROMPT - 8
        over = body(document + suffix, pairs) - body(document, pairs)
        return body(document, pairs) if phase == "index" else over + 2 * D * V
    if system == "rabtriever-chunked" and phase == "index":
        full, rest = divmod(length, WINDOW)
        windows = full * body(WINDOW + 8, pairs) + (body(rest + 8, pairs) if rest else 0)
        return windows + 2 * D * INNER
    if phase == "index":
        return body(length + 8, pairs) + 2 * D * INNER
    if phase == "query":
        return body(QUERY + PROMPT, pairs) + 2 * D * INNER + 2 * D
    return 2 * INNER


def seconds(system: str, phase: str, length: int) -> float:
    """A plausible time of one phase on two cores."""
    if system == "bm25":
        return {"index": 2e-7 * length, "query": 4e-5}[phase]
    if system == "dense":
        return 0.004 + 6e-5 * (QUERY if phase == "query" else min(length, 254))
    if system == "teacher-cached" and phase == "score":
        return 0.04 + 1.1e-5 * length
    if system == "rabtriever-chunked" and phase == "index":
        return 0.02 + 1.05e-3 * length
    if system == "teacher" or phase == "index":
        return 0.02 + 9.6e-4 * length + 2.9e-7 * length**2
    return 0.085 if phase == "query" else 6.1e-5


SYSTEMS: dict[str, tuple[str, ...]] = {
    "bm25": ("index", "query"),
    "dense": ("index", "query"),
    "teacher": ("score",),
    "rabtriever": ("index", "query", "score"),
}


ALL_SYSTEMS = {
    **SYSTEMS,
    "teacher-cached": ("index", "score"),
    "rabtriever-chunked": ("index", "query", "score"),
}


def _params(system: str, length: int) -> dict[str, Any]:
    shape = {"doc_len": length, "query_len": QUERY, "n_docs": 64, "n_queries": 1, "k": 1}
    params: dict[str, Any] = {**shape, "batch": 1, "device": "cpu"}
    if system == "dense":
        params |= {"model": "all-minilm-l6-v2", "tokens_read": min(length, 254)}
    if system.startswith(("teacher", "rabtriever")):
        params |= {"model": "smollm2-135m", "attention": "sdpa", "dtype": "float32"}
    if system.startswith("rabtriever"):
        params["trained"] = False
    return params


def _flop_rows(make: Callable[..., Measurement], system: str, phase: str, length: int) -> list[Any]:
    if system == "bm25":
        return [make("flops", None, "FLOP", status="unsupported", message="runs no tensors")]
    if system == "dense":
        read = QUERY if phase == "query" else min(length, 254)
        count = 6 * (2 * 12 * 384**2 * read + 4 * 384 * read**2)
        return [make("flops", count, "FLOP", pairs="dense", agreement=0.0)]
    found = []
    for pairs in ("dense", "causal"):
        count = flops(system, phase, length, pairs)
        extra = {"torch": count, "fvcore": count, "agreement": 0.0} if pairs == "dense" else {}
        found.append(make("flops", count, "FLOP", pairs=pairs, closed_form=count, **extra))
    return found


def scaling_rows(
    lengths: Sequence[int] = LENGTHS,
    *,
    seed: int = 0,
    systems: Mapping[str, tuple[str, ...]] = SYSTEMS,
) -> list[Measurement]:
    """The rows of a sweep over four systems; latency has 3 % noise."""
    rng = np.random.default_rng(seed)
    rows: list[Measurement] = []
    for length in lengths:
        for system, phases in systems.items():
            for phase in phases:

                def make(
                    measure: str,
                    value: float | None,
                    unit: str,
                    status: str = "ok",
                    samples: Sequence[float] = (),
                    system: str = system,
                    phase: str = phase,
                    length: int = length,
                    **params: Any,
                ) -> Measurement:
                    return Measurement(
                        system=system,
                        phase=phase,
                        measure=measure,
                        value=value,
                        unit=unit,
                        better="lower",
                        status=status,  # type: ignore[arg-type]
                        params={**_params(system, length), **params},
                        samples=samples,
                    )

                rows += _flop_rows(make, system, phase, length)
                drawn = seconds(system, phase, length) * (1 + 0.03 * rng.normal(size=9))
                samples = [float(value) for value in drawn]
                rows.append(make("latency", float(np.median(drawn)), "s", samples=samples))
                heavy = (system, phase) == ("teacher", "score") or (
                    phase == "index" and system in {"teacher-cached", "rabtriever"}
                )
                grown = 2.0**20 * (3 + (0.02 * length if heavy else 0))
                grown *= 1 + 0.01 * rng.normal()
                base = 700 * 2.0**20
                rows.append(make("peak_memory", base + grown, "B", baseline=base))
                rows.append(make("working_memory", grown, "B", baseline=base))
                if phase == "index":
                    cached = 4.0 * 2 * N * GE * (length + 8)
                    kept = {"bm25": 6.0 * length, "dense": 1536.0, "teacher-cached": cached}.get(
                        system, 4.0 * INNER
                    )
                    rows.append(make("index_size", kept, "B"))
    return rows


def full_rows() -> list[Measurement]:
    """All six systems, the teachers with both attentions; eager runs out of memory at the end."""
    rows = scaling_rows(systems=ALL_SYSTEMS)
    for row in scaling_rows(systems={"teacher": ("score",)}, seed=1):
        length = row.params["doc_len"]
        eager = row.with_changes(params={"attention": "eager"})
        if row.measure == "latency":
            slower = [1.1 * float(s) + 2e-8 * length**2 for s in row.samples]
            eager = eager.with_changes(value=float(np.median(slower)), samples=slower)
        if row.measure in {"working_memory", "peak_memory"} and row.value is not None:
            eager = eager.with_changes(value=row.value + 4.0 * 9 * 1.5 * length**2)
        if length == LENGTHS[-1] and row.measure not in {"flops", "index_size"}:
            message = "the child ended with -9"
            eager = eager.with_changes(
                value=None, status="oom", samples=(), params={"message": message}
            )
        rows.append(eager)
    fits = rows[-1].with_changes(
        measure="longest_feasible",
        value=3012,
        unit="token",
        better="higher",
        status="ok",
        params={"fails_at": 3290, "doc_len": 3012},
        samples=(),
    )
    return [*rows, fits]


QUALITY = {"bm25": 0.676, "dense": 0.645, "teacher": 0.702, "rabtriever": 0.01}


def quality_rows(dataset: str = "beir/scifact", *, queries: int = 60) -> list[Measurement]:
    """The rows of an evaluation of the same systems."""
    rng = np.random.default_rng(1)
    rows = []
    for system, mean in QUALITY.items():
        for metric, shift in (("ndcg@10", 0.0), ("recall@100", 0.2), ("mrr@10", -0.03)):
            scores = np.clip(mean + shift + 0.2 * rng.normal(size=queries), 0, 1)
            params = {
                "dataset": dataset,
                "n_docs": 5183,
                "n_queries": queries,
                "depth": 100,
                "k": 100,
                "tied_queries": 0.4 if system == "rabtriever" else 0.0,
                "expected_under_ties": float(scores.mean()) + 0.001,
            }
            if system == "rabtriever":
                params["trained"] = False
            rows.append(
                Measurement(
                    system=system,
                    phase="quality",
                    measure=metric,
                    value=float(scores.mean()),
                    unit="1",
                    better="higher",
                    params=params,
                    samples={f"q{i}": float(score) for i, score in enumerate(scores)},
                )
            )
    return rows


def results(command: str = "scaling", rows: Sequence[Measurement] | None = None) -> Results:
    """A results file's content with cards and provenance."""
    made = {"scaling": scaling_rows, "quality": quality_rows}
    if rows is None:
        demo = command == "demo"
        rows = [*scaling_rows(), *quality_rows("demo")] if demo else made[command]()
    card = {
        "name": "beir/scifact",
        "licence": "CC BY-NC 2.0",
        "source": "https://example.org/scifact",
        "fingerprint": "9f86d081884c7d65",
        "n_docs": 5183,
        "n_queries": 300,
        "doc_words": {"mean": 201.3, "median": 195.0},
    }
    return Results(
        command=command,
        config={"max_doc_len": 4096, "points": 8, "options": {"model": "smollm2-135m"}},
        environment={
            "date": "2026-11-23T03:00:00+00:00",
            "machine": "0123456789ab",
            "cpu": "Example CPU @ 2.5 GHz",
            "cores": 2,
            "memory_bytes": 8 << 30,
            "gpus": [],
            "threads": 2,
            "commit": "d78d442",
            "versions": {"rabbench": "0.1.0", "torch": "2.13.0"},
        },
        suites=[] if command == "scaling" else [card],
        rows=rows,
    )
