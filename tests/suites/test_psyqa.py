"""PsyQA from a local copy: a small made-up file in the published layout."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from rabbench.suites import _psyqa, rationale
from rabbench.types import BadInputError, MissingError


def question(number: int, **changes: Any) -> dict[str, Any]:
    """A question with one labelled answer of three spans and one without labels."""
    return {
        "question": f" 问题{number}？",
        "description": "说明。",
        "keywords": "情绪",
        "answers": [
            {
                "answer_text": "抱抱你。试着休息。祝好！",
                "has_label": True,
                "labels_sequence": [
                    {"start": 0, "end": 4, "type": "Approval and Reassurance"},
                    {"start": 4, "end": 9, "type": "Direct Guidance"},
                    {"start": 9, "end": 12, "type": "Others"},
                ],
            },
            {"answer_text": "没有标注。", "has_label": False, "labels_sequence": None},
        ],
        "questionID": number,
        **changes,
    }


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("RABBENCH_DATA", str(tmp_path))
    (tmp_path / "psyqa").mkdir()
    return tmp_path / "psyqa" / _psyqa.FILE


def write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def test_each_span_is_a_query_after_the_answer_so_far(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(folder, [question(number) for number in range(60)])
    test, train = rationale.load("psyqa"), rationale.load("psyqa/train")
    assert "licence: the authors' user agreement" in caplog.text
    in_test, in_train = (
        {query_id.split("-")[1] for query_id in suite.queries} for suite in (test, train)
    )
    assert not in_test & in_train
    assert len(in_test) + len(in_train) == 60
    assert 0 < len(in_test) < 15
    number = next(iter(in_test))
    assert [test.queries[f"psyqa-{number}-1-{i}"] for i in (1, 2, 3)] == [
        f"问题{number}？\n说明。",
        f"问题{number}？\n说明。\n抱抱你。",
        f"问题{number}？\n说明。\n抱抱你。试着休息。",
    ]
    assert test.qrels[f"psyqa-{number}-1-2"] == {"direct-guidance": 1}
    assert len(test.docs) == 7
    assert test.docs["others"].startswith("Others: Greet")
    assert not any("类型" in query for query in test.queries.values())
    assert test.fingerprint != train.fingerprint


def test_without_a_copy_the_form_is_named(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    message = r"on a signed form \(github thu-coai/PsyQA\); put its PsyQA_full\.json into a folder"
    with pytest.raises(MissingError, match=message) as caught:
        rationale.load("psyqa")
    assert caught.value.exit_code == 3
    monkeypatch.delenv("RABBENCH_DATA")
    with pytest.raises(MissingError, match="set RABBENCH_DATA to the folder around it"):
        rationale.load("psyqa/train")


def broken(place: int, **changes: Any) -> list[dict[str, Any]]:
    questions = [question(1), question(2)]
    span = deepcopy(questions[1]["answers"][0]["labels_sequence"][place])
    questions[1]["answers"][0]["labels_sequence"][place] = {**span, **changes}
    return questions


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"questions": []}, r"PsyQA_full\.json: dict at the top; expected \[\{\"question\""),
        ([{"question": "?"}], r"question 1: KeyError 'questionID'; expected"),
        ([question(1, answers=None)], r"question 1: TypeError .*; expected"),
        (
            broken(1, end=99),
            r"question 2 \(id 2\): span 4-99 must lie within the answer of 12 char",
        ),
        (
            broken(0, type="Jokes"),
            r"question 2 \(id 2\): strategy 'Jokes'; expected one of Restate",
        ),
        ([question(1, answers=[])], r"no labelled answer among its 1 questions in part 'train'"),
        ([question(1), question(1)], r"question id 1 stands twice; ids are unique"),
    ],
)
def test_a_broken_copy_is_refused(folder: Path, content: Any, message: str) -> None:
    write(folder, content)
    assert _psyqa.part(1) == "train"
    with pytest.raises(BadInputError, match=message) as caught:
        rationale.load("psyqa/train")
    assert caught.value.exit_code == 4


def test_a_file_that_is_not_json_is_refused(folder: Path) -> None:
    folder.write_text("[", encoding="utf-8")
    with pytest.raises(BadInputError, match=r"PsyQA_full\.json: not JSON \(.*\); expected \["):
        rationale.load("psyqa")
