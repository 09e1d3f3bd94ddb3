"""The whole chain in one command: teacher, student, bi-encoder, ablations, and their evaluation.

    python benchmarks/train_chain.py --size small [--datasets demo,saycan] [--out DIR]

For each data set a teacher, its student and a bi-encoder of the same backbone are trained, and
ranked with BM25 and MiniLM on queries never trained on. ``ablation`` trains students without each
part of the method; ``plain`` does so for a student that starts blind to the document and has
nothing but the losses, as in the paper. ``small`` and ``medium`` are for two CPU cores, ``full`` is
for a GPU. Finished steps stay: the same command goes on where it was interrupted, and
``seconds-NAME.json`` has the duration of each step. The verdicts of ``train_thresholds.py`` on each
data set come last, as in its ``thresholds.json``; the exit code is 1 if a required claim is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import train_thresholds

from rabbench import cli
from rabbench.results import FILENAME, load_results, write_file
from rabbench.train import card

BASE = "smollm2-135m"

VARIANTS = "--variants no-mse,no-reverse-kl,off-policy,no-latent"
"""The method of the paper without each part of it."""

OptionsByStep = Mapping[str, str]
"""Command-line options by step. ``data`` and ``ranked`` are those of all trainings and of all
rankings; an ablation adds its own to the student's."""

ALL_SIZES: OptionsByStep = {
    "teacher": "--contrastive 1 --learning-rate 1e-3",
    "biencoder": "--learning-rate 1e-3",
    "ranked": "--metrics hit_rate@1,recall@3,mrr,ndcg@10 "
    "--systems bm25,dense,llm-biencoder,teacher-cached,rabtriever",
    # Uniform draws differ from its own only in later rounds, and if not all documents are drawn.
    "plain": "--start state --keep 0 --candidates 3 --rounds 4 --learning-rate 3e-4 --epochs 10 "
    + VARIANTS,
}
CPU: OptionsByStep = {
    "teacher": "--lora-layers 15 --epochs 1 --per-query 3 --batch 8 --evaluate-every 100",
    "student": "--rounds 1",
    "biencoder": "--lora-layers 15 --per-query 1",
}
SIZES: Mapping[str, OptionsByStep] = {
    "small": CPU
    | {
        "data": "--dtype bfloat16",  # but what is trained
        "ranked": "--dtype bfloat16",
        "untrained": "--max-queries 20",  # the first of those that are ranked
    },
    "medium": CPU,
    "full": {
        "teacher": "--epochs 10 --per-query 15 --precision bf16",
        "student": "--epochs 40 --candidates 8 --rounds 5",
        "biencoder": "--epochs 20 --per-query 7 --precision bf16",
        "ablation": "--seeds 5",
        "plain": "--seeds 5",
    },
}
ABLATIONS = ("ablation", "plain")


@dataclass(frozen=True)
class Task:
    """A data set as the command line names it, and what it adds to each size's options.

    ``options`` are by size, ``every`` among them; an ablation is run where they name it.
    ``required`` names the claims of ``train_thresholds.py`` that the chain fails without.
    """

    suite: str
    train: str
    test: str
    options: Mapping[str, OptionsByStep] = field(default_factory=dict)
    negatives: str = "random"
    required: tuple[str, ...] = ("untrained", "biencoder", "retention")


TASKS = {
    "demo": Task(
        suite="demo",
        train="train",
        test="test",
        negatives="dense",
        required=train_thresholds.CLAIMS,
        options={
            "every": {"ranked": "--depth 200"},
            "small": {
                "teacher": "--epochs 2 --per-query 2",
                "student": "--candidates 2",
                "biencoder": "--epochs 3 --batch 16",
                "ablation": f"--max-queries 200 {VARIANTS}",
                "ranked": "--max-queries 60",
            },
            "medium": {
                "teacher": "--epochs 3",
                "ablation": "--max-queries 400",
                "plain": "--max-queries 400",
            },
            "full": {"ablation": "", "plain": ""},
        },
    ),
    # 47 instructions, of which four are held out: many visits.
    "saycan": Task(
        suite="rationale",
        train="saycan/train",
        test="saycan/test",
        negatives="dense",
        options={
            "every": {"ranked": "--depth 200"},
            "small": {
                "teacher": "--epochs 6 --per-query 7 --batch 4",
                "student": "--candidates 8",
                "biencoder": "--epochs 20 --batch 8",
            },
            "medium": {
                "teacher": "--epochs 8 --per-query 7 --batch 4",
                "student": "--candidates 8",
                "biencoder": "--epochs 20 --batch 8",
            },
        },
    ),
    # A dialogue's last turns say most; the window is the same for every system's model.
    "esconv": Task(
        suite="rationale",
        train="esconv/dev",
        test="esconv",
        options={
            "small": {
                "data": "--max-queries 600 --max-query-tokens 40",
                "teacher": "--batch 4",
                "student": "--candidates 8",
                "biencoder": "--epochs 2 --batch 16",
                "plain": "--max-test-queries 200",
                "ranked": "--max-queries 300 --max-query-tokens 40",
                "untrained": "--max-queries 100",
            },
            "medium": {
                "data": "--max-queries 1000 --max-query-tokens 40",
                "student": "--candidates 8",
                "biencoder": "--epochs 2",
                "plain": "--max-test-queries 400",
                "ranked": "--max-queries 400 --max-query-tokens 40",
            },
            "full": {
                "data": "--max-query-tokens 128",
                "ranked": "--max-query-tokens 128",
                "plain": "",
            },
        },
    ),
    # Its documents are new at test time, and the student falls short of its teacher there.
    "scifact": Task(
        suite="beir",
        train="scifact/train",
        test="scifact",
        negatives="bm25",
        required=(),
        options={
            "small": {
                "data": "--max-queries 80 --max-doc-tokens 128",
                "teacher": "--batch 4",
                "student": "--depth 10",
                "biencoder": "--epochs 3 --batch 16",
                "ranked": "--max-queries 20 --max-doc-tokens 128 --depth 10 "
                "--systems bm25,bm25>>dense,bm25>>llm-biencoder,teacher-cached,rabtriever",
            },
            "medium": {
                "data": "--max-queries 200 --max-doc-tokens 128",
                "teacher": "--batch 4",
                "student": "--depth 20",
                "biencoder": "--epochs 3 --batch 16",
                "ranked": "--max-queries 50 --max-doc-tokens 128 --depth 10",
            },
            "full": {
                "data": "--max-doc-tokens 256",
                "ranked": "--max-doc-tokens 256 --depth 20",
            },
        },
    ),
}


