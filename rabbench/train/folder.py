"""A training's folder, from its first step to its card.

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

import torch
from safetensors.torch import load_file, save_file

from rabbench import environment
from rabbench.models import checkpoint
from rabbench.models.backbone import Backbone
from rabbench.results import ResultsStore, write_file
from rabbench.train import card, devices, loop
from rabbench.train.data import SplitSuite
from rabbench.types import Results, UsageError

ADAPTER_CONFIG = "adapter_config.json"
UNREPORTED = ("total_flos", "train_")  # prefixes of the Trainer's own last figures


def open_store(kind: str, config: Any, out: Path, *, resume: bool) -> ResultsStore:
    """The results file of a training, which the first process alone writes."""
    results = Results(
        command="train",
        config={"kind": kind, **asdict(config)},
        environment=environment.describe(),
    )
    return ResultsStore(out if devices.is_first() else None, results, resume=resume)


class TrainingFolder:
    """Opens and completes a checkpoint's folder: a ``teacher``, ``student`` or ``biencoder``.

    With ``resume`` the folder may hold an interrupted training of the same configuration, or a
    finished one: then ``finished`` is true and there is nothing to do.

    Raises:
        UsageError: if it holds one of another configuration, or the model to train from.
    """

    def __init__(self, kind: str, config: Any, out: Path, *, resume: bool) -> None:
        source = checkpoint.find(config.options.model)
        if source is not None and source.folder.resolve() == out.resolve():
            raise UsageError(f"--out {out} is the model that is trained from; give another folder")
        self.kind, self.config, self.out = kind, config, out
        self.store = open_store(kind, config, out, resume=resume)
        self.store.add()  # the folder says from the start what it is
        self.finished = resume and (out / checkpoint.CARD).is_file()
        if devices.is_first():
            if not resume:
                (out / checkpoint.CARD).unlink(missing_ok=True)  # its weights are to be replaced
            if not resume or self.finished:
                loop.remove_state(out)  # of an earlier training, or left by a kill at the end
        devices.wait()

    def finish(
        self,
        model: Any,
        log: Sequence[Mapping[str, float]],
        *,
        base: Backbone,
        texts: Sequence[str],
        split: SplitSuite,
        extra: Mapping[str, Any] | None = None,
    ) -> Results:
        """Write weights, rows and card; remove the training's state. The first process does.

        ``base`` is the backbone that was trained from, ``texts`` are the prompt's; ``extra`` has
        further entries of the card.
        """
        if devices.is_first():
            _save_weights(model, self.out, base)
            params = {"seed": self.config.schedule.seed, "dataset": split.name}
            self.store.add(*loop.log_rows(card.SYSTEMS[self.kind][0], log, params))
            last = {name: value for entry in log for name, value in entry.items()}
            about = {
                "schema": checkpoint.SCHEMA,
                "kind": self.kind,
                "base": _base_name(model, base),
                "prompt": list(texts),
                "data": {
                    "suite": self.config.data.suite,
                    "dataset": split.name,
                    "n_queries": len(split.train.queries),
                    "fingerprint": split.suite.fingerprint,
                    "licence": split.suite.licence,
                    "source": split.suite.source,
                },
                "training": _without_device(asdict(self.config)),
                "processes": devices.count(),
                "final": {n: v for n, v in last.items() if not n.startswith(UNREPORTED)},
                **(extra or {}),
            }
            card.write(self.out, about)  # last: a folder with a card has all else
            loop.remove_state(self.out)
        devices.wait()
        return self.store.results


def _without_device(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without what depends on the machine that trained."""
    return {
        name: _without_device(value) if isinstance(value, dict) else value
        for name, value in config.items()
        if name != "device"
    }


def _base_name(model: Any, base: Backbone) -> str:
    """The name that loads what the adapter belongs to; ``.`` where the folder holds it all."""
    if hasattr(model, "save_pretrained") and not hasattr(model, "peft_config"):
        return "."
    if base.checkpoint is None:
        return base.name
    whole = base.checkpoint.base == "."
    return str(base.checkpoint.folder.resolve()) if whole else base.checkpoint.base


def _save_weights(model: Any, out: Path, base: Backbone) -> None:
    """Write an adapter, a whole model, or a predictor with its teacher's adapter beside it."""
    if hasattr(model, "peft_config"):
        model.save_pretrained(str(out))
        _save_half(load_file(out / checkpoint.ADAPTER), out / checkpoint.ADAPTER)
        path = out / ADAPTER_CONFIG
        settings = json.loads(path.read_text())
        settings["base_model_name_or_path"] = base.name  # not where it lay on this machine
        write_file(path, json.dumps(settings, indent=1, sort_keys=True) + "\n")
    elif hasattr(model, "save_pretrained"):
        model.save_pretrained(str(out))
        base.tokenizer.save_pretrained(str(out))
    else:
        _save_half(model.state_dict(), out / checkpoint.PREDICTOR)
        if base.checkpoint is not None and base.checkpoint.adapter is not None:
            for name in (checkpoint.ADAPTER, ADAPTER_CONFIG):
                shutil.copyfile(base.checkpoint.folder / name, out / name)


def _save_half(weights: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write weights as float16."""
    half = {name: weight.cpu().half().contiguous() for name, weight in weights.items()}
    save_file(half, path, metadata={"format": "pt"})
