"""transformers' Trainer with a loss of our own: what all three trainings share.

The Trainer brings accumulation, mixed precision, clipping, schedules, and a state on disk from
which an interrupted training goes on with the same result. On several devices (``devices.py``) it
divides the batches. Knows steps and logs; no text and no ranking.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from rabbench.train import devices
from rabbench.train.batches import Inputs
from rabbench.types import Measurement, Progress

Figures = dict[str, float]
Loss = Callable[[Any, Inputs], tuple[torch.Tensor, Figures]]
"""``(model, inputs) → (loss, parts to log)``; the model is wrapped where there are devices."""

STATE = "state"
COMPLETE = "whole"  # a file in each state that was written to its end
HIGHER = ("held_out_first", "held_out_mrr", "first_in", "r2", "tau", "effective_rank", "spread")
NO_FIGURES = ("step", "epoch", "total_flos", "train_")  # prefixes in the Trainer's log


class _LossTrainer(Trainer):  # type: ignore[misc] # transformers is untyped here
    """The Trainer with a loss function and a validation of ours."""

    def __init__(self, *, loss: Loss, validate: Callable[[], Figures], **options: Any) -> None:
        super().__init__(**options)
        self.batch_loss, self.validate = loss, validate
        self.parts: dict[str, list[float]] = {}
        # Our loss is a mean over the batch: the Trainer divides it by the accumulation.
        self.loss_is_scaled_for_ga = False

    def compute_loss(self, model: Any, inputs: Any, *_: Any, **__: Any) -> torch.Tensor:
        """Our loss; its parts are averaged until they are logged."""
        loss, parts = self.batch_loss(model, inputs)
        for name, value in parts.items():
            self.parts.setdefault(name, []).append(value)
        return loss

    def evaluate(self, *_: Any, **__: Any) -> Figures:
        """Our validation on held-out queries, in place of a loss on batches."""
        figures = self.validate()
        self.log(dict(figures))
        return figures

    def log(self, logs: dict[str, float], *rest: Any) -> None:
        """The Trainer's log with the parts of our loss."""
        if "loss" in logs:
            means = {name: fmean(values) for name, values in self.parts.items()}
            logs = {**logs, **devices.mean(means)}
            self.parts = {}
        super().log(logs, *rest)


class _Callbacks(TrainerCallback):  # type: ignore[misc] # transformers is untyped here
    """Reports each step, and marks each state on disk once all processes have written it."""

    def __init__(self, name: str, progress: Progress) -> None:
        self.name, self.progress, self.loss = name, progress, ""

    def on_log(self, _: Any, __: Any, ___: Any, logs: Any = None, **____: Any) -> None:
        if logs and "loss" in logs:
            self.loss = f", loss {float(logs['loss']):.4g}"

    def on_step_end(self, _: Any, state: Any, __: Any, **___: Any) -> None:
        self.progress(f"training {self.name}{self.loss}", state.global_step, state.max_steps)

    def on_save(self, arguments: Any, state: Any, _: Any, **__: Any) -> None:
        devices.wait()
        if devices.is_first():
            (Path(arguments.output_dir) / f"checkpoint-{state.global_step}" / COMPLETE).touch()


def _newest_state(folder: Path) -> str | None:
    """The newest complete state; removes all others, which are older or half written."""
    complete = [path.parent for path in folder.glob(f"checkpoint-*/{COMPLETE}")]
    newest = max(complete, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
    devices.wait()  # all have looked
    for path in folder.glob("checkpoint-*") if devices.is_first() else ():
        if path != newest:
            shutil.rmtree(path)
    return None if newest is None else str(newest)


def remove_state(out: Path) -> None:
    """Remove the state of a training that is finished or begun anew."""
    shutil.rmtree(out / STATE, ignore_errors=True)


def trainer_arguments(config: Any, out: Path) -> TrainingArguments:
    """A training's schedule in the Trainer's words; one epoch, since the items hold all visits."""
    schedule, cpu = config.schedule, config.options.device == "cpu"
    arguments = TrainingArguments(
        output_dir=str(out / STATE),
        num_train_epochs=1.0,
        max_steps=schedule.max_steps or -1,
        per_device_train_batch_size=schedule.batch,
        gradient_accumulation_steps=schedule.accumulation,
        learning_rate=schedule.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=schedule.warmup,  # below 1 a share of all steps
        weight_decay=schedule.weight_decay,
        bf16=schedule.precision == "bf16",
        fp16=schedule.precision == "fp16",
        use_cpu=cpu,
        seed=schedule.seed,
        save_strategy="steps",
        save_steps=schedule.save_every,
        save_total_limit=2,  # the last one stays until the next is complete
        eval_strategy="steps",
        eval_steps=schedule.evaluate_every,
        logging_steps=schedule.log_every,
        logging_first_step=True,
        report_to=[],
        disable_tqdm=True,
        train_sampling_strategy="sequential",  # the items come in the order that the seed gave
        remove_unused_columns=False,
        dataloader_pin_memory=not cpu,
        ddp_find_unused_parameters=False,  # a step uses all, some in several forwards
    )
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1  # one process, one device; the Trainer would split our forwards
    return arguments


def fit(
    name: str,
    model: Any,
    config: Any,
    *,
    loss: Loss,
    items: Sequence[Any],
    collate: Callable[[Sequence[Any]], Inputs],
    validate: Callable[[], Figures],
    out: Path,
    progress: Progress,
) -> list[Figures]:
    """Train a model in place and return the log: a dictionary for each logged step.

    ``name`` is for the progress. ``config`` has the schedule, and the device among its options.
    ``items`` stand in training order. ``out/state`` holds the state while training lasts, a PEFT
    model's adapter alone; if there is one already, training goes on from it.
    """
    newest = _newest_state(out / STATE)
    trainer = _LossTrainer(
        loss=loss,
        validate=validate,
        model=model,
        args=trainer_arguments(config, out),
        train_dataset=list(items),
        eval_dataset=[],
        data_collator=collate,
        callbacks=[_Callbacks(name, progress)],
    )
    trainer.remove_callback(PrinterCallback)  # the log goes into the results file
    trainer.train(resume_from_checkpoint=newest)
    trainer.evaluate()
    return list(trainer.state.log_history)


def log_rows(
    system: str, log: Sequence[Mapping[str, float]], params: Mapping[str, Any]
) -> list[Measurement]:
    """The log as rows of a results file: phase ``train``, a row for each figure and step."""
    return [
        Measurement(
            system=system,
            phase="train",
            measure=name,
            value=float(value),
            unit="1",
            better="higher" if name.startswith(HIGHER) else "lower",
            params={
                **params,
                "step": int(entry["step"]),
                "epoch": round(float(entry.get("epoch", 0.0)), 4),
            },
        )
        for entry in log
        for name, value in entry.items()
        if not name.startswith(NO_FIGURES)
    ]
