"""How a bi-encoder on a causal LM reads a text: a prefix, the text, the end-of-sequence token.

Knows token ids; knows no collection and no ranking.
"""

from __future__ import annotations

from dataclasses import dataclass

from rabbench.models.backbone import Backbone
from rabbench.models.teacher import Prompt

BIENCODER_PROMPT = ("passage: ", "query: ", "")
"""Before a document, before a query, after a query; RepLLaMA's (arXiv 2310.08319)."""

PRESET = (4, 3, 0)  # their tokens under SmolLM2's tokenizer, for presets that have none


@dataclass(frozen=True)
class BiEncoderInputs:
    """Token ids of documents and queries, each ending with the end-of-sequence token."""

    prompt: Prompt
    end: int

    def document(self, text: str) -> list[int]:
        """A document, cut at the prompt's limit."""
        return [*self.prompt.document(text), self.end]

    def query(self, text: str) -> list[int]:
        """A query, cut only where the prompt has a limit for it."""
        return [*self.prompt.query(text), self.end]

    def overhead(self, kind: str) -> int:
        """Tokens around a text's own: of a ``document`` or a ``query``."""
        before_document, before_query, after_query = self.prompt.template
        if kind == "document":
            return len(before_document) + 1
        return len(before_query) + len(after_query) + 1


def biencoder_inputs(
    backbone: Backbone, max_doc_len: int, max_query_len: int | None = None
) -> BiEncoderInputs:
    """The texts of a backbone, with the prompt of its checkpoint where it was trained so."""
    trained = backbone.checkpoint
    own = trained.prompt if trained and trained.kind == "biencoder" else BIENCODER_PROMPT
    prompt = Prompt(backbone, max_doc_len, max_query_len, custom_texts=own, preset_lengths=PRESET)
    end = int(backbone.tokenizer.eos_token_id) if backbone.has_weights else 0
    return BiEncoderInputs(prompt, end)
