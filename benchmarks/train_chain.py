"""The whole chain in one command: teacher, student, bi-encoder, ablations, and their evaluation.

    python benchmarks/train_chain.py --size small [--datasets demo,saycan] [--out DIR]

For each data set a teacher, its student and a bi-encoder of the same backbone are trained and
ranked beside BM25 and MiniLM on queries never trained on; for the built-in set the student is also
trained without each part of its method, over three seeds. ``small`` is for two CPU cores, ``full``
for a GPU. What is finished is kept: the same command goes on where it was interrupted.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rabbench import cli
from rabbench.models.checkpoint import CARD
from rabbench.store import FILENAME, load, write_text
from rabbench.training import card

SYSTEMS = "bm25,dense,llm-biencoder,teacher-cached,rabtriever"
BASE = "smollm2-135m"


@dataclass(frozen=True)
class Task:
    """A data set as the command line names it, and what fits which machine."""

    suite: str
    train: str
    test: str
    train_options: tuple[str, ...] = ()
    test_options: tuple[str, ...] = ()
    small_train: tuple[str, ...] = ()
    small_test: tuple[str, ...] = ()
    ablation: bool = False


TASKS = {
    "demo": Task(
        suite="demo",
        train="train",
        test="test",
        train_options=("--negatives", "dense"),
        test_options=("--depth", "200"),
        small_test=("--max-queries", "120"),
        ablation=True,
    ),
    "saycan": Task(
        suite="rationale",
        train="saycan/train",
        test="saycan/test",
        train_options=("--negatives", "dense"),
        test_options=("--depth", "200"),
    ),
    "esconv": Task(
        suite="rationale",
        train="esconv/dev",
        test="esconv",
        # A dialogue's last turns say most; the window is the same for every system's model.
        train_options=("--max-query-tokens", "128"),
        test_options=("--max-query-tokens", "128"),
        small_train=("--max-queries", "560", "--max-query-tokens", "40"),
        small_test=("--max-queries", "200", "--max-query-tokens", "40"),
    ),
    "scifact": Task(
        suite="beir",
        train="scifact/train",
        test="scifact",
        train_options=("--negatives", "bm25", "--max-doc-tokens", "256"),
        test_options=("--max-doc-tokens", "256", "--depth", "20"),
        small_train=("--max-queries", "200", "--max-doc-tokens", "128"),
        small_test=("--max-queries", "50", "--depth", "10", "--max-doc-tokens", "128"),
    ),
}
SIZES: dict[str, dict[str, tuple[str, ...]]] = {
    "small": {
        "teacher": (
            "--epochs",
            "3",
            "--lora-layers",
            "15",
            "--per-query",
            "3",
            "--contrastive",
            "1",
        ),
        "student": ("--epochs", "10", "--candidates", "4", "--rounds", "2"),
        "biencoder": ("--epochs", "5", "--lora-layers", "15", "--per-query", "1"),
        "seeds": ("--seeds", "3"),
    },
    "full": {
        "teacher": (
            "--epochs",
            "10",
            "--per-query",
            "15",
            "--contrastive",
            "1",
            "--precision",
            "bf16",
        ),
        "student": ("--epochs", "40", "--candidates", "8", "--rounds", "5"),
        "biencoder": ("--epochs", "20", "--per-query", "7", "--precision", "bf16"),
        "seeds": ("--seeds", "5"),
    },
}


def steps(
    name: str, task: Task, size: str, model: str, out: Path
) -> Iterator[tuple[Path, list[str]]]:
    """Each command of a data set with the folder that it fills, in order."""
    chosen, small = SIZES[size], size == "small"
    learn = [*task.train_options, *(task.small_train if small else ())]
    data = ["--suite", task.suite, "--datasets", task.train, *learn]
    only_student = list(data)
    if "--negatives" in only_student:
        at = only_student.index("--negatives")
        del only_student[at : at + 2]
    folder = out / name
    teacher, student, pair = (folder / kind for kind in ("teacher", "student", "biencoder"))
    rate = ["--learning-rate", "1e-3"]
    yield teacher, ["train", "teacher", *data, "--model", model, *rate, *chosen["teacher"]]
    yield (
        student,
        ["train", "student", *only_student, "--teacher", str(teacher), *chosen["student"]],
    )
    yield pair, ["train", "biencoder", *data, "--model", model, *rate, *chosen["biencoder"]]
    ranked = ["--suite", task.suite, "--datasets", task.test, *task.test_options]
    ranked += task.small_test if small else ()
    yield folder / "quality", [
        "quality", *ranked, "--systems", SYSTEMS, "--model", str(student),
        "--biencoder-model", str(pair), "--metrics", "hit_rate@1,recall@3,mrr,ndcg@10",
    ]  # fmt: skip
    yield folder / "untrained", [
        "quality", *ranked, "--systems", "teacher-cached", "--model", model,
        "--metrics", "hit_rate@1,recall@3,mrr,ndcg@10",
    ]  # fmt: skip
    if task.ablation:
        yield folder / "ablation", [
            "train", "ablation", *only_student, "--teacher", str(teacher), *chosen["student"],
            *chosen["seeds"], "--evaluate", task.test,
        ]  # fmt: skip


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
    return 0


if __name__ == "__main__":
    sys.exit(main())
