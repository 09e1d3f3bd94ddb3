"""The quality run: every system on every data set, as rows of a results file.

Runs one system after another on one data set after another and saves each system's rows at once.
An interrupted run resumes: rows are reused while their identity (a hash of everything that a score
depends on) is still that of the request. Knows no system and no suite by name; formats and prints
nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rabbench import environment, registry, trec
from rabbench.config.quality import QualityConfig
from rabbench.quality import doc_lengths, metrics
from rabbench.quality.datasets import SuiteHandle, build_card, open_suite, sample_queries
from rabbench.quality.job import CACHE_FOLDER, Job, qrels_name
from rabbench.quality.step_progress import StepProgress
from rabbench.results import ResultsStore
from rabbench.types import (
    Progress,
    Results,
    Suite,
    UsageError,
    no_progress,
    unknown_name_error,
)


def run(
    config: QualityConfig,
    *,
    out: Path | None = None,
    resume: bool = False,
    progress: Progress = no_progress,
) -> Results:
    """Evaluate and return the results; with ``out`` each system is on disk when it is done.

    A system that fails on a data set leaves rows with a status and the message, and the run goes
    on. Rows hold the mean as value and each query's score as samples.

    Args:
        config: the evaluation.
        out: the results folder; None holds the rows in memory.
        resume: reuse rows in ``out`` of the same identity (data, options, release, content of the
            models' files), and cached scores of a system that was interrupted.
        progress: called with the data set and the system at work.

    Raises:
        UsageError: for an unknown suite, data set, system or metric.
        MissingError: if a data set, model or device is not there.
        BadInputError: if a data set is damaged or empty.
    """
    device = environment.device(config.options.device)
    config = replace(config, options=replace(config.options, device=device))
    if config.max_queries is not None and config.max_queries < 1:
        raise UsageError(f"--max-queries {config.max_queries}: at least 1 query is needed")
    handle = open_suite(config.suite)
    measures = {
        name: list(dict.fromkeys(map(metrics.normalise, config.metrics or handle.metrics(name))))
        for name in handle.dataset_names(config.datasets)
    }
    modules = {name: registry.load("systems", name) for name in config.systems}
    if config.baseline is not None and config.baseline not in modules:
        raise unknown_name_error(
            "--baseline, which is not among --systems:", config.baseline, modules
        )
    empty = Results(command="quality", config=asdict(config), environment=environment.describe())
    store = ResultsStore(out, empty, resume=resume)
    if out is not None and not resume:
        shutil.rmtree(out / CACHE_FOLDER, ignore_errors=True)
    steps = StepProgress(progress, len(measures) * len(modules))
    for i, dataset in enumerate(measures):
        suite = handle.load(dataset)
        if config.max_queries is not None:
            suite = sample_queries(suite, config.max_queries, config.options.seed)
        card = _card(config, handle, dataset, suite)
        store.add_suite(card)
        if out is not None:
            trec.write_qrels(out / qrels_name(dataset), suite.qrels)
        jobs = [
            Job(
                dataset=dataset,
                suite=suite,
                card=card,
                name=name,
                module=module,
                measures=measures[dataset],
                options=config.options,
                out=out,
                progress=steps.advance,
            )
            for name, module in modules.items()
        ]
        _run_jobs(jobs, store, steps, first=i * len(modules))
    steps.end()
    return store.results


def _run_jobs(jobs: Sequence[Job], store: ResultsStore, steps: StepProgress, *, first: int) -> None:
    """Run the jobs whose rows are not in the store, in order; ``steps`` learns all work first."""
    complete = {i for i, job in enumerate(jobs) if job.is_complete(store.rows)}
    for i, job in enumerate(jobs):
        steps.expect(first + i, *((0.0, 0.0) if i in complete else job.expected_work))
    for i, job in enumerate(jobs):
        steps.begin(first + i, f"{job.dataset}: {job.name}")
        if i not in complete:
            store.drop(job.owns)
            store.add(*job.rows())


def _card(config: QualityConfig, handle: SuiteHandle, dataset: str, suite: Suite) -> dict[str, Any]:
    """The data set's card, with the sampled queries and the lengths by which quality is split."""
    card = build_card(dataset, suite, handle)
    card["relevant_words"] = doc_lengths.relevant_words(suite)
    if config.max_queries is not None:
        card["sampled"] = {"seed": config.options.seed, "query_ids": list(suite.queries)}
    return card
