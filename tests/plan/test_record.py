"""Budgets: amounts are read, and a plan that exceeds them is refused with a remedy."""

from __future__ import annotations

import pytest

from rabbench import plan
from rabbench.plan import Budget
from rabbench.types import UsageError
from tests.plan.synthetic import build_plan


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20m", Budget(wall_s=1200)),
        ("1.5h", Budget(wall_s=5400)),
        ("8GB", Budget(peak_bytes=8e9)),
        ("90s, 8GiB", Budget(wall_s=90, peak_bytes=8 * 2**30)),
        (
            "time=1d,index=1TB,download=2gb",
            Budget(wall_s=86400, index_bytes=1e12, download_bytes=2e9),
        ),
    ],
)
def test_budgets_are_read(text: str, expected: Budget) -> None:
    assert plan.parse_budget(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is no amount; give 20m"),
        ("20", "'20' is no amount"),
        ("-3m", "'-3m' is no amount"),
        ("20 parsecs", "unknown unit 'parsecs'; known: s, m"),
        ("20m,1h", "time is given twice"),
        ("0GB", "memory must be more than 0"),
        ("disk=2GB", "unknown limit 'disk'; known: time, memory"),
        ("memory=20m", "memory is given in m; time takes"),
    ],
)
def test_what_is_no_budget_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        plan.parse_budget(text)
    assert caught.value.exit_code == 2


def test_a_plan_within_its_budget_passes() -> None:
    plan.check_budget(build_plan(), Budget(wall_s=7200, peak_bytes=9e9, index_bytes=10))
    plan.check_budget(build_plan(), Budget())


def test_a_budget_that_would_be_exceeded_is_refused_with_the_remedy() -> None:
    with pytest.raises(UsageError) as caught:
        plan.check_budget(build_plan(), plan.parse_budget("20m,8GB,index=1KB"))
    message = str(caught.value)
    assert "time: predicted 2 h 0 min, allowed 20 min" in message
    assert "memory: predicted 9 GB, allowed 8 GB" in message
    assert "index" not in message.split(". Most")[0]
    assert "(42%) goes to 'teacher': lower --max-doc-len" in message
    with pytest.raises(UsageError, match=r"allowed 30 s.*--max-queries, --depth"):
        plan.check_budget(build_plan(command="quality"), Budget(wall_s=30))
