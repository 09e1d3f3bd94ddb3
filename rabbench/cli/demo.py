"""The demonstration: a short sweep and a short evaluation on the built-in data, in one report.

Sizes are chosen for under three minutes on two CPU cores with SmolLM2-135M.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rabbench import quality, scaling
from rabbench.config.options import Options
from rabbench.results import save_results
from rabbench.types import Progress, Results, no_progress


def run(options: Options, *, out: Path, progress: Progress = no_progress) -> Results:
    """Sweep FLOPs and times to 512 tokens, rank a sample of queries, keep both in one file.

    The rerankers' candidates are the dense retriever's, since no right document shares a word
    with its query.
    """
    sweep = scaling.ScalingConfig(
        min_doc_len=48,
        max_doc_len=512,
        points=6,
        measures=("flops", "index-size", "latency"),
        min_time_s=0.3,
        max_rounds=10,
        options=options,
    )
    costs = scaling.run(sweep, progress=progress)
    ranking = quality.QualityConfig(
        suite="demo",
        datasets=("test",),
        max_queries=16,
        options=replace(options, first_stage="dense", depth=20),
    )
    ranked = quality.run(ranking, out=out, progress=progress)
    results = replace(
        ranked,
        command="demo",
        config={"scaling": costs.config, "quality": ranked.config},
        rows=(*costs.rows, *ranked.rows),
    )
    save_results(results, out)
    return results
