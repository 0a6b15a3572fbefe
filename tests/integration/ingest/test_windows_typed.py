"""The key of a window that a person mistyped is shown as it was typed."""

from __future__ import annotations

import pytest
from one_city import DATASET, City

from shanhai.errors import ConfigurationError
from shanhai.ingest import walk


@pytest.mark.parametrize(("typed", "shown"), [("二月", "二月"), ("二月\x1b[2J", r"'二月\x1b[2J'")])
def test_a_window_of_another_form_is_shown_as_it_was_typed(city: City, typed: str, shown: str):
    with pytest.raises(ConfigurationError, match="not the key of a window") as refused:
        walk.pull_step(city.node, DATASET, typed)
    assert refused.value.given == shown
