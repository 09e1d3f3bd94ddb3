"""What transformers calls a cache: one name before release 5.24, another since."""

from __future__ import annotations

import pytest

from rabbench.models.prefix import cache_arguments, read_cache


class _Before:
    def forward(self, input_ids: object, past_key_values: object, use_cache: bool) -> None: ...


class _Since:
    def forward(self, input_ids: object, cache: object, use_cache: bool) -> None: ...


@pytest.mark.parametrize(("model", "name"), [(_Before(), "past_key_values"), (_Since(), "cache")])
def test_a_cache_has_the_name_of_the_release(model: object, name: str) -> None:
    cache = object()
    assert cache_arguments(model, cache) == {name: cache, "use_cache": True}
    assert read_cache({"last_hidden_state": None, name: cache}) is cache
