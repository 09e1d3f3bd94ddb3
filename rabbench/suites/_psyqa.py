"""PsyQA as retrieval: the query is a plea for help, the documents are the 7 support strategies.

Knows the source's ``PsyQA_full.json``, in the form of ``FORMAT``: an answer's ``labels_sequence``
has spans (``start``, ``end``) of ``answer_text`` and the strategy of each (``type``).

- A query is the question, its description, and the answer up to a span; the one relevant document
  is the strategy of that span.
- The first tenth of the questions by hash (``part``) is ``psyqa``, the rest ``psyqa/train``. The
  paper's own split is not published, so figures are comparable with each other, not with its.
- Queries are Chinese, as in the source. Strategies have the English names of the labels; the
  definitions are ours.

The authors give the data out on request, on a signed form, and it must not be passed on: a local
copy is read. Source: Sun et al., "PsyQA: A Chinese Dataset for Generating Long Counseling
Text for Mental Health Support", Findings of ACL 2021, arXiv 2106.01702; github thu-coai/PsyQA.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rabbench.suites._collection import build_label_suite
from rabbench.suites._fetch import local_copy
from rabbench.types import BadInputError, MissingError, Suite

log = logging.getLogger(__name__)

FILE = "PsyQA_full.json"
TERMS = "the authors' user agreement: research only, not to be passed on"
TEST_SHARE = 26  # of 256: a tenth of the questions

STRATEGIES: Mapping[str, str] = {
    "Restatement": "Say again in fewer or other words what the seeker has told, to show that it "
    "was understood.",
    "Approval and Reassurance": "Show sympathy, comfort, encourage, and say that the seeker's "
    "feelings are natural.",
    "Interpretation": "Explain what may lie behind the seeker's feelings, thoughts or behaviour, "
    "from another point of view.",
    "Direct Guidance": "Advise what the seeker can do, think or try.",
    "Information": "Give facts, data, theories or places to turn to.",
    "Self-disclosure": "Tell of a similar experience of one's own.",
    "Others": "Greet, say goodbye, or anything that no other strategy covers.",
}
"""The strategies by the names of the labels, with a definition each."""

FORMAT = (
    '[{"question", "description", "questionID", "answers": [{"answer_text", "has_label", '
    '"labels_sequence": [{"start", "end", "type"}] or null}]}]'
)


def part(question_id: object) -> str:
    """``test`` or ``train``: the first byte of the SHA-256 of the question's id."""
    first = hashlib.sha256(str(question_id).encode()).digest()[0]
    return "test" if first < TEST_SHARE else "train"


def _read() -> tuple[Path, Any]:
    path = local_copy("psyqa", FILE)
    if path is None:
        raise MissingError(
            f"PsyQA is given out by its authors on a signed form (github thu-coai/PsyQA); put its "
            f"{FILE} into a folder psyqa and set RABBENCH_DATA to the folder around it"
        )
    log.warning("psyqa: %s; licence: %s", path, TERMS)
    try:
        return path, json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise BadInputError(f"{path}: not JSON ({error}); expected {FORMAT}") from None


def windows(questions: Any, name: str) -> Iterator[tuple[str, str, str, str]]:
    """Question id, query id, query and strategy of every labelled span.

    BadInputError if a question, an answer or a span is not as the source has it.
    """
    if not isinstance(questions, list):
        raise BadInputError(f"{name}: {type(questions).__name__} at the top; expected {FORMAT}")
    for place, question in enumerate(questions, 1):
        where = f"{name}, question {place}"
        try:
            number = str(question["questionID"])
            title, description = question["question"], question["description"] or ""
            plea = f"{title.strip()}\n{description.strip()}".strip()
            for i, answer in enumerate(question["answers"], 1):
                text = answer["answer_text"]
                for j, span in enumerate(answer.get("labels_sequence") or (), 1):
                    start, strategy = _parse_span(span, text, f"{where} (id {number})")
                    query = f"{plea}\n{text[:start]}" if start else plea
                    yield number, f"psyqa-{number}-{i}-{j}", query, strategy
        except (KeyError, TypeError, AttributeError) as error:
            raise BadInputError(
                f"{where}: {type(error).__name__} {error}; expected {FORMAT}"
            ) from None


def _parse_span(span: Any, text: str, where: str) -> tuple[int, str]:
    start, end, strategy = span["start"], span["end"], span["type"]
    if not 0 <= start < end <= len(text):
        raise BadInputError(
            f"{where}: span {start}-{end} must lie within the answer of {len(text)} characters"
        )
    if strategy not in STRATEGIES:
        raise BadInputError(
            f"{where}: strategy {strategy!r}; expected one of {', '.join(STRATEGIES)}"
        )
    return start, strategy


def load(split: str) -> Suite:
    """The spans of one part, ``test`` or ``train``; MissingError if there is no local copy.

    BadInputError if it is not as the source has it, or has no labelled answer in this part.
    """
    path, questions = _read()
    labelled: dict[str, tuple[str, str]] = {}
    for number, query_id, query, strategy in windows(questions, str(path)):
        if part(number) == split:
            if query_id in labelled:
                raise BadInputError(f"{path}: question id {number} stands twice; ids are unique")
            labelled[query_id] = query, strategy
    if not labelled:
        raise BadInputError(
            f"{path}: no labelled answer among its {len(questions)} questions in part {split!r}"
        )
    return build_label_suite(
        STRATEGIES,
        labelled,
        name=f"psyqa/{split}",
        licence=TERMS,
        source=f"local copy of thu-coai/PsyQA, {FILE}",
        split=f"{split}, a tenth of the questions being test",
    )
