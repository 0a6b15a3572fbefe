"""Drafts of the real data against the contracts that people wrote: types, and how the samples fare."""

from __future__ import annotations

from pathlib import Path

import pytest

from shanhai.contracts.federation import open_federation
from shanhai.contracts.model import Contract
from shanhai.ids import DatasetId
from shanhai.ingest.infer import Inferred, infer
from shanhai.ingest.infer.given import open_files
from shanhai.settings import read_settings

pytestmark = pytest.mark.real

ROWS = 4_000
UNLIKE = {
    ("alicante.water_meters", "meter reading"): "the first readings have no decimals",
    ("cnemc.air_daily", "11"): "the first files have no decimals",
    ("milwaukee.police_calls", "district"): "words beside numbers, too rare in a sample",
    ("stlouis.csb_requests", "PROBZIP"): "people know that a postal code is a text",
}
"""Columns whose type a sample does not tell, and why."""
BY_POSITION = "dublin.noise"
"""Its headings differ from file to file, so that people told its columns by position."""
BAD_SHARE = 0.05


def drafted(real_data: Path, federation_folder: Path, work: Path, name: str) -> tuple[Contract, Inferred]:
    federation = open_federation(federation_folder)
    contract = federation.contract(DatasetId.parse(name))
    path = contract.source.options["path"]
    given = open_files(str(real_data / (path if isinstance(path, str) else path[0])))
    settings = read_settings(home=work / "home", federation=federation_folder)
    found = infer(given, contract.dataset, federation, settings, work, rows=ROWS, tell=lambda *_: None)
    return contract, found


NAMES = sorted(
    f"{file.parent.name}.{file.name.removesuffix('.odcs.yml')}"
    for file in (Path(__file__).parents[2] / "examples" / "cities" / "districts").glob("*/*.odcs.yml")
)


@pytest.mark.parametrize("name", [name for name in NAMES if name != BY_POSITION])
def test_a_draft_agrees_with_the_contract(
    real_data: Path, federation_folder: Path, tmp_path: Path, name: str
):
    contract, found = drafted(real_data, federation_folder, tmp_path, name)
    by_source = {guess.column.source: guess.column for guess in found.draft.columns}
    columns = [column for column in contract.columns if column.source in by_source]
    assert len(columns) == len(contract.columns)
    unlike = {
        column.source
        for column in columns
        if column.type != by_source[column.source].type and (name, column.source) not in UNLIKE
    }
    assert not unlike
    assert found.draft.format.kind == contract.format.kind
    assert max(found.broken.values(), default=0) <= BAD_SHARE * found.rows
    persons = {column.name for column in columns if "resident_id" in column.validators}
    assert persons <= {column.name for column in columns if by_source[column.source].personal}
