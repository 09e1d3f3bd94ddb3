"""SayCan's published plans as retrieval: the query is an instruction, the documents are skills.

Knows the source's table (``INPUT``, ``OUTPUT``; a plan is ``1. skill, 2. skill, … n. done.``) and
how it becomes judgements:

- Documents are the 69 distinct skills of all plans, all with the article *the*. Other names of an
  object (*coke*, *coke can*) remain different skills, as in the plans.
- ``done`` ends every plan and is no document. One row has a sentence after it, which is moved to
  the next row, whose instruction makes no sense without it.
- Instructions that differ only in case, spaces or punctuation are one query, and its relevant
  skills are those of all its plans: 80 queries from 99 rows.
- Moving and handing over (``go to …``, ``bring it to you``) are steps of most plans under any
  instruction: the fixed answer ``bring it to you`` would score R@1 = 35/80. For a plan that handles
  an object they are therefore *excluded* from that query's ranking, for the 12 instructions that
  only ask to move they are relevant. The best fixed answer then scores 13/80.

The paper uses 551 skills, a list that is not published: figures on 69 are comparable with each
other only. Source: Ahn et al., "Do As I Can, Not As I Say", 2022, arXiv 2204.01691; github
say-can/say-can.github.io. It states no licence: a local copy is read and never shipped.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from rabbench.suites._collection import build_suite
from rabbench.suites._fetch import Resource, read
from rabbench.types import BadInputError, Suite

COMMIT = "69886495c40568ed782833c4440c831cf7bfda7a"
PLANS = Resource(
    family="saycan",
    filename="saycan_plan_v0_l.tsv",
    url="https://raw.githubusercontent.com/say-can/say-can.github.io/"
    f"{COMMIT}/data/saycan_plan_v0_l.tsv",
    sha256="ae963797d1be45d77a68b1fd046c049282c9a33370f17adcbaf0500f32016a6a",
    git_blob="1c9ae055d28e98fc005378f67ead432f6e16fc7e",
    terms="none stated; for use where it lies, not to be passed on",
)

_STEP = re.compile(r"(?:^|,\s*)\d+\.\s+")
_ARTICLE = re.compile(r"\b(?:an?|the) ")
_MOVING = re.compile(r"go to .*|bring it to you")


def is_movement(skill: str) -> bool:
    """True for a skill that only moves the robot or hands an object over."""
    return _MOVING.fullmatch(skill) is not None


def plans(text: str, name: str) -> Iterator[tuple[str, list[str]]]:
    """Each row's instruction and skills, in order; BadInputError for a row without either."""
    behind_done = ""
    for number, line in enumerate(text.split("\n")[1:], 2):
        if not line.strip():
            continue
        instruction, _, plan = line.partition("\t")
        steps = [step.strip() for step in _STEP.split(plan.strip())[1:]]
        if not instruction.strip() or not steps:
            raise BadInputError(
                f"{name}:{number}: {line[:60]!r}; expected 'instruction<tab>1. skill, 2. … n. done'"
            )
        instruction = " ".join(f"{behind_done} {instruction}".split())
        *skills, end = steps
        behind_done = re.sub(r"^done[.,\s]*", "", end)
        yield instruction, [_ARTICLE.sub("the ", skill) for skill in skills]


def _key(instruction: str) -> str:
    return " ".join(re.findall(r"\w+", instruction.lower()))


def half(key: str) -> str:
    """``train`` or ``test``: the first bit of the SHA-256 of the instruction's words."""
    return "train" if hashlib.sha256(key.encode()).digest()[0] < 128 else "test"


def load(split: str | None = None) -> Suite:
    """The plans as a test collection, all of them or one half of the instructions.

    The halves of :func:`half` share the skills and no instruction: one is to learn from, the other
    to be tested on. Errors as in ``_fetch.read``.
    """
    wording: dict[str, str] = {}
    skills_by_key: dict[str, set[str]] = {}
    for instruction, skills in plans(read(PLANS), PLANS.filename):
        wording.setdefault(_key(instruction), instruction)
        skills_by_key.setdefault(_key(instruction), set()).update(skills)
    skills = sorted(set().union(*skills_by_key.values()))
    ids = {skill: skill.replace(" ", "-") for skill in skills}
    queries: dict[str, str] = {}
    qrels: dict[str, dict[str, int]] = {}
    excluded: dict[str, frozenset[str]] = {}
    for number, (key, steps) in enumerate(skills_by_key.items(), 1):
        if split not in (None, half(key)):
            continue
        query_id = f"saycan-{number}"
        relevant = {skill for skill in steps if not is_movement(skill)} or steps
        queries[query_id] = wording[key]
        qrels[query_id] = {ids[skill]: 1 for skill in sorted(relevant)}
        if steps - relevant:
            excluded[query_id] = frozenset(ids[skill] for skill in steps - relevant)
    return build_suite(
        {doc_id: skill for skill, doc_id in ids.items()},
        queries,
        qrels,
        name="saycan" if split is None else f"saycan/{split}",
        licence=PLANS.terms,
        source=f"github say-can/say-can.github.io at {COMMIT[:8]}, {PLANS.filename}",
        excluded=excluded,
        split=split or "all instructions",
        candidates=f"all {len(ids)} skills",
    )
