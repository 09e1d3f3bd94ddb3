"""The demo data set keeps its promises: whole, disjoint by query, and beyond the reach of words."""

import json
import re
from collections import Counter
from importlib.resources import files

import bm25s
import pytest
import Stemmer
from bm25s.stopwords import STOPWORDS_EN

from rabbench.suites import demo
from rabbench.types import Suite, UsageError, rank


@pytest.fixture(scope="module")
def splits() -> dict[str, Suite]:
    return {name: demo.load(name) for name in demo.datasets()}


@pytest.fixture(scope="module")
def records() -> dict[str, list[dict]]:
    folder = files("rabbench.suites") / "data" / "demo"
    return {
        name: [json.loads(line) for line in (folder / name).read_text("utf-8").splitlines()]
        for name in ("corpus.jsonl", "queries.jsonl")
    }


def stems(text: str) -> set[str]:
    words = [word for word in re.findall(r"[^\W\d_]+", text.lower()) if word not in STOPWORDS_EN]
    return set(Stemmer.Stemmer("english").stemWords(words))


def test_describes_itself(splits):
    assert demo.datasets() == ["test", "train"]
    for name, suite in splits.items():
        assert suite.name == f"demo/{name}"
        assert suite.licence == "CC0-1.0"
        assert suite.source == "built in"
        assert not suite.excluded
    prints = {suite.fingerprint for suite in splits.values()}
    assert len(prints) == 2
    assert all(re.fullmatch(r"[0-9a-f]{64}", print_) for print_ in prints)
    assert demo.load("test").fingerprint == splits["test"].fingerprint


def test_unknown_split_lists_the_known():
    with pytest.raises(UsageError, match="unknown demo data set 'dev'; known: test, train"):
        demo.load("dev")


def test_size_and_families(records):
    corpus = records["corpus.jsonl"]
    assert len(corpus) >= 60
    assert len(records["queries.jsonl"]) >= 300
    families = Counter(doc["metadata"]["family"] for doc in corpus)
    assert len(families) >= 4
    assert min(families.values()) >= 10
    assert all(doc["_id"].startswith(doc["metadata"]["family"] + "-") for doc in corpus)


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl"])
def test_no_duplicates(records, name):
    ids = [record["_id"] for record in records[name]]
    texts = [" ".join(re.findall(r"\w+", record["text"].lower())) for record in records[name]]
    assert len(set(ids)) == len(ids)
    assert len(set(texts)) == len(texts)
    assert all(texts)


def test_judgements_point_at_what_exists(splits):
    assert len(splits) == 2
    for suite in splits.values():
        assert suite.queries.keys() == suite.qrels.keys()
        for judged in suite.qrels.values():
            assert judged.keys() <= suite.docs.keys()
            assert set(judged.values()) == {1}


def test_split_is_disjoint_by_query_and_covers_every_document(splits, records):
    train, test = splits["train"], splits["test"]
    assert not train.queries.keys() & test.queries.keys()
    every_query = {record["_id"] for record in records["queries.jsonl"]}
    assert train.queries.keys() | test.queries.keys() == every_query
    assert train.docs == test.docs
    for suite in (train, test):
        assert {doc for judged in suite.qrels.values() for doc in judged} == suite.docs.keys()
    # Two test queries of every document, eleven to learn from.
    assert len(test.queries) == 2 * len(test.docs)
    assert len(train.queries) == 11 * len(train.docs)


def test_no_query_shares_a_stem_with_its_documents(splits):
    shared = {
        (query, doc): common
        for suite in splits.values()
        for query, judged in suite.qrels.items()
        for doc in judged
        if (common := stems(suite.queries[query]) & stems(suite.docs[doc]))
    }
    assert not shared


def test_bm25_fails(splits):
    suite = splits["test"]
    stemmer = Stemmer.Stemmer("english")
    index = bm25s.BM25()
    corpus = bm25s.tokenize(
        list(suite.docs.values()), stopwords="en", stemmer=stemmer, show_progress=False
    )
    index.index(corpus, show_progress=False)
    hits = 0
    for query, text in suite.queries.items():
        (tokens,) = bm25s.tokenize(
            text, stopwords="en", stemmer=stemmer, return_ids=False, show_progress=False
        )
        scores = dict(zip(suite.docs, index.get_scores(tokens).tolist(), strict=True))
        ((best, _),) = rank(scores, k=1)
        hits += best in suite.qrels[query]
    assert hits / len(suite.queries) < 0.1
