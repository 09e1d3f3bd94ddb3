"""The inputs of a bi-encoder on a causal LM: a prefix, the text, the end-of-sequence token.

Knows token ids; knows no collection and no ranking.
"""

from __future__ import annotations

from dataclasses import dataclass

from rabbench.models.backbone import Backbone
from rabbench.models.teacher import Prompt

BIENCODER_PROMPT = ("passage: ", "query: ", "")
"""Before a document, before a query, after a query; RepLLaMA's (arXiv 2310.08319)."""

PRESET_LENGTHS = (4, 3, 0)  # their tokens under SmolLM2's tokenizer, for presets that have none


@dataclass(frozen=True)
class BiEncoderInputs:
    """Token ids of documents and queries, each ending with the end-of-sequence token."""

    prompt: Prompt
    end: int

    def document(self, text: str) -> list[int]:
        """A document, cut at the prompt's limit."""
        return [*self.prompt.document(text), self.end]

    def query(self, text: str) -> list[int]:
        """A query, cut at the prompt's limit for it, if any."""
        return [*self.prompt.query(text), self.end]

    def overhead(self, kind: str) -> int:
        """Tokens around the text of a ``document`` or a ``query``."""
        before_document, before_query, after_query = map(len, self.prompt.template)
        return 1 + (before_document if kind == "document" else before_query + after_query)


def biencoder_inputs(
    backbone: Backbone, max_doc_len: int, max_query_len: int | None = None
) -> BiEncoderInputs:
    """The inputs of a backbone, with the prompt of its checkpoint if that is a bi-encoder's."""
    checkpoint = backbone.checkpoint
    is_biencoder = checkpoint and checkpoint.kind == "biencoder"
    texts = checkpoint.prompt if checkpoint and is_biencoder else BIENCODER_PROMPT
    prompt = Prompt(
        backbone, max_doc_len, max_query_len, custom_texts=texts, preset_lengths=PRESET_LENGTHS
    )
    end = int(backbone.tokenizer.eos_token_id) if backbone.has_weights else 0
    return BiEncoderInputs(prompt, end)
