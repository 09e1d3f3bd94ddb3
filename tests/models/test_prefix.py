"""What transformers calls a cache: one name before release 5.24, another since."""

from __future__ import annotations

import pytest

from rabbench.models.prefix import cache_arguments, read_cache


class _Before:
    def forward(self, input_ids: object, past_key_values: object, use_cache: bool) -> None: ...


class _Since:
    def forward(self, input_ids: object, cache: object, use_cache: bool) -> None: ...


@pytest.mark.parametrize(("model", "name"), [(_Before(), "past_key_values"), (_Since(), "cache")])
def test_a_cache_is_given_and_found_under_the_name_that_the_release_has(
    model: object, name: str
) -> None:
    kept = object()
    assert cache_arguments(model, kept) == {name: kept, "use_cache": True}
    assert read_cache({"last_hidden_state": None, name: kept}) is kept
