"""What a checkpoint's folder holds: weights, ``rabbench.json``, the model card, the training log.

Knows files; trains nothing. Weights are stored in half precision, and everything that is
evaluated is read back from there, so that no score is of weights nobody else has.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from rabbench import environment
from rabbench.models import checkpoint
from rabbench.models.backbone import Backbone
from rabbench.models.catalog import CAUSAL
from rabbench.results import ResultsStore, write_text
from rabbench.train import devices, loop
from rabbench.train.data import Prepared
from rabbench.types import Results, UsageError

KINDS = {"teacher": "teacher", "student": "rabtriever", "biencoder": "llm-biencoder"}
"""The system that reads each kind of checkpoint."""

SCORED = {
    "teacher": {"teacher", "teacher-cached"},
    "student": {"rabtriever", "teacher", "teacher-cached"},
    "biencoder": {"llm-biencoder"},
}
"""The systems whose scores belong into each kind's card."""


class Job:
    """A training's folder, from its first step to its card.

    Args:
        kind: ``teacher``, ``student`` or ``biencoder``.
        config: of the training, a dataclass.
        out: the folder.
        resume: the folder may hold an interrupted training of the same configuration, or a
            finished one: then ``finished`` is true and there is nothing to do.

    Raises:
        UsageError: if it holds one of another configuration, or the model to train from.
    """

    def __init__(self, kind: str, config: Any, out: Path, *, resume: bool) -> None:
        given = checkpoint.find(config.options.model)
        if given is not None and given.folder.resolve() == out.resolve():
            raise UsageError(f"--out {out} is the model that is trained from; give another folder")
        self.kind, self.config, self.out = kind, config, out
        started = Results(
            command="train",
            config={"kind": kind, **asdict(config)},
            environment=environment.describe(),
        )
        self.store = ResultsStore(out if devices.first() else None, started, resume=resume)
        self.store.add()  # the folder says from the start what it is
        card = out / checkpoint.CARD
        self.finished = resume and card.is_file()
        if devices.first() and not resume:
            card.unlink(missing_ok=True)  # it is of weights that are to be written over
        if devices.first() and self.finished:
            loop.finish(out)  # a kill may have left it

    def finish(
        self,
        model: Any,
        log: Sequence[Mapping[str, float]],
        *,
        base: Backbone,
        prompt: Sequence[str],
        data: Prepared,
        extra: Mapping[str, Any] | None = None,
    ) -> Results:
        """Write weights, card and rows; remove the training's state. The first process does."""
        if devices.first():
            self._write(model, log, base, prompt, data, extra or {})
        devices.wait()
        return self.store.results

    def _write(
        self,
        model: Any,
        log: Sequence[Mapping[str, float]],
        base: Backbone,
        prompt: Sequence[str],
        data: Prepared,
        extra: Mapping[str, Any],
    ) -> None:
        _save_weights(model, self.out, base)
        name, suite = data.name, data.suite
        about = {
            "schema": checkpoint.SCHEMA,
            "kind": self.kind,
            "base": _base(model, base),
            "prompt": list(prompt),
            "data": {
                "suite": self.config.data.suite,
                "dataset": name,
                "n_queries": data.n_queries,
                "fingerprint": suite.fingerprint,
                "licence": suite.licence,
                "source": suite.source,
            },
            "training": _plain(asdict(self.config)),
            "processes": devices.count(),
            "final": _final(log),
            **extra,
        }
        params = {"seed": self.config.schedule.seed, "dataset": name}
        self.store.add(*loop.rows(KINDS[self.kind], log, params))
        write_text(self.out / "README.md", model_card(about))
        # The last: where it stands, all else does.
        write_text(self.out / checkpoint.CARD, json.dumps(about, indent=1) + "\n")
        loop.finish(self.out)


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without what depends on the machine that trained."""
    return {
        name: {key: value for key, value in inner.items() if key not in {"device"}}
        if isinstance(inner, dict)
        else inner
        for name, inner in config.items()
    }


def _base(model: Any, base: Backbone) -> str:
    """The name that loads what the adapter belongs to; ``.`` where the folder holds it all."""
    if hasattr(model, "save_pretrained") and not hasattr(model, "peft_config"):
        return "."
    if base.checkpoint is None:
        return base.name
    whole = base.checkpoint.base == "."
    return str(base.checkpoint.folder.resolve()) if whole else base.checkpoint.base


def _save_weights(model: Any, out: Path, base: Backbone) -> None:
    if hasattr(model, "peft_config"):
        model.save_pretrained(str(out))
        halve(out / checkpoint.ADAPTER)
        path = out / "adapter_config.json"
        settings = json.loads(path.read_text())
        settings["base_model_name_or_path"] = base.name  # not where it lay on this machine
        write_text(path, json.dumps(settings, indent=1, sort_keys=True) + "\n")
    elif hasattr(model, "save_pretrained"):  # all weights were trained
        model.save_pretrained(str(out))
        base.tokenizer.save_pretrained(str(out))


def halve(path: Path) -> None:
    """Store a safetensors file's weights as float16."""
    weights = {name: weight.half().contiguous() for name, weight in load_file(path).items()}
    save_file(weights, path, metadata={"format": "pt"})


