"""A contract that the engine does not understand is refused before there is any data."""

from __future__ import annotations

from pathlib import Path

import pytest

from shanhai.contracts.model import Column, Contract, CsvFormat, Source
from shanhai.errors import ContractError
from shanhai.ids import DatasetId
from shanhai.quality.compiles import check_compiles


def contract(**options):
    return Contract(
        dataset=DatasetId("gongshu", "grids"),
        version="1.0.0",
        status="active",
        title="grids",
        level="district",
        share_class="conditional",
        columns=(Column(name="at", source="at", **options),),
        source=Source(connector="files", endpoint="portal"),
        format=CsvFormat(),
        path=Path("districts/gongshu/grids.odcs.yml"),
        digest="0" * 64,
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
