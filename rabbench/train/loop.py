"""transformers' Trainer with a loss of our own: what all three trainings share.

The Trainer brings what is not ours to write: accumulation, mixed precision, clipping, schedules,
and a state on disk from which an interrupted training goes on with the same result. On several
devices (``devices.py``) it divides the batches. Knows steps and logs; no text and no ranking.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from transformers import (
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from rabbench.config.train import Schedule
from rabbench.train import devices
from rabbench.types import Measurement, Progress

Inputs = Mapping[str, torch.Tensor]
Logged = dict[str, float]
Loss = Callable[[Any, Inputs], tuple[torch.Tensor, Logged]]
"""``(model, inputs) → (loss, parts to log)``; the model is wrapped where there are devices."""

STATE = "state"
WHOLE = "whole"  # a file in each state that was written to its end
HIGHER = ("held_out_first", "held_out_mrr", "first_in", "r2", "tau", "effective_rank", "spread")


class _Loop(Trainer):  # type: ignore[misc] # transformers is untyped here
    """The Trainer with a loss function and an evaluation of ours."""

    def __init__(self, *, loss: Loss, validate: Callable[[], Logged], **options: Any) -> None:
        super().__init__(**options)
        self.own_loss, self.validate = loss, validate
        self.parts: dict[str, list[float]] = {}
        # Our loss is a mean over the batch: the Trainer divides it by the accumulation.
        self.loss_is_scaled_for_ga = False

    def compute_loss(self, model: Any, inputs: Any, *_: Any, **__: Any) -> torch.Tensor:
        """Our loss; its parts are averaged until they are logged."""
        loss, parts = self.own_loss(model, inputs)
        for name, value in parts.items():
            self.parts.setdefault(name, []).append(value)
        return loss

    def evaluate(self, *_: Any, **__: Any) -> Logged:
        """Our evaluation on held-out queries, in place of a loss on batches."""
        found = self.validate()
        self.log(dict(found))
        return found

    def log(self, logs: dict[str, float], *rest: Any) -> None:
        """The Trainer's log with the parts of our loss."""
        if "loss" in logs:
            found = {name: fmean(values) for name, values in self.parts.items()}
            logs = {**logs, **devices.mean(found)}
            self.parts = {}
        super().log(logs, *rest)


class _Told(TrainerCallback):  # type: ignore[misc] # transformers is untyped here
    """Tells the progress of a training."""

    def __init__(self, name: str, progress: Progress) -> None:
        self.name, self.progress, self.loss = name, progress, ""

    def on_log(self, _: Any, __: Any, ___: Any, logs: Any = None, **____: Any) -> None:
        if logs and "loss" in logs:
            self.loss = f", loss {float(logs['loss']):.4g}"

    def on_step_end(self, _: Any, state: Any, __: Any, **___: Any) -> None:
        self.progress(f"training {self.name}{self.loss}", state.global_step, state.max_steps)


class _Marks(TrainerCallback):  # type: ignore[misc] # transformers is untyped here
    """Marks each state on disk once all processes have written their part of it."""

    def on_save(self, given: Any, state: Any, _: Any, **__: Any) -> None:
        devices.wait()
        if devices.first():
            (Path(given.output_dir) / f"checkpoint-{state.global_step}" / WHOLE).touch()


def _last(folder: Path) -> str | None:
    """The newest whole state; removes all others, which are older or half written."""
    found = [path.parent for path in folder.glob(f"checkpoint-*/{WHOLE}")]
    last = max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
    devices.wait()  # all have looked
    for path in folder.glob("checkpoint-*") if devices.first() else ():
        if path != last:
            shutil.rmtree(path)
    return None if last is None else str(last)


def arguments(schedule: Schedule, out: Path, *, device: str) -> TrainingArguments:
    """The schedule in the Trainer's words."""
    given = TrainingArguments(
        output_dir=str(out / STATE),
        num_train_epochs=schedule.epochs,
        max_steps=schedule.max_steps or -1,
        per_device_train_batch_size=schedule.batch,
        gradient_accumulation_steps=schedule.accumulation,
        learning_rate=schedule.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=schedule.warmup,  # below 1 a share of all steps
        weight_decay=schedule.weight_decay,
        bf16=schedule.precision == "bf16",
        fp16=schedule.precision == "fp16",
        use_cpu=device == "cpu",
        seed=schedule.seed,
        save_strategy="steps",
        save_steps=schedule.save_every,
        save_total_limit=2,  # the last one stays until the next is whole
        eval_strategy="steps",
        eval_steps=schedule.evaluate_every,
        logging_steps=schedule.log_every,
        logging_first_step=True,
        report_to=[],
        disable_tqdm=True,
        train_sampling_strategy="sequential",  # the items come in the order that the seed gave
        remove_unused_columns=False,
        dataloader_pin_memory=device != "cpu",
        ddp_find_unused_parameters=False,  # a step uses all, some in several forwards
    )
    if given.n_gpu > 1:
        given._n_gpu = 1  # one process, one device; the Trainer would split our forwards
    return given


def fit(
    name: str,
    model: Any,
    *,
    loss: Loss,
    items: Sequence[Any],
    collate: Callable[[Sequence[Any]], Inputs],
    validate: Callable[[], Logged],
    schedule: Schedule,
    device: str,
    out: Path,
    resume: bool,
    progress: Progress,
) -> list[dict[str, float]]:
    """Train a model in place and return the log: a dictionary for each logged step.

    Args:
        name: what is trained, for the progress.
        model: a module; a PEFT model's state on disk is its adapter alone.
        loss: of a batch of inputs.
        items: what the batches are made of, in training order.
        collate: items to tensors.
        validate: figures on held-out queries.
        schedule: how long and how fast.
        device: ``cpu`` or ``cuda``.
        out: its folder ``state`` holds the state while training lasts.
        resume: go on from that state, where there is one.
        progress: told after each update.
    """
    if not resume and devices.first():
        shutil.rmtree(out / STATE, ignore_errors=True)
    devices.wait()
    last = _last(out / STATE)
    trainer = _Loop(
        loss=loss,
        validate=validate,
        model=model,
        args=arguments(schedule, out, device=device),
        train_dataset=list(items),
        eval_dataset=[],
        data_collator=collate,
        callbacks=[_Told(name, progress), _Marks()],
    )
    trainer.remove_callback(PrinterCallback)  # the log goes into the results file
    trainer.train(resume_from_checkpoint=last)
    trainer.evaluate()
    return list(trainer.state.log_history)


def finish(out: Path) -> None:
    """Remove the state of a training whose result is saved."""
    shutil.rmtree(out / STATE, ignore_errors=True)


def rows(system: str, log: Sequence[Mapping[str, float]], params: Mapping[str, Any]) -> list[Any]:
    """The log as rows of a results file: phase ``train``, a row for each figure and step."""
    found = []
    for entry in log:
        at = {"step": int(entry["step"]), "epoch": round(float(entry.get("epoch", 0.0)), 4)}
        for name, value in entry.items():
            if name in {"step", "epoch", "total_flos"} or name.startswith("train_"):
                continue
            found.append(
                Measurement(
                    system=system,
                    phase="train",
                    measure=name,
                    value=float(value),
                    unit="1",
                    better="higher" if name.startswith(HIGHER) else "lower",
                    params={**params, **at},
                )
            )
    return found
