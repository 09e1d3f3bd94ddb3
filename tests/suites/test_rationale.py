"""ESConv and SayCan: how they are found, checked and read."""

from __future__ import annotations

import hashlib
import io
import logging
import urllib.error
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rabbench.suites import _esconv, _fetch, _saycan, bright, rationale
from rabbench.types import BadInputError, MissingError, UsageError

CONTENT = b"INPUT\tOUTPUT\nGo.\t1. go to the table, 2. done\n"
RESOURCE = replace(_saycan.PLANS, sha256=hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No local copy, an empty cache, and no network; the cache's folder for SayCan."""

    def unreachable(*args: Any, **kwargs: Any) -> None:
        raise urllib.error.URLError("no network here")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    monkeypatch.delenv("RABBENCH_DATA", raising=False)
    monkeypatch.setenv("RABBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "data" / "saycan"


def test_a_local_copy_is_used_and_its_licence_shown(
    nowhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("RABBENCH_DATA", str(tmp_path))
    (tmp_path / "saycan").mkdir()
    (tmp_path / "saycan" / RESOURCE.filename).write_bytes(CONTENT)
    with caplog.at_level(logging.WARNING):
        assert _fetch.read(RESOURCE) == CONTENT.decode()
    assert "saycan: https://raw.githubusercontent.com/say-can/" in caplog.text
    assert "licence: none stated" in caplog.text


def test_a_copy_with_other_content_is_never_used(nowhere: Path) -> None:
    nowhere.mkdir(parents=True)
    (nowhere / RESOURCE.filename).write_bytes(b"other")
    sha256 = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(
        BadInputError, match=rf"sha256 {sha256}, expected {RESOURCE.sha256} \(git blob 1c9ae055\); "
    ) as caught:
        _fetch.read(RESOURCE)
    assert "remove it, or take it from https://" in str(caught.value)


def test_a_download_is_checked_then_kept(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    urls: list[str] = []

    def answer(url: str, timeout: float) -> io.BytesIO:
        urls.append(url)
        return io.BytesIO(CONTENT)

    monkeypatch.setattr("urllib.request.urlopen", answer)
    with pytest.raises(BadInputError, match="the source has changed: report it"):
        _fetch.read(_saycan.PLANS)
    assert not nowhere.exists()
    assert _fetch.read(RESOURCE) == CONTENT.decode()
    assert [path.name for path in nowhere.iterdir()] == [RESOURCE.filename]
    assert _fetch.read(RESOURCE) == CONTENT.decode()
    assert urls == [RESOURCE.url] * 2


def test_without_copy_and_network_the_remedy_is_said(nowhere: Path) -> None:
    with pytest.raises(
        MissingError, match=r"no network here.*set RABBENCH_DATA to a folder that has saycan/saycan"
    ) as caught:
        rationale.load("saycan")
    assert caught.value.exit_code == 3
    with pytest.raises(MissingError, match=r"'esconv': devWithStrategy_short\.tsv is not on this "):
        rationale.load("esconv/dev")


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UsageError, match=r"unknown rationale data set 'x'; known: .*esconv, esc"):
        rationale.load("x")
    assert rationale.datasets()[: len(rationale.SETS)] == list(rationale.SETS)


def test_bright_is_a_group_with_its_own_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    monkeypatch.setattr(bright, "load", names.append)
    assert len(rationale.GROUPS["bright"]) == 12
    rationale.load("bright/biology-long")
    assert names == ["biology-long"]
    assert rationale.metrics("bright/biology-long") == ("recall@1",)
    assert rationale.metrics("saycan")[0] == "hit_rate@1"


def test_a_dialogue_holds_neither_the_answer_nor_any_strategy() -> None:
    text = (
        "\n"
        "1.0 0 0 Hello   there EOS 1.0 1 1 [Questions] How are you?\r\n"
        "1.0 1 1 [Questions] How are you? EOS 1.0 0 2 Sad [sigh] EOS 1.0 1 3 [Other] I see.\r\n"
        "1.0 1 3 [Other] Alone.\r\n"
    )
    assert list(_esconv.windows(text, "f.tsv")) == [
        (2, "Seeker: Hello there", "Questions"),
        (3, "Supporter: How are you?\nSeeker: Sad [sigh]", "Other"),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1.0 0 0 Hi EOS hello", r"f\.tsv:1: turn 'hello'; expected 'score speaker turn text'"),
        ("1.0 0 0 Hi EOS 1.0 0 1 Bye", r"f\.tsv:1: the last turn has strategy None; expected the"),
        ("1.0 0 0 Hi EOS 1.0 1 1 [Jokes] Ha", "has strategy 'Jokes'; expected .* of Questions, Re"),
    ],
)
def test_a_broken_window_is_refused(line: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        list(_esconv.windows(line, "f.tsv"))


def test_plans_become_skills() -> None:
    text = (
        "INPUT\tOUTPUT\n"
        "Bring a  fruit.\t1. find an orange, 2. bring it to you, 3. done.\n"
        "Move it\t1. pick up the coke, 2. done, I opened a can earlier.\n"
        "Bring the can.\t1. find the bag of chips, 2. done\n"
    )
    assert list(_saycan.plans(text, "f.tsv")) == [
        ("Bring a fruit.", ["find the orange", "bring it to you"]),
        ("Move it", ["pick up the coke"]),
        ("I opened a can earlier. Bring the can.", ["find the bag of chips"]),
    ]
    for line in ("Only an instruction", "Do\tno steps", "\t1. go to the table, 2. done"):
        with pytest.raises(BadInputError, match=r"f\.tsv:2: .*; expected 'instruction<tab>1\. ski"):
            list(_saycan.plans(f"INPUT\tOUTPUT\n{line}\n", "f.tsv"))


@pytest.mark.e2e
def test_esconv_has_its_counts_and_leaks_no_label(rationale_files: Path) -> None:
    suite = rationale.load("esconv")
    assert (len(suite.docs), len(suite.queries)) == (8, 2775)
    assert len(rationale.load("esconv/dev").queries) == 2985
    labels = Counter(next(iter(grades)) for grades in suite.qrels.values())
    assert labels.most_common(2) == [("questions", 554), ("other", 506)]
    assert suite.queries["test-1"] == "Seeker: Hello"
    tags = [f"[{name}]" for name in _esconv.STRATEGIES]
    assert not [query for query in suite.queries.values() for tag in tags if tag in query]


@pytest.mark.e2e
def test_saycan_has_its_counts_and_no_easy_answer(rationale_files: Path) -> None:
    suite = rationale.load("saycan")
    assert (len(suite.docs), len(suite.queries)) == (69, 80)
    assert not [skill for skill in suite.docs.values() if "done" in skill or " a " in skill]
    assert "I opened a sprite earlier. How would you bring me the open can?" in (
        suite.queries.values()
    )
    fixed = Counter(doc_id for grades in suite.qrels.values() for doc_id in grades)
    assert fixed.most_common(1) == [("pick-up-the-coke-can", 13)]
    moving = {doc_id for doc_id, skill in suite.docs.items() if _saycan.is_movement(skill)}
    only = [grades for grades in suite.qrels.values() if moving.intersection(grades)]
    assert len(only) == 12
    assert suite.excluded
    for query_id, dropped in suite.excluded.items():
        assert dropped <= moving
        assert not dropped & set(suite.qrels[query_id])