def add_scores(folder: Path, results: Results) -> None:
    """Put a checkpoint's own scores of an evaluation into its card, in place of older ones.

    Args:
        folder: the checkpoint's.
        results: of ``rabbench quality`` with this checkpoint as its model.
    """
    about = json.loads((folder / checkpoint.CARD).read_text(encoding="utf-8"))
    systems = SCORED[about["kind"]]
    found = [
        {
            "system": row.system,
            "dataset": row.params.get("dataset"),
            "metric": row.measure,
            "value": row.value,
            "n_queries": row.params.get("n_queries"),
            "depth": row.params.get("depth"),
        }
        for row in results.rows
        if row.phase == "quality" and row.system in systems and row.status == "ok"
    ]
    new = {_scored(one) for one in found}
    kept = [one for one in about.get("scores", []) if _scored(one) not in new]
    about["scores"] = [*kept, *found]
    write_text(folder / checkpoint.CARD, json.dumps(about, indent=1) + "\n")
    write_text(folder / "README.md", model_card(about))


def _scored(one: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a score is of; a later one takes its place."""
    return tuple(one[name] for name in ("system", "dataset", "metric", "n_queries", "depth"))


def copy_adapter(source: checkpoint.Checkpoint, out: Path) -> None:
    """Put the teacher's adapter beside the student's predictor, so that one folder is enough."""
    if source.adapter is not None:
        for name in (checkpoint.ADAPTER, "adapter_config.json"):
            shutil.copyfile(source.folder / name, out / name)


def _final(log: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The last value of every figure that was logged."""
    found: dict[str, float] = {}
    for entry in log:
        found |= {name: value for name, value in entry.items() if not name.startswith("train_")}
    return {name: value for name, value in found.items() if name not in {"total_flos"}}


def model_card(about: Mapping[str, Any]) -> str:
    """README.md of a checkpoint: what it is, from which data, with which figures."""
    data, training, final = about["data"], about["training"], about["final"]
    settings = [f"| {name} | {_cell(value)} |" for name, value in sorted(training.items())]
    figures = [f"| {name} | {value:.4g} |" for name, value in final.items()]
    kind = about["kind"]
    lines = [
        "---",
        f"base_model: {about['base']}",
        f"license: {CAUSAL[about['base']].licence.lower() if about['base'] in CAUSAL else 'other'}",
        "library_name: rabbench",
        "---",
        f"# A {kind} trained with rabbench",
        "",
        f"Read by the system `{KINDS[kind]}`: `rabbench quality --suite {data['suite']} "
        "--model FOLDER`, this folder in FOLDER's place.",
        "",
        f"- Base model: `{about['base']}`",
        f"- Data: {data['suite']}, `{data['dataset']}`, {data['n_queries']:,} queries; "
        f"licence {data['licence']}; source: {data['source']}; SHA-256 {data['fingerprint']}",
        "- Weights are stored as float16.",
        "",
        "| setting | value |",
        "|---|---|",
        *settings,
        "",
        "Last logged figures, on training and held-out queries (not test queries):",
        "",
        "| figure | value |",
        "|---|---|",
        *figures,
        "",
        *_scores(about.get("scores", [])),
    ]
    return "\n".join(lines)


def _scores(scores: Sequence[Mapping[str, Any]]) -> list[str]:
    """The table of what was evaluated on test queries, if anything was."""
    if not scores:
        return []
    lines = [
        f"| {one['system']} | {one['dataset']} | {one['metric']} | {one['value']:.4f} "
        f"| {one['n_queries']} |"
        for one in scores
    ]
    head = ["| system | data set | metric | mean | queries |", "|---|---|---|---|---|"]
    return ["On test queries, by `rabbench quality`:", "", *head, *lines, ""]


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {inner}" for key, inner in value.items())
    return str(value)
