"""Names of tables and columns as SQL, and what is said of those that are none."""

from __future__ import annotations

import pytest

from shanhai.connect.database.table import quoted
from shanhai.errors import ConfigurationError


def test_a_name_may_hold_anything_but_nothing() -> None:
    assert quoted('水"表') == '"水""表"'


@pytest.mark.parametrize(("name", "shown"), [("", "''"), ("水表\0", r"'水表\x00'")])
def test_what_is_no_name_can_be_read(name: str, shown: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        quoted(name)
    assert refused.value.given == shown
