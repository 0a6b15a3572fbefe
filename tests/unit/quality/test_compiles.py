"""A contract that the engine does not understand is refused before there is any data."""

from __future__ import annotations

from pathlib import Path

import pytest
from plain_contract import plain_contract

from shanhai.contracts.model import Column
from shanhai.errors import ContractError
from shanhai.quality.compiles import check_compiles


def contract(**options):
    return plain_contract(
        "gongshu.grids",
        Column(name="at", source="at", **options),
        path=Path("districts/gongshu/grids.odcs.yml"),
    )


@pytest.mark.parametrize(
    "options",
    [
        {"type": "string", "pattern": r"^[A-Z]{2}\d{8}$", "validators": ("area_code",)},
        {"type": "timestamp", "formats": ("%Y年%m月%d日 %H:%M",), "time_zone": "America/New_York"},
    ],
)
def test_what_the_engine_understands_passes(options):
    check_compiles(contract(**options))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"type": "string", "pattern": "(?<=a)b"}, "at.pattern"),
        ({"type": "date", "formats": ("%Y-%q",)}, "%Y-%q"),
        ({"type": "timestamp", "time_zone": "Asia/Hangzhou"}, "Asia/Hangzhou"),
        ({"type": "string", "maximum": 1}, "minimum or a maximum"),
    ],
)
def test_what_it_does_not_understand_is_refused_with_the_file(options, named):
    with pytest.raises(ContractError) as error:
        check_compiles(contract(**options))
    assert named in str(error.value)
    assert "districts/gongshu/grids.odcs.yml" in str(error.value)
