"""A checkpoint's folder: its base model, prompt, adapter and predictor.

    rabbench.json               the base model, the prompt, training data and options, scores
    adapter_model.safetensors   LoRA weights (peft), with adapter_config.json
    predictor.safetensors       the student's predictor, in the folder of a student
    README.md                   the model card

Knows files and names; loads no model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rabbench.models.catalog import SHIPPED
from rabbench.types import BadInputError

CARD = "rabbench.json"
ADAPTER = "adapter_model.safetensors"
PREDICTOR = "predictor.safetensors"
SCHEMA = 1


@dataclass(frozen=True)
class Checkpoint:
    """A folder that ``rabbench train`` wrote."""

    folder: Path
    kind: str  # teacher, student or biencoder
    base: str  # the name of the model that the adapter belongs to
    prompt: tuple[str, str, str]  # texts before the document, before the query and after it
    card: Mapping[str, Any]  # the content of rabbench.json

    @property
    def adapter(self) -> Path | None:
        """The folder of the LoRA weights, or None where the base itself was trained."""
        return self.folder if (self.folder / ADAPTER).is_file() else None

    @property
    def predictor(self) -> Path | None:
        """The student's predictor, or None in a teacher's folder."""
        path = self.folder / PREDICTOR
        return path if path.is_file() else None

    def fingerprint(self, *, predictor: bool = True) -> str:
        """A short hash of the weights; without the predictor it is the teacher's."""
        digest = hashlib.sha256()
        for path in (self.adapter and self.folder / ADAPTER, self.predictor if predictor else None):
            digest.update(path.read_bytes() if path else b"-")
        return digest.hexdigest()[:16]


def find(name: str) -> Checkpoint | None:
    """The checkpoint of this name: one that ships with rabbench, or a folder; else None.

    BadInputError if the folder's ``rabbench.json`` is damaged or of another schema.
    """
    shipped_folder = Path(__file__).parent.parent / "checkpoints"
    folder = shipped_folder / SHIPPED[name] if name in SHIPPED else Path(name).expanduser()
    path = folder / CARD
    if not path.is_file():
        return None
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        if card["schema"] != SCHEMA:
            raise BadInputError(
                f"{path} has schema {card['schema']}, this rabbench reads {SCHEMA}: train it "
                "again, or use the version that wrote it"
            )
        first, second, third = card["prompt"]
        return Checkpoint(folder, card["kind"], card["base"], (first, second, third), card)
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise BadInputError(
            f"{path} is no checkpoint card ({type(error).__name__}: {error}); train it again"
        ) from error
