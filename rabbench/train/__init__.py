"""Training: the teacher, the student distilled from it, and a bi-encoder of the same backbone.

    data.py             a suite's training queries with their positives and negatives
    batches.py          token ids in padded blocks, and a model's final states for them
    loop.py             transformers' Trainer with our losses: resume, precision
    devices.py          what several processes, one for each device, do together
    folder.py, card.py  a training's folder, and the card in it
    finetune.py         what teacher and bi-encoder training share
    teacher.py          the generative reranker: sft, dpo or listwise, LoRA or all weights
    biencoder.py        the fair comparison: the same backbone, trained contrastively
    student.py          Rabtriever: on-policy distillation into the predictor
    candidate_pool.py   the encoded data, and the rounds of candidates that the teacher answers
    states.py           the teacher's states of pairs, stored on disk
    initialisation.py   the student's scores before the first step
    distil.py           the distillation step, with its shapes, and what reveals a collapse
    ablation.py         the student without one part of its method at a time, over seeds

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
