"""Causal language models as backbones, the teacher, the student; knows nothing of retrieval."""
