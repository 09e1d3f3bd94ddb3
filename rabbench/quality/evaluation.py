"""The quality job: every system on every data set, as rows of a results file.

Runs one system after another on one data set after another and keeps each row as it comes. A run
that was cut off goes on where it was: rows stay whose identity (a hash of all that a score depends
on) is still that of what is asked for. Knows no system and no suite by name; formats and prints
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
from rabbench.quality.job import KEPT, Job
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
        config: what to evaluate.
        out: the results folder; None keeps the rows in memory.
        resume: keep what ``out`` already holds of the same identity: data, options, release,
            and what the models' files contain. Half a system's scores are kept too.
        progress: told which data set and system is at work.

    Raises:
        UsageError: for an unknown suite, data set, system or metric.
        MissingError: if a data set, model or device is not there.
        BadInputError: if a data set is damaged or empty.
    """
    device = environment.device(config.options.device)
    config = replace(config, options=replace(config.options, device=device))
    if config.max_queries is not None and config.max_queries < 1:
        raise UsageError(f"--max-queries {config.max_queries}: at least 1 query is needed")
    found = open_suite(config.suite)
    datasets = found.dataset_names(config.datasets)
    wanted = {name: _metrics(config.metrics or found.metrics(name)) for name in datasets}
    modules = {name: registry.load("systems", name) for name in config.systems}
    if config.baseline is not None and config.baseline not in modules:
        raise unknown_name_error(
            "--baseline, which is not among --systems:", config.baseline, modules
        )
    started = Results(command="quality", config=asdict(config), environment=environment.describe())
    store = ResultsStore(out, started, resume=resume)
    if out is not None and not resume:
        shutil.rmtree(out / KEPT, ignore_errors=True)
    course = StepProgress(progress, len(datasets) * len(modules))
    for i, dataset in enumerate(datasets):
        suite = found.load(dataset)
        if config.max_queries is not None:
            suite = sample_queries(suite, config.max_queries, config.options.seed)
        card = _card(config, found, dataset, suite)
        store.add_suite(card)
        if out is not None:
            folder = out / "runs" / registry.file_name(dataset)
            trec.write_qrels(folder / "qrels.txt.gz", suite.qrels)
        jobs = [
            Job(
                dataset=dataset,
                suite=suite,
                card=card,
                name=name,
                module=module,
                measures=wanted[dataset],
                options=config.options,
                out=out,
                progress=course.within,
            )
            for name, module in modules.items()
        ]
        _work(jobs, store, course, first=i * len(modules))
    course.end()
    return store.results


def _work(jobs: Sequence[Job], store: ResultsStore, course: StepProgress, *, first: int) -> None:
    """Do what is not done, in order; the course is told how much that is."""
    done = {step for step, job in enumerate(jobs) if job.done(store.rows)}
    for step, job in enumerate(jobs):
        course.expect(first + step, *((0.0, 0.0) if step in done else job.expected))
    for step, job in enumerate(jobs):
        course.begin(first + step, f"{job.dataset}: {job.name}")
        if step not in done:
            store.drop(job.owns)
            store.add(*job.rows())


def _metrics(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(map(metrics.normalise, names)))


def _card(config: QualityConfig, found: SuiteHandle, dataset: str, suite: Suite) -> dict[str, Any]:
    """The data set's card, with the queries drawn and the lengths by which quality is split."""
    card = build_card(dataset, suite, found)
    card["relevant_words"] = doc_lengths.relevant_words(suite)
    if config.max_queries is not None:
        card["sampled"] = {"seed": config.options.seed, "query_ids": list(suite.queries)}
    return card
