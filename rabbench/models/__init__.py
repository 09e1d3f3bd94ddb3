"""Causal language models as backbones, the teacher, the student; know nothing of retrieval runs."""
