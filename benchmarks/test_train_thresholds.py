"""The judgement of a training chain: what is met, what is not, and what may be chance."""

from __future__ import annotations

from pathlib import Path

import train_thresholds

from rabbench.results import ResultsStore
from rabbench.types import Measurement, Results

BETTER, WORSE = [1.0] * 20, [0.5] * 20


def _write_results(folder: Path, **systems: list[float]) -> None:
    rows = [
        Measurement(
            system=name.replace("_", "-"),
            phase="quality",
            measure=measure,
            value=sum(scores) / len(scores),
            unit="1",
            better="higher",
            samples={f"q{i}": score for i, score in enumerate(scores)},
        )
        for name, scores in systems.items()
        for measure in train_thresholds.MEASURES
    ]
    store = ResultsStore(folder, Results(command="quality", config={}, environment={}))
    store.add(*rows)


def _judge(folder: Path, untrained: list[float] = WORSE, **changes: list[float]) -> dict[str, bool]:
    systems = {
        "bm25": WORSE,
        "dense": WORSE,
        "llm_biencoder": WORSE,
        "teacher_cached": BETTER,
        "rabtriever": BETTER,
    }
    _write_results(folder / "quality", **{**systems, **changes})
    _write_results(folder / "untrained", teacher_cached=untrained)
    return {verdict.claim: verdict.met for verdict in train_thresholds.judge(folder)}


def test_a_chain_that_reaches_all_is_said_to(tmp_path: Path) -> None:
    met_by_claim = _judge(tmp_path)
    assert len(met_by_claim) == 9
    assert all(met_by_claim.values())


def test_a_tie_with_the_bi_encoder_is_not_above_it(tmp_path: Path) -> None:
    met_by_claim = _judge(tmp_path, llm_biencoder=BETTER)
    assert {claim for claim, met in met_by_claim.items() if not met} == {
        "student above llm-biencoder, hit_rate@1",
        "student above llm-biencoder, mrr",
    }


def test_a_student_that_forgets_is_caught(tmp_path: Path) -> None:
    met_by_claim = _judge(tmp_path, rabtriever=[0.9] * 20)
    assert [claim for claim, met in met_by_claim.items() if not met] == [
        "student keeps 95% of its teacher's mrr"
    ]


def test_what_is_not_claimed_of_a_data_set_is_compared_and_does_not_fail(tmp_path: Path) -> None:
    _judge(tmp_path, dense=[1.0] * 20, teacher_cached=[0.9] * 20, rabtriever=[0.9] * 20)
    verdicts = train_thresholds.judge(tmp_path, ("untrained", "biencoder", "retention"))
    assert [verdict.claim for verdict in verdicts if not verdict.met] == [
        "teacher above dense, hit_rate@1",
        "teacher above dense, mrr",
    ]
    assert not any(verdict.missed for verdict in verdicts)
    assert sum(verdict.missed for verdict in train_thresholds.judge(tmp_path)) == 2
    text = "\n".join(map(str, verdicts))
    assert "NOT MET" not in text
    assert "not met  teacher above dense, mrr: 0.900 against 1.000, p = " in text
    assert text.count("; not claimed here") == 2


def test_a_difference_on_one_query_may_be_chance(tmp_path: Path) -> None:
    _judge(tmp_path, llm_biencoder=[*BETTER[:-1], 0.0])
    text = "\n".join(map(str, train_thresholds.judge(tmp_path)))
    assert "met      student above llm-biencoder, mrr: 1.000 against 0.950, p = 1: may be" in text


def test_a_teacher_is_set_beside_the_untrained_one_on_the_queries_of_both(tmp_path: Path) -> None:
    teacher = [0.4] * 10 + [1.0] * 10  # 0.7 over all, but the other has met the first ten only
    _judge(tmp_path, untrained=WORSE[:10], teacher_cached=teacher, rabtriever=teacher)
    text = "\n".join(map(str, train_thresholds.judge(tmp_path)))
    assert "NOT MET  teacher above the untrained teacher, mrr: 0.400 against 0.500 on 10" in text
    assert "met      teacher above bm25, mrr: 0.700 against 0.500, p" in text
