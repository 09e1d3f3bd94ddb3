"""The commands: each fills a configuration, calls one job and writes its report; exit codes.

Results go to stdout, messages to stderr. Only this module and ``progress`` print. Nothing heavy
is imported before a command needs it.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rabbench.cli.configs import (
    comparison_folder,
    configure,
    data_sizes,
    scaling_config,
    typed_fields,
)
from rabbench.cli.parser import build_parser
from rabbench.cli.progress import show_progress
from rabbench.config import CONFIGS
from rabbench.config.check import CheckConfig
from rabbench.config.quality import DemoConfig, QualityConfig
from rabbench.config.scaling import Load
from rabbench.types import MissingError, RabbenchError

if TYPE_CHECKING:
    from rabbench.types import Results

DONE, PARTLY, INTERRUPTED = 0, 5, 130
FAILED = {"oom", "timeout", "error"}
COLLECT_AFTER = 100_000  # new objects; after Python's own 700 it costs a tenth of a short run


def _scaling(arguments: argparse.Namespace) -> int:
    from rabbench import scaling

    return _measure(scaling.run, scaling_config(arguments), arguments, sweep=True)


def _quality(arguments: argparse.Namespace) -> int:
    from rabbench import quality

    return _measure(quality.run, configure(QualityConfig, arguments), arguments)


def _measure(job: Any, config: Any, arguments: argparse.Namespace, *, sweep: bool = False) -> int:
    """Predict if told to, run, and save prediction and measurements in one file."""
    from rabbench import plan
    from rabbench.results import save_results

    budget = plan.parse_budget(arguments.budget) if arguments.budget else None
    with show_progress(arguments.quiet) as progress:
        predicted = None
        if budget is not None or arguments.predict:
            # Afresh for a comparison: an earlier calibration may have met a busy machine.
            afresh = arguments.predict
            calibration = plan.calibrate(config, recalibrate=afresh, progress=progress)
            predicted = plan.predict(config, calibration, reference_layers=sweep and afresh)
            if budget is not None:
                plan.check_budget(predicted, budget)
        settings = {"out": arguments.out, "resume": arguments.resume, "progress": progress}
        if sweep and arguments.predict:
            from rabbench.plan.sweep import reference_layers

            settings["reference_layers"] = reference_layers(calibration)
        start = time.monotonic()
        results = job(config, **settings)
        if predicted is not None:
            from rabbench.plan.rows import add_plan_rows

            wall_s = None if arguments.resume else time.monotonic() - start
            results = add_plan_rows(predicted, results, calibration, wall_s=wall_s)
            save_results(results, arguments.out)
    return _finish(results, arguments)


def _train(arguments: argparse.Namespace) -> int:
    from importlib import import_module

    config: Any = configure(CONFIGS[f"train {arguments.kind}"], arguments)
    job: Any = import_module(f"rabbench.train.{arguments.kind}")
    devices = import_module("rabbench.train.devices")
    with (
        devices.process_group(config.options.device) as first,
        show_progress(arguments.quiet or not first) as progress,
    ):
        results = job.run(config, out=arguments.out, resume=arguments.resume, progress=progress)
    return _finish(results, arguments) if first else DONE


def _plan(arguments: argparse.Namespace) -> int:
    from rabbench import plan

    sweep = arguments.planned == "scaling"
    config = scaling_config(arguments) if sweep else configure(QualityConfig, arguments)
    budget = plan.parse_budget(arguments.budget) if arguments.budget else None
    with show_progress(arguments.quiet) as progress:
        sizes, afresh = data_sizes(arguments), arguments.recalibrate
        calibration = plan.calibrate(config, recalibrate=afresh, sizes=sizes, progress=progress)
        predicted = plan.predict(config, calibration, sizes=sizes)
    _print_result(arguments, predicted.to_json(), plan.render_plan(predicted))
    if budget is not None:
        plan.check_budget(predicted, budget)
    return DONE


def _demo(arguments: argparse.Namespace) -> int:
    from rabbench.cli import demo

    options = configure(DemoConfig, arguments).options
    with show_progress(arguments.quiet) as progress:
        results = demo.run(options, out=arguments.out, progress=progress)
    return _finish(results, arguments)


def _finish(results: Results, arguments: argparse.Namespace) -> int:
    """Write the report, print the verdict or the JSON, and warn of points that failed."""
    from rabbench import report
    from rabbench.results import results_to_json

    files = report.write(results, arguments.out)
    tables = [line for table in files.tables for line in ("", *table)]
    lines = (*files.verdict, *tables, "", *map(str, files.paths))
    _print_result(arguments, results_to_json(results), lines)
    failed = [row for row in results.rows if row.status in FAILED]
    for row in failed:
        shape = (f"{key} {row.params[key]}" for key in ("doc_len", "dataset") if key in row.params)
        where = f"{row.system} {row.phase} {row.measure} ({', '.join(shape)})"
        _warn(f"{where}: {row.status}: {row.params.get('message', '')}")
    return PARTLY if failed else DONE


def _report(arguments: argparse.Namespace) -> int:
    from rabbench import report
    from rabbench.results import load_results

    load, (folder, *_) = typed_fields(Load, arguments), arguments.folders
    comparison_out = comparison_folder(arguments, load)
    if arguments.export:
        _print(report.export(arguments.export, arguments.folders))
    elif comparison_out is not None:
        verdict, paths = report.write_comparison(arguments.folders, comparison_out)
        _print(*verdict, "", *map(str, paths))
    else:
        results = report.with_load(load_results(folder), load)
        _print(*map(str, report.write(results, arguments.out or folder).paths))
    return DONE


def _bundle(arguments: argparse.Namespace) -> int:
    from rabbench.bundle import pack

    bundle = pack.write(arguments.folder, arguments.out, qrels=arguments.qrels)
    _print_result(arguments, bundle.to_json(), bundle.text_lines())
    return DONE


def _verify(arguments: argparse.Namespace) -> int:
    from rabbench.bundle import verify, verify_result

    results = verify.run(arguments.path, data=not arguments.no_data)
    _print_result(arguments, verify_result.to_json(results), verify_result.text_lines(results))
    return verify_result.exit_code(results)


def _check(arguments: argparse.Namespace) -> int:
    from rabbench.check import github, text
    from rabbench.check import job as check

    config = configure(CheckConfig, arguments)
    with show_progress(arguments.quiet) as progress:
        verdict = check.run(config, progress=progress)
    if verdict is not None:
        _print_result(arguments, verdict.to_json(), text.render_verdict(verdict))
    if verdict is None or config.update:
        _warn(f"written: {config.baseline[0]}")
        return DONE
    for line in github.annotated(verdict, config.baseline[0]) if config.summary else ():
        _warn(line)
    return verdict.exit_code


def _list(arguments: argparse.Namespace) -> int:
    from rabbench import registry
    from rabbench.models import catalog

    names = catalog.names() if arguments.kind == "models" else registry.names(arguments.kind)
    _print(*[json.dumps(names)] if arguments.json else names)
    return DONE


def _doctor(arguments: argparse.Namespace) -> int:
    from rabbench.cli import doctor

    needs = doctor.examine()
    _print_result(arguments, [need.to_json() for need in needs], map(str, needs))
    return DONE if all(need.ok for need in needs) else MissingError.exit_code


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "scaling": _scaling,
    "quality": _quality,
    "demo": _demo,
    "plan": _plan,
    "train": _train,
    "report": _report,
    "bundle": _bundle,
    "verify": _verify,
    "check": _check,
    "list": _list,
    "doctor": _doctor,
}


def _print(*lines: str) -> None:
    for line in lines:
        print(line)  # noqa: T201 - data goes to stdout


def _print_result(arguments: argparse.Namespace, result: Any, lines: Iterable[str]) -> None:
    """Print a result as JSON with ``--json``, as lines for a reader without."""
    _print(*[json.dumps(result, indent=1, default=list)] if arguments.json else lines)


def _warn(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201 - messages go to stderr


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = build_parser().parse_args(argv)
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)  # libraries that lower their own loggers stay quiet too
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler])
    threshold = gc.get_threshold()
    # Importing the libraries makes much that lives and no cyclic garbage: look for it rarely.
    gc.set_threshold(COLLECT_AFTER, *threshold[1:])
    try:
        return COMMANDS[arguments.command](arguments)
    except RabbenchError as error:
        _warn(f"rabbench {arguments.command}: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        hint = "; --resume continues" if hasattr(arguments, "resume") else ""
        _warn(f"rabbench {arguments.command}: interrupted{hint}")
        return INTERRUPTED
    finally:
        gc.set_threshold(*threshold)