def steps(
    name: str, task: Task, size: str, model: str, out: Path
) -> Iterator[tuple[Path, list[str]]]:
    """Each command of a data set with the folder that it fills, in order."""
    levels = (ALL_SIZES, SIZES[size], task.options.get("every", {}), task.options.get(size, {}))

    def options(*kinds: str) -> list[str]:
        """The options of these steps; of the same option the last counts."""
        return [word for kind in kinds for level in levels for word in level.get(kind, "").split()]

    folder = out / name
    teacher, student, pair = (folder / kind for kind in ("teacher", "student", "biencoder"))
    data = ["--suite", task.suite, "--datasets", task.train]
    base = ["--model", model, "--negatives", task.negatives]
    distil = ["--teacher", str(teacher)]
    yield teacher, ["train", "teacher", *data, *base, *options("data", "teacher")]
    yield student, ["train", "student", *data, *distil, *options("data", "student")]
    yield pair, ["train", "biencoder", *data, *base, *options("data", "biencoder")]
    rank = ["quality", "--suite", task.suite, "--datasets", task.test, *options("ranked")]
    trained = ["--model", str(student), "--biencoder-model", str(pair)]
    yield folder / "quality", [*rank, *trained]
    untrained = ["--model", model, "--systems", "teacher-cached", *options("untrained")]
    yield folder / "untrained", [*rank, *untrained]
    for kind in ABLATIONS:
        if kind in task.options.get(size, {}):
            words = ["--evaluate", task.test, *options("data", "student", kind)]
            yield folder / kind, ["train", "ablation", *data, *distil, *words]


def run_step(folder: Path, command: list[str], seconds: dict[str, float]) -> int:
    """Run a command, or go on with it; adds its duration and returns its exit code."""
    resume = (folder / FILENAME).is_file()
    before = seconds.get(folder.name, 0.0) if resume else 0.0
    start = time.monotonic()
    code = cli.main([*command, "--out", str(folder), *(["--resume"] if resume else [])])
    seconds[folder.name] = round(before + time.monotonic() - start, 1)
    return code


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=list(SIZES), default="small")
    parser.add_argument("--datasets", default=",".join(TASKS), help=f"of {', '.join(TASKS)}")
    parser.add_argument("--model", default=BASE)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, default=Path("rabbench-results/chain"))
    arguments = parser.parse_args()
    failed = False
    for name in arguments.datasets.split(","):
        if name not in TASKS:
            print(f"unknown data set {name!r}; known: {', '.join(TASKS)}", file=sys.stderr)
            return 2
        task, path = TASKS[name], arguments.out / f"seconds-{name}.json"
        seconds: dict[str, float] = json.loads(path.read_text()) if path.is_file() else {}
        for folder, command in steps(name, task, arguments.size, arguments.model, arguments.out):
            if (folder / "report.md").is_file():
                continue
            print(f"{name}: rabbench {' '.join(command)}", file=sys.stderr, flush=True)
            code = run_step(folder, [*command, "--device", arguments.device], seconds)
            write_file(path, json.dumps(seconds, indent=1) + "\n")
            if code:
                return code
            if folder.name == "quality":
                for kind in ("teacher", "student", "biencoder"):
                    card.add_scores(folder.parent / kind, load_results(folder))
        verdicts = train_thresholds.record(arguments.out / name, task.required)
        print(f"{name}:", *verdicts, sep="\n", flush=True)
        failed |= any(verdict.missed for verdict in verdicts)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
