"""The whole chain in one command: teacher, student, bi-encoder, ablations, and their evaluation.

    python benchmarks/train_chain.py --size small [--datasets demo,saycan] [--out DIR]

For each data set a teacher, its student and a bi-encoder of the same backbone are trained and
ranked beside BM25 and MiniLM on queries never trained on; for the built-in set the student is also
trained without each part of its method, over three seeds. ``small`` is for two CPU cores: teacher
and student of the built-in set took 20.1 minutes there (15.4 and 4.7) with nothing on disk before.
``full`` is for a GPU. What is finished is kept: the same command goes on where it was
interrupted. At the end stands what ``train_thresholds.py`` says of each data set.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import train_thresholds

from rabbench import cli
from rabbench.models.checkpoint import CARD
from rabbench.store import FILENAME, load, write_text
from rabbench.training import card

SYSTEMS = "bm25,dense,llm-biencoder,teacher-cached,rabtriever"
METRICS = "hit_rate@1,recall@3,mrr,ndcg@10"
BASE = "smollm2-135m"


@dataclass(frozen=True)
class Task:
    """A data set as the command line names it, and what fits which machine.

    Of each pair the first is for every size, the second what ``small`` adds or says otherwise.
    """

    suite: str
    train: str
    test: str
    data: tuple[str, str] = ("", "")
    negatives: str = "random"
    teacher: str = ""
    student: str = ""
    biencoder: str = ""
    ranked: tuple[str, str] = ("", "")
    ablation: bool = False


TASKS = {
    "demo": Task(
        suite="demo",
        train="train",
        test="test",
        negatives="dense",
        ranked=("--depth 200", "--max-queries 60"),
        ablation=True,
    ),
    # 47 instructions, of which four are held out: many visits.
    "saycan": Task(
        suite="rationale",
        train="saycan/train",
        test="saycan/test",
        negatives="dense",
        teacher="--epochs 8 --per-query 7 --batch 4",
        student="--candidates 8",
        biencoder="--epochs 20 --batch 8",
        ranked=("--depth 200", ""),
    ),
    # A dialogue's last turns say most; the window is the same for every system's model.
    "esconv": Task(
        suite="rationale",
        train="esconv/dev",
        test="esconv",
        data=("--max-query-tokens 128", "--max-queries 1000 --max-query-tokens 40"),
        teacher="--epochs 1 --per-query 3 --batch 8",
        student="--candidates 8",
        biencoder="--epochs 2",
        ranked=("--max-query-tokens 128", "--max-queries 400 --max-query-tokens 40"),
    ),
    "scifact": Task(
        suite="beir",
        train="scifact/train",
        test="scifact",
        data=("--max-doc-tokens 256", "--max-queries 200 --max-doc-tokens 128"),
        negatives="bm25",
        teacher="--epochs 1 --per-query 3 --batch 4",
        student="--depth 20",
        biencoder="--epochs 3 --batch 16",
        ranked=(
            "--max-doc-tokens 256 --depth 20",
            "--max-queries 50 --max-doc-tokens 128 --depth 10",
        ),
    ),
}
SIZES = {
    "small": {
        "teacher": "--epochs 2 --lora-layers 15 --per-query 1 --batch 12 --contrastive 1 "
        "--evaluate-every 100 --dtype bfloat16",
        "student": "--epochs 5 --candidates 2 --rounds 1",
        "biencoder": "--epochs 5 --lora-layers 15 --per-query 1 --dtype bfloat16",
        "ablation": "--seeds 3",
    },
    "full": {
        "teacher": "--epochs 10 --per-query 15 --contrastive 1 --precision bf16",
        "student": "--epochs 40 --candidates 8 --rounds 5",
        "biencoder": "--epochs 20 --per-query 7 --precision bf16",
        "ablation": "--seeds 5",
    },
}


def steps(
    name: str, task: Task, size: str, model: str, out: Path
) -> Iterator[tuple[Path, list[str]]]:
    """Each command of a data set with the folder that it fills, in order."""
    chosen = {kind: words.split() for kind, words in SIZES[size].items()}
    if size == "small":
        for kind in ("teacher", "student", "biencoder"):
            chosen[kind] += getattr(task, kind).split()
    parts = 2 if size == "small" else 1
    data = ["--suite", task.suite, "--datasets", task.train, *" ".join(task.data[:parts]).split()]
    fresh = [*data, "--model", model, "--negatives", task.negatives, "--learning-rate", "1e-3"]
    folder = out / name
    teacher, student, pair = (folder / kind for kind in ("teacher", "student", "biencoder"))
    distilled = [*data, "--teacher", str(teacher), *chosen["student"]]
    yield teacher, ["train", "teacher", *fresh, *chosen["teacher"]]
    yield student, ["train", "student", *distilled]
    yield pair, ["train", "biencoder", *fresh, *chosen["biencoder"]]
    ranked = ["--suite", task.suite, "--datasets", task.test, "--metrics", METRICS]
    ranked += " ".join(task.ranked[:parts]).split()
    trained = ["--model", str(student), "--biencoder-model", str(pair)]
    yield folder / "quality", ["quality", *ranked, "--systems", SYSTEMS, *trained]
    untrained = ["--model", model, "--systems", "teacher-cached"]
    yield folder / "untrained", ["quality", *ranked, *untrained]
    if task.ablation:
        evaluated = ["--evaluate", task.test, *chosen["ablation"]]
        yield folder / "ablation", ["train", "ablation", *distilled, *evaluated]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=list(SIZES), default="small")
    parser.add_argument("--datasets", default=",".join(TASKS), help=f"of {', '.join(TASKS)}")
    parser.add_argument("--model", default=BASE)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, default=Path("rabbench-results/chain"))
    arguments = parser.parse_args()
    taken: dict[str, float] = {}
    for name in arguments.datasets.split(","):
        if name not in TASKS:
            print(f"unknown data set {name!r}; known: {', '.join(TASKS)}", file=sys.stderr)
            return 2
        found = steps(name, TASKS[name], arguments.size, arguments.model, arguments.out)
        for folder, command in found:
            if (folder / CARD).is_file() or (folder / "report.md").is_file():
                continue
            resume = ["--resume"] if (folder / FILENAME).is_file() else []
            print(f"{name}: rabbench {' '.join(command)}", file=sys.stderr, flush=True)
            start = time.monotonic()
            code = cli.main([*command, "--device", arguments.device, "--out", str(folder), *resume])
            if code:
                return code
            if folder.name == "quality":
                for kind in ("teacher", "student", "biencoder"):
                    card.add_scores(folder.parent / kind, load(folder))
            taken[f"{name}/{folder.name}"] = round(time.monotonic() - start, 1)
            write_text(arguments.out / f"seconds-{name}.json", json.dumps(taken, indent=1) + "\n")
        print(f"{name}:\n{train_thresholds.told(train_thresholds.judged(arguments.out / name))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
