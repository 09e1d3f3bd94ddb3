"""Selections of a verification's results."""

from __future__ import annotations

from rabbench.bundle.verify_result import Outcome, VerifyResult


def of_kind(results: list[VerifyResult], kind: str) -> list[VerifyResult]:
    """The results of a kind, such as ``judgements``."""
    return [result for result in results if result.kind == kind]


def of_status(results: list[VerifyResult], status: Outcome) -> list[VerifyResult]:
    """The results with an outcome."""
    return [result for result in results if result.status == status]
