"""LoRA adapters through peft: added into a model's weights; knows no training and no text."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def merge_adapter(model: Any, adapter: Path) -> Any:
    """The model with the folder's LoRA adapter added into its weights."""
    from peft import PeftModel

    with hide_renaming_warning():
        return PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()


@contextmanager
def hide_renaming_warning() -> Iterator[None]:
    """Hide peft 0.21's warning about a name that transformers 5.23 replaced."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
        yield
