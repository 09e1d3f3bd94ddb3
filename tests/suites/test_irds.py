"""The suites behind ir_datasets: names, rules as data, lazy documents, clear refusals."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rabbench import registry
from rabbench.config.options import Options
from rabbench.quality.datasets import open_suite
from rabbench.suites import beir, bright, irds, msmarco, nano_beir
from rabbench.types import BadInputError, MissingError, Suite, UsageError

HEADER = "query-id\tcorpus-id\tscore\n"


def lines(*records: dict[str, str]) -> str:
    return "".join(json.dumps({"title": "", "metadata": {}, **record}) + "\n" for record in records)


@pytest.fixture
def home() -> Iterator[Path]:
    """The folder that the tests' ir_datasets reads; what a test puts there is removed."""
    import shutil

    folder = Path(os.environ["IR_DATASETS_HOME"]) / "beir"
    yield folder
    for name in ("arguana", "fiqa", "nfcorpus"):
        shutil.rmtree(folder / name, ignore_errors=True)


def put(home: Path, name: str, files: dict[str, str]) -> None:
    (home / name).mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(home / name / "source.zip", "w") as archive:
        for path, text in files.items():
            archive.writestr(f"{name}/{path}", text)


def test_short_names_mean_the_split_that_is_reported() -> None:
    full = beir.FAMILY.resolve
    assert full("scifact") == full("beir/scifact/test") == full("scifact/test")
    assert full("scifact") == "beir/scifact/test"
    assert full("scifact/train") == "beir/scifact/train"
    assert full("msmarco") == "beir/msmarco/dev"
    assert full("nq") == "beir/nq"
    assert full("webis-touche2020") == "beir/webis-touche2020/v2"
    assert full("cqadupstack/unix") == "beir/cqadupstack/unix"
    assert msmarco.FAMILY.resolve("dev") == "msmarco-passage/dev/small"
    with pytest.raises(UsageError, match="unknown beir data set 'nosuch'; known: arguana, "):
        beir.load("nosuch")


def test_every_name_that_stands_as_data_is_one_that_ir_datasets_has() -> None:
    names = beir.datasets()
    for group in beir.GROUPS.values():
        assert set(group) <= set(names)
    assert {name: len(group) for name, group in beir.GROUPS.items()} == {
        "beir-13": 13,
        "cqadupstack": 12,
    }
    bases = {name.split("/")[0] for name in names}
    assert {*beir.LICENCES, *beir.SELF_EXCLUDED} <= bases
    assert {"scifact", "scifact/train", "msmarco", "msmarco/dev"} <= set(names)
    assert list(nano_beir.DEFAULT) == nano_beir.datasets()
    assert {*bright.SHORT, *bright.LONG} == set(bright.datasets())
    assert (len(bright.SHORT), len(bright.LONG)) == (12, 8)
    assert {*msmarco.DEFAULT, *msmarco.FAMILY.defaults} <= set(msmarco.datasets())


def test_metrics_follow_each_benchmarks_own_practice() -> None:
    assert bright.metrics("biology-long") == ("recall@1",)
    assert bright.metrics("biology")[0] == "ndcg@10"
    assert msmarco.metrics("dev")[0] == "mrr@10"
    assert msmarco.metrics("trec-dl-2019") == ("ndcg@10", "mrr@10-l2", "recall@100-l2")


def test_a_query_of_arguana_does_not_find_itself(home: Path) -> None:
    put(
        home,
        "arguana",
        {
            "corpus.jsonl": lines(
                {"_id": "q1", "title": "T", "text": "an argument"}, {"_id": "d2", "text": "against"}
            ),
            "queries.jsonl": lines(
                {"_id": "q1", "text": "an argument"}, {"_id": "q2", "text": "x"}
            ),
            "qrels/test.tsv": HEADER + "q1\td2\t1\n",
        },
    )
    suite = beir.load("arguana")
    assert suite.name == "beir/arguana"
    assert suite.excluded == {"q1": frozenset({"q1"})}
    assert suite.queries == {"q1": "an argument"}  # q2 has no judgement
    assert suite.qrels == {"q1": {"d2": 1}}
    assert suite.licence == "CC BY 4.0"
    assert list(suite.docs) == ["q1", "d2"]
    assert suite.docs["q1"] == "T an argument"
    assert dict(suite.docs.items()) == {"q1": "T an argument", "d2": " against"}
    assert list(suite.docs.values()) == ["T an argument", " against"]
    assert (len(suite.docs), len(suite.docs.items()), len(suite.docs.values())) == (2, 2, 2)
    assert "nosuch" not in suite.docs


def test_a_damaged_or_empty_data_set_is_refused(home: Path) -> None:
    (home / "nfcorpus").mkdir()
    (home / "nfcorpus" / "source.zip").write_bytes(b"not a zip")
    with pytest.raises(BadInputError, match=r"'beir/nfcorpus/test' under .* is damaged \(BadZip"):
        beir.load("nfcorpus")
    records = lines({"_id": "1", "text": "x"})
    files = {"corpus.jsonl": records, "queries.jsonl": records, "qrels/test.tsv": HEADER}
    put(home, "fiqa", files)
    with pytest.raises(BadInputError, match=r"'beir/fiqa/test' under .* is empty: no judged quer"):
        beir.load("fiqa")


