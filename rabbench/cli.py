"""The command line: argv to a configuration, progress to stderr, results to stdout, exit codes.

The only place that prints, and no place for logic: each command fills a configuration, calls one
job and writes its report. Nothing heavy is imported before a command needs it.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import rabbench
from rabbench.arguments import parser
from rabbench.records import Options, RabbenchError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rabbench.plan import Sizes
    from rabbench.quality import QualityConfig
    from rabbench.records import Progress, Results
    from rabbench.scaling import ScalingConfig

DONE, PARTLY, INTERRUPTED = 0, 5, 130
FAILED = {"oom", "timeout", "error"}
PLAIN_PROGRESS_S = 10.0  # without a terminal, a line this often


def _options(arguments: argparse.Namespace) -> Options:
    """The options of a system; ``auto`` becomes what this machine has."""
    from rabbench import environment

    device = environment.device(arguments.device)
    dtype = arguments.dtype
    if dtype == "auto":
        dtype = "bfloat16" if device == "cuda" else "float32"
    given = {
        name: value
        for name, value in vars(arguments).items()
        if name in {"model", "dense_model", "seed", "depth", "first_stage", "batch"}
    }
    return Options(
        **given,
        device=device,
        dtype=dtype,
        max_doc_len=getattr(arguments, "max_doc_tokens", 512),
        extrapolate=getattr(arguments, "extrapolate_positions", False),
    )


@contextmanager
def _progress(quiet: bool) -> Iterator[Progress]:
    """One live line on a terminal, a line now and then elsewhere, always on stderr."""
    from rabbench.records import silent

    if quiet:
        yield silent
    elif sys.stderr.isatty():
        from rich.console import Console

        with Console(stderr=True).status("starting") as status:
            yield lambda what, done, total: status.update(f"{what} ({done}/{total})")
    else:
        last = time.monotonic()

        def line(what: str, done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last >= PLAIN_PROGRESS_S:
                last = time.monotonic()
                print(f"{what} ({done}/{total})", file=sys.stderr, flush=True)  # noqa: T201

        yield line


def _sweep(arguments: argparse.Namespace) -> ScalingConfig:
    from rabbench import scaling

    return scaling.ScalingConfig(
        max_doc_len=arguments.max_doc_len,
        min_doc_len=min(arguments.min_doc_len, arguments.max_doc_len),
        points=arguments.points,
        query_len=arguments.query_len,
        systems=arguments.systems or scaling.SYSTEMS,
        measures=arguments.measures or scaling.MEASURES,
        attention=arguments.attention,
        rounds=arguments.rounds,
        timeout_s=arguments.timeout,
        memory_limit=arguments.memory_limit,
        options=_options(arguments),
    )


def _evaluation(arguments: argparse.Namespace) -> QualityConfig:
    from rabbench import quality, scaling

    return quality.QualityConfig(
        suite=arguments.suite,
        datasets=arguments.datasets or (),
        systems=arguments.systems or scaling.SYSTEMS,
        metrics=arguments.metrics or (),
        max_queries=arguments.max_queries,
        options=_options(arguments),
    )


def _scaling(arguments: argparse.Namespace) -> int:
    from rabbench import scaling

    return _measured(scaling.run, _sweep(arguments), arguments)


def _quality(arguments: argparse.Namespace) -> int:
    from rabbench import quality

    return _measured(quality.run, _evaluation(arguments), arguments)


def _measured(job: Any, config: Any, arguments: argparse.Namespace) -> int:
    """Predict where that is asked for, run, and keep the prediction beside the measurements."""
    from rabbench import plan, store

    budget = plan.parse_budget(arguments.budget) if arguments.budget else None
    with _progress(arguments.quiet) as progress:
        predicted = None
        if budget is not None or arguments.predict:
            # Afresh for a comparison: an earlier calibration may have met a busy machine.
            again = arguments.predict
            calibration = plan.calibrate(config, recalibrate=again, progress=progress)
            predicted = plan.predict(config, calibration)
            if budget is not None:
                plan.check_budget(predicted, budget)
        results = job(config, out=arguments.out, resume=arguments.resume, progress=progress)
        if predicted is not None:
            from rabbench.plan.rows import beside

            rows = (*results.rows, *beside(predicted, results, calibration))
            results = replace(results, rows=rows)
            store.save(results, arguments.out)
    return _finish(results, arguments)


def _sizes(arguments: argparse.Namespace) -> Sizes | None:
    """The data set's sizes, where they are given: all of them or none."""
    names = {"n_docs": "docs", "n_queries": "queries"}
    names |= {"doc_tokens": "doc_tokens", "query_tokens": "query_tokens"}
    given: dict[str, Any] = {field: getattr(arguments, name, None) for field, name in names.items()}
    if all(value is None for value in given.values()):
        return None
    if None in given.values():
        raise UsageError("give all of --docs, --queries, --doc-tokens and --query-tokens, or none")
    from rabbench.plan import Sizes

    return Sizes(**given)


