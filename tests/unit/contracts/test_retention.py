"""How long values are kept is said by the contract, else by its district, else it is for ever."""

from __future__ import annotations

from pathlib import Path

import pytest
from one_city import DATASET, City

from shanhai.contracts.federation import open_federation
from shanhai.contracts.retention import FOR_EVER, Retention
from shanhai.errors import ContractError


def district(root: Path, said: str) -> None:
    file = root / "districts" / "acity" / "district.yml"
    file.write_text(f"name: acity\ntitle: A city\nendpoints: {{data: data}}\n{said}", encoding="utf-8")


def test_the_contract_goes_before_the_district(tmp_path):
    city = City(tmp_path)
    city.declare()
    assert open_federation(tmp_path).retention(DATASET) == FOR_EVER

    district(tmp_path, "retention: {quarantine_days: 30}\n")
    assert open_federation(tmp_path).retention(DATASET) == Retention(quarantine_days=30)

    city.declare(retention={"quarantine_days": 7, "snapshot_days": 8})
    district(tmp_path, "retention: {quarantine_days: 30}\n")
    assert open_federation(tmp_path).retention(DATASET) == Retention(quarantine_days=7, snapshot_days=8)


def test_a_contradiction_is_refused_in_either_place(tmp_path):
    city = City(tmp_path)
    wrong = {"quarantine_days": 9, "snapshot_days": 8}
    with pytest.raises(ContractError, match="quarantine_days must not exceed"):
        city.declare(retention=wrong)
    city.declare()
    district(tmp_path, f"retention: {wrong}\n")
    with pytest.raises(ContractError, match="retention"):
        _ = open_federation(tmp_path).districts
