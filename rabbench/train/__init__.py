"""Training: the teacher, the student distilled from it, and a bi-encoder of the same backbone.

    data.py       a suite's training queries with their positives and negatives
    batches.py    token ids in padded blocks, and a model's final states for them
    loop.py       transformers' Trainer with our losses: resume, precision
    devices.py    what several processes, one for each device, do together
    teacher.py    the generative reranker: sft, dpo or listwise, LoRA or all weights
    student.py    Rabtriever: on-policy distillation into the predictor
    asked.py      the encoded data, and the rounds of candidates the teacher is asked about
    distil.py     the distillation step itself, with its shapes, and what watches for collapse
    states.py     the teacher's states of asked pairs, kept on disk
    biencoder.py  the fair comparison: the same backbone, trained contrastively
    ablation.py   the student without one part of its method at a time, over seeds
    card.py       what a checkpoint's folder holds

Knows suites and models; ranks nothing itself: ``rabbench quality`` evaluates what it writes.
"""

from rabbench.config.train import (
    BiencoderConfig,
    Schedule,
    StudentConfig,
    TeacherConfig,
    TrainingData,
)

__all__ = ["BiencoderConfig", "Schedule", "StudentConfig", "TeacherConfig", "TrainingData"]