def _plan(arguments: argparse.Namespace) -> int:
    from rabbench import plan

    config: Any = {"scaling": _sweep, "quality": _evaluation}[arguments.planned](arguments)
    budget = plan.parse_budget(arguments.budget) if arguments.budget else None
    with _progress(arguments.quiet) as progress:
        again = arguments.recalibrate
        sizes = _sizes(arguments)
        calibration = plan.calibrate(config, recalibrate=again, sizes=sizes, progress=progress)
        predicted = plan.predict(config, calibration, sizes=sizes)
    if arguments.json:
        _say(json.dumps(predicted.to_json(), indent=1, default=list))
    else:
        _say(*plan.told(predicted))
    if budget is not None:
        plan.check_budget(predicted, budget)
    return DONE


def _demo(arguments: argparse.Namespace) -> int:
    from rabbench import demo

    with _progress(arguments.quiet) as progress:
        results = demo.run(_options(arguments), out=arguments.out, progress=progress)
    return _finish(results, arguments)


def _finish(results: Results, arguments: argparse.Namespace) -> int:
    """Write the report, print the verdict or the JSON, and say how it went."""
    from rabbench import report, store

    written = report.write(results, arguments.out)
    if arguments.json:
        _say(json.dumps(store.to_json(results), indent=1))
    else:
        _say(*written.verdict, "", *map(str, written.paths))
    failed = [row for row in results.rows if row.status in FAILED]
    for row in failed:
        where = ", ".join(
            f"{key} {row.params[key]}" for key in ("doc_len", "dataset") if key in row.params
        )
        reason = row.params.get("message", "")
        _warn(f"{row.system} {row.phase} {row.measure} ({where}): {row.status}: {reason}")
    return PARTLY if failed else DONE


def _report(arguments: argparse.Namespace) -> int:
    from rabbench import report, store

    for folder in arguments.folders:
        if arguments.csv:
            _say(rabbench.frame(store.load(folder)).to_csv(index=False).rstrip())
            continue
        for path in report.write(store.load(folder), folder).paths:
            _say(str(path))
    return DONE


def _list(arguments: argparse.Namespace) -> int:
    from rabbench import plugins

    if arguments.kind == "models":
        from rabbench.models import catalog

        found = catalog.names()
    else:
        found = plugins.names(arguments.kind)
    _say(json.dumps(found)) if arguments.json else _say(*found)
    return DONE


def _doctor(arguments: argparse.Namespace) -> int:
    from rabbench import doctor

    checks = doctor.examine()
    if arguments.json:
        _say(json.dumps([check.__dict__ for check in checks], indent=1))
    else:
        _say(
            *(
                f"{'ok     ' if check.ok else 'missing'}  {check.what}: {check.found}"
                for check in checks
            )
        )
    return DONE if all(check.ok for check in checks) else 3


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "scaling": _scaling,
    "quality": _quality,
    "demo": _demo,
    "plan": _plan,
    "report": _report,
    "list": _list,
    "doctor": _doctor,
}


def _say(*lines: str) -> None:
    for line in lines:
        print(line)  # noqa: T201 - data goes to stdout


def _warn(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = parser().parse_args(argv)
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)  # libraries that lower their own loggers stay quiet too
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler])
    try:
        return COMMANDS[arguments.command](arguments)
    except RabbenchError as error:
        _warn(f"rabbench {arguments.command}: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        hint = "; --resume continues" if hasattr(arguments, "resume") else ""
        _warn(f"rabbench {arguments.command}: interrupted{hint}")
        return INTERRUPTED
