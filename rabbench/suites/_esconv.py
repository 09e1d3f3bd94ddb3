"""ESConv as retrieval: the query is a dialogue, the documents are the 8 support strategies.

Knows the format of the source's windows: turns separated by `` EOS ``, each ``score speaker turn
text``, speaker 1 the supporter, whose text starts with ``[Strategy]``.

- The last turn is the supporter's. Its strategy is the one relevant document, its text no part of
  the query. ``Other``, for greetings, thanks and the rest, is a document like any strategy.
- The query is the turns before it, a line each, ``Seeker: …`` or ``Supporter: …``, without the
  supporter's tags: with these labels a retriever could match names instead of reasoning.
- A blank line, or a window with no turn before the last, has no query and is skipped; the two files
  have none: 2,775 test and 2,985 dev windows. A few share a dialogue (a mere "Hello") under another
  label and remain separate queries. A query's id is its line in the source file.

Source: Liu et al., "Towards Emotional Support Dialog Systems", ACL 2021; github
thu-coai/Emotional-Support-Conversation. The definitions of the strategies are ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from rabbench.suites._collection import build_label_suite
from rabbench.suites._fetch import Resource, read
from rabbench.types import BadInputError, Suite

COMMIT = "f262d062ad74cb39b17ea476facc81568ddcba24"
TERMS = "CC BY-NC 4.0"
REPOSITORY = "thu-coai/Emotional-Support-Conversation"


def _resource(filename: str, sha256: str, git_blob: str) -> Resource:
    url = f"https://raw.githubusercontent.com/{REPOSITORY}/{COMMIT}/codes/dataset/{filename}"
    return Resource(
        family="esconv", filename=filename, url=url, sha256=sha256, git_blob=git_blob, terms=TERMS
    )


FILES: Mapping[str, Resource] = {
    "test": _resource(
        "testWithStrategy_short.tsv",
        "b85ae888bf747cefa54bba2a6c3e2f6ccb4c1005d4e0b6d1d3be3823cf040aef",
        "d983beaca8584dde27f5051abfb0ddde778697b2",
    ),
    "dev": _resource(
        "devWithStrategy_short.tsv",
        "625b511f40cf9a9285582e808e6bbb4c2f35d0b0cd063f3709db430b8d0c3bdc",
        "e6b767302ceacc985f4ef156cc94a8b3def95fd3",
    ),
}

STRATEGIES: Mapping[str, str] = {
    "Questions": "Ask about the situation or the feelings, so that the seeker can put the problem "
    "into words.",
    "Restatement or Paraphrasing": "Say in fewer or other words what the seeker has told, to "
    "check that it was understood.",
    "Reflection of feelings": "Name the feelings that the seeker's words show, such as sadness, "
    "fear or anger.",
    "Self-disclosure": "Tell of a similar experience of one's own, to show that the seeker is not "
    "alone with it.",
    "Affirmation and Reassurance": "Encourage the seeker, point to strengths and give hope that "
    "things can get better.",
    "Providing Suggestions": "Propose something that the seeker could do or try about the problem.",
    "Information": "Give facts, explanations or places to turn to that are useful for the problem.",
    "Other": "Greet, thank, wish well or say goodbye, or anything that no other strategy covers.",
}
"""The strategies by the names of the source's labels, with a definition each."""

SPEAKERS = {"0": "Seeker", "1": "Supporter"}
FORMAT = "'score speaker turn text', speaker 0 or 1, the supporter's text after [Strategy]"
_TURN = re.compile(r"\S+ (?P<speaker>[01]) \d+ (?:\[(?P<strategy>[^\]]+)\])?(?P<text>.*)")


def _parse_turn(raw: str, where: str) -> tuple[str, str | None, str]:
    """Speaker, strategy where it is the supporter, and words of a turn."""
    fields = _TURN.fullmatch(" ".join(raw.split()))
    if fields is None:
        raise BadInputError(f"{where}: turn {raw[:60]!r}; expected {FORMAT}")
    return SPEAKERS[fields["speaker"]], fields["strategy"], fields["text"].strip()


def windows(text: str, name: str) -> Iterator[tuple[int, str, str]]:
    """Line number, dialogue before the last turn, and the last turn's strategy of each window.

    BadInputError, with file and line, if a turn is broken, or the last one is not a supporter's
    with a strategy of the list.
    """
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{name}:{number}"
        *turns, (speaker, strategy, _) = [_parse_turn(raw, where) for raw in line.split(" EOS ")]
        if speaker != "Supporter" or strategy is None or strategy not in STRATEGIES:
            raise BadInputError(
                f"{where}: the last turn has strategy {strategy!r}; expected the supporter's "
                f"with one of {', '.join(STRATEGIES)}"
            )
        if turns:
            yield number, "\n".join(f"{speaker}: {words}" for speaker, _, words in turns), strategy


def load(split: str) -> Suite:
    """The windows of one split, ``test`` or ``dev``; errors as in ``_fetch.read``."""
    file = FILES[split]
    return build_label_suite(
        STRATEGIES,
        {
            f"{split}-{number}": (dialogue, strategy)
            for number, dialogue, strategy in windows(read(file), file.filename)
        },
        name=f"esconv/{split}",
        licence=TERMS,
        source=f"github {REPOSITORY} at {COMMIT[:8]}, {file.filename}",
        split=split,
    )
