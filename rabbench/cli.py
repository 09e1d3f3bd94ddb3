"""The command line: argv to a configuration, progress to stderr, results to stdout, exit codes.

The only place that prints, and no place for logic: each command fills a configuration, calls one
job and writes its report. Nothing heavy is imported before a command needs it.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rabbench
from rabbench.records import Options, RabbenchError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rabbench.records import Progress, Results

DONE, PARTLY, INTERRUPTED = 0, 5, 130
FAILED = {"oom", "timeout", "error"}
PLAIN_PROGRESS_S = 10.0  # without a terminal, a line this often


def _listed(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise argparse.ArgumentTypeError("give at least one name, or several with commas")
    return names


def _count(text: str) -> int:
    number = int(text.replace(",", "").replace("_", ""))
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def _bytes(text: str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *([KMGT]i?)?B?", text.strip(), re.IGNORECASE)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write it as 512MiB or 4GB")
    prefix = (found[2] or "").lower()
    base = 1024 if prefix.endswith("i") else 1000
    power = "kmgt".index(prefix[0]) + 1 if prefix else 0
    return int(float(found[1]) * base**power)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rabbench",
        description="Can an LLM reranker be replaced by its distilled student? Measure what each "
        "costs as documents grow, and how well each ranks.",
        epilog="exit codes: 0 done, 1 a gate found a regression, 2 wrong usage, 3 something is "
        "missing, 4 a bad input file, 5 done in part, 130 interrupted",
    )
    parser.add_argument("--version", action="version", version=f"rabbench {rabbench.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_scaling(commands)
    _add_quality(commands)
    demo = commands.add_parser("demo", help="a short sweep and evaluation on built-in data")
    _add_model(demo)
    _add_output(demo, "rabbench-results/demo")
    report = commands.add_parser("report", help="write the report of a results folder again")
    report.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    report.add_argument("--csv", action="store_true", help="print the rows as CSV instead")
    listing = commands.add_parser("list", help="list what is known by name")
    listing.add_argument("kind", choices=["systems", "suites", "measures", "models"])
    listing.add_argument("--json", action="store_true", help="as JSON")
    doctor = commands.add_parser("doctor", help="what this machine has and what is missing")
    doctor.add_argument("--json", action="store_true", help="as JSON")
    return parser


def _add_scaling(commands: Any) -> None:
    scaling = commands.add_parser(
        "scaling", help="cost against document length: FLOPs, latency, memory, fits, verdicts"
    )
    add = scaling.add_argument
    add("--max-doc-len", type=_count, required=True, metavar="N", help="longest document, tokens")
    add("--min-doc-len", type=_count, default=16, metavar="N", help="shortest (default 16)")
    add("--points", type=_count, metavar="N", help="how many lengths (default: each doubling)")
    add("--query-len", type=_count, default=32, metavar="N", help="query tokens (default 32)")
    add("--systems", type=_listed, metavar="A,B", help="default bm25,dense,teacher,rabtriever")
    add("--measures", type=_listed, metavar="A,B", help="default flops,index-size,memory,latency")
    add("--attention", type=_listed, default=("sdpa",), metavar="A,B", help="sdpa, eager or both")
    add("--rounds", type=_count, default=3, metavar="N", help="least samples of a time (default 3)")
    add("--memory-limit", type=_bytes, metavar="SIZE", help="of one point, such as 4GiB")
    add("--timeout", type=float, default=600.0, metavar="S", help="seconds for one memory point")
    add(
        "--extrapolate-positions",
        action="store_true",
        help="allow lengths above the model's context; only the cost means anything there",
    )
    _add_model(scaling)
    _add_output(scaling, "rabbench-results/scaling")


def _add_quality(commands: Any) -> None:
    quality = commands.add_parser("quality", help="how well each system ranks")
    add = quality.add_argument
    add("--suite", required=True, help="a suite ('rabbench list suites') or a BEIR-layout folder")
    add("--datasets", type=_listed, metavar="A,B", help="data sets of the suite")
    add("--systems", type=_listed, metavar="A,B", help="default bm25,dense,teacher,rabtriever")
    add("--metrics", type=_listed, metavar="A,B", help="ranx, ir_measures or trec_eval names")
    add("--depth", type=_count, default=100, metavar="K", help="candidates reranked (default 100)")
    add("--max-queries", type=_count, metavar="N", help="a seeded sample of the queries")
    add("--first-stage", default="bm25", metavar="SYSTEM", help="of rerankers (default bm25)")
    add("--max-doc-tokens", type=_count, default=512, metavar="N", help="cut documents (512)")
    add("--batch", type=_count, default=16, metavar="N", help="texts in one forward (default 16)")
    _add_model(quality)
    _add_output(quality, "rabbench-results/quality")


def _add_model(parser: Any) -> None:
    add = parser.add_argument
    add("--model", default="smollm2-135m", metavar="NAME", help="name, folder or hub id")
    add("--dense-model", default="all-minilm-l6-v2", metavar="NAME", help="of the bi-encoder")
    add("--device", default="auto", choices=["auto", "cpu", "cuda"])
    add("--dtype", default="auto", choices=["auto", "float32", "bfloat16", "float16"])
    add("--seed", type=int, default=0)


def _add_output(parser: Any, default: str) -> None:
    add = parser.add_argument
    add("--out", type=Path, default=Path(default), metavar="DIR", help=f"default {default}")
    add("--resume", action="store_true", help="keep what DIR holds, do only what is missing")
    add("--json", action="store_true", help="print the results as JSON, not the verdict")
    add("--quiet", action="store_true", help="no progress")


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


def _scaling(arguments: argparse.Namespace) -> int:
    from rabbench import scaling

    config = scaling.ScalingConfig(
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
    with _progress(arguments.quiet) as progress:
        out, resume = arguments.out, arguments.resume
        results = scaling.run(config, out=out, resume=resume, progress=progress)
    return _finish(results, arguments)


def _quality(arguments: argparse.Namespace) -> int:
    from rabbench import quality, scaling

    config = quality.QualityConfig(
        suite=arguments.suite,
        datasets=arguments.datasets or (),
        systems=arguments.systems or scaling.SYSTEMS,
        metrics=arguments.metrics or (),
        max_queries=arguments.max_queries,
        options=_options(arguments),
    )
    with _progress(arguments.quiet) as progress:
        out, resume = arguments.out, arguments.resume
        results = quality.run(config, out=out, resume=resume, progress=progress)
    return _finish(results, arguments)


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
        _say(*report.verdict(results), "", *(f"{path}" for path in written))
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
        for path in report.write(store.load(folder), folder):
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
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        return COMMANDS[arguments.command](arguments)
    except RabbenchError as error:
        _warn(f"rabbench {arguments.command}: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        hint = "; --resume continues" if hasattr(arguments, "resume") else ""
        _warn(f"rabbench {arguments.command}: interrupted{hint}")
        return INTERRUPTED