def test_data_that_is_nowhere_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import requests

    def unreachable(*args: Any, **kwargs: Any) -> None:
        raise requests.exceptions.ConnectionError("no network here")

    monkeypatch.setattr(requests, "get", unreachable)
    message = (
        r"'beir/scidocs' is not under .* and could not be fetched \(no network here\); "
        r"set IR_DATASETS_HOME to a writable folder that has it, or run once with a network"
    )
    with pytest.raises(MissingError, match=message) as caught:
        beir.load("scidocs")
    assert caught.value.exit_code == 3


class Fake:
    """An ir_datasets data set; counts the documents that are streamed."""

    def __init__(self, n_docs: int) -> None:
        self.n_docs = n_docs
        self.streamed = 0

    def docs_store(self) -> SimpleNamespace:
        """Looks documents up."""
        return SimpleNamespace(get=self._doc)

    @staticmethod
    def _doc(doc_id: str) -> SimpleNamespace:
        return SimpleNamespace(doc_id=doc_id, default_text=lambda: f"text of {doc_id}")

    def docs_iter(self) -> Iterator[SimpleNamespace]:
        """Streams the documents."""
        for i in range(self.n_docs):
            self.streamed += 1
            yield self._doc(f"d{i}")

    def docs_count(self) -> int:
        """How many there are."""
        return self.n_docs

    def queries_iter(self) -> list[SimpleNamespace]:
        """One query."""
        return [SimpleNamespace(query_id="q", default_text=lambda: "text")]

    def has_scoreddocs(self) -> bool:
        """It comes with candidates."""
        return True

    def scoreddocs_iter(self) -> list[SimpleNamespace]:
        """Two candidates of the query and one of another."""
        rows = [("q", "d3", 1.5), ("other", "d1", 9.0), ("q", "d1", 2)]
        return [SimpleNamespace(query_id=q, doc_id=d, score=s) for q, d, s in rows]

    def qrels_iter(self) -> list[SimpleNamespace]:
        """One relevant document and two excluded ones."""
        pairs = [("d1", 1), ("d2", -100), ("d3", -100)]
        return [SimpleNamespace(query_id="q", doc_id=d, relevance=r) for d, r in pairs]


def load(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> Suite:
    import ir_datasets

    monkeypatch.setattr(ir_datasets, "load", lambda _: fake)
    return bright.load("biology")


def test_documents_that_bright_excludes_are_no_judgements(monkeypatch: pytest.MonkeyPatch) -> None:
    suite = load(Fake(5), monkeypatch)
    assert suite.qrels == {"q": {"d1": 1}}
    assert suite.excluded == {"q": frozenset({"d2", "d3"})}


def test_a_large_collection_is_not_read_to_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(5_000_000)
    suite = load(fake, monkeypatch)
    assert len(suite.docs) == 5_000_000
    assert suite.docs["d4999999"] == "text of d4999999"
    assert fake.streamed < 200_000


def test_candidates_that_a_data_set_comes_with_are_a_first_stage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    suite = load(Fake(5), monkeypatch)
    system = registry.load("systems", "scoreddocs").build(Options())
    system.index(suite.docs)
    assert system.search(suite.queries, 5) == {"q": {"d1": 2.0, "d3": 1.5}}
    assert "--first-stage scoreddocs" in suite.candidates
    monkeypatch.setattr(Fake, "has_scoreddocs", lambda _: False)
    suite = load(Fake(5), monkeypatch)
    assert suite.candidates == "every document of the collection"
    system.index(suite.docs)
    with pytest.raises(UsageError, match="comes with no scored candidates"):
        system.search(suite.queries, 5)


def test_msmarco_sets_come_with_candidates() -> None:
    import ir_datasets

    for name in ("dev", "trec-dl-2019", "trec-dl-2020"):
        dataset_id = msmarco.FAMILY.resolve(name)
        assert ir_datasets.registry[dataset_id].has_scoreddocs()


def test_any_other_id_is_loaded_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    import ir_datasets

    assert "cranfield" in irds.datasets()
    assert not any(name.startswith(("beir/", "bright/")) for name in irds.datasets())
    monkeypatch.setattr(ir_datasets, "load", lambda _: Fake(5))
    suite = irds.load("cranfield")
    assert (suite.name, len(suite.docs)) == ("cranfield", 5)
    assert suite.licence == "not stated here: see https://ir-datasets.com/cranfield"
    assert irds.load("antique/test").split == "test"


def test_one_of_many_must_be_named() -> None:
    message = (
        r"--suite irds has many data sets; choose some .* antique/test, .*, … \(\d{3} in all\)"
    )
    with pytest.raises(UsageError, match=message) as caught:
        open_suite("irds").dataset_names(())
    assert len(str(caught.value)) < 5000


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cranfeild", r"unknown ir_datasets id 'cranfeild'; near it: cranfield; all are at https"),
        ("beir/scifact/test", r"rules of its own; give --suite beir --datasets scifact/test"),
        ("msmarco-passage/dev", r"rules of its own; give --suite msmarco --datasets dev"),
        ("antique", r"'antique' has no queries and no qrels; its parts: antique/test, antique/te"),
    ],
)
def test_an_id_that_will_not_do_is_refused(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        irds.load(name)


def test_an_empty_collection_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInputError, match=r"'bright/biology' under .* is empty: no documents"):
        load(Fake(0), monkeypatch)


@pytest.mark.e2e
def test_scifact_has_its_published_counts(scifact: None) -> None:
    suite = beir.load("scifact")
    assert (len(suite.docs), len(suite.queries)) == (5183, 300)
    assert sum(map(len, suite.qrels.values())) == 339
    assert suite.docs["4983"].startswith("Microstructural development of human newborn cerebral")
    assert len(beir.load("scifact/train").queries) == 809
