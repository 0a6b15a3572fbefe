"""The endpoint of a draft is the source's own, or one that is not there and is said to be filled in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from shanhai.cli import main
from shanhai.contracts.federation import open_federation
from shanhai.errors import ContractError
from shanhai.ids import DatasetId
from shanhai.ingest.node import open_node
from shanhai.ingest.snapshot import pull
from shanhai.settings import read_settings

VISITS = DatasetId("longyou", "visits")
ELSEWHERE = "http://127.0.0.1:9"
DAYS = ("2024-03-01", "2024-03-02")


def district(root: Path, **endpoints: str) -> Path:
    file = root / "districts" / "longyou" / "district.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    stated = {"name": "longyou", "title": "龙游", "endpoints": endpoints}
    file.write_text(yaml.safe_dump(stated), encoding="utf-8")
    return file


def infer(root: Path, source: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    output = root / "districts" / "longyou" / "visits.odcs.yml"
    called = ["contract", "infer", str(root / source), "--output", str(output), "--format", "json"]
    assert main(["--home", str(root / "home"), "--federation", str(root), *called]) == 0
    return dict(json.loads(capsys.readouterr().out))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "visits"
    folder.mkdir(parents=True)
    for day in DAYS:
        (folder / f"{day}.csv").write_text(f"id,at\na,{day}\nb,{day}\n", encoding="utf-8")
    return tmp_path


def test_files_below_an_endpoint_are_asked_from_there(files: Path, capsys: pytest.CaptureFixture[str]):
    district(files, portal=ELSEWHERE, folder="data")
    assert infer(files, "data/visits/*.csv", capsys)["steps"] == []
    source = open_federation(files).contract(VISITS).source
    assert (source.endpoint, source.options) == ("folder", {"path": "visits/*.csv"})
    node = open_node(read_settings(home=files / "home", federation=files))
    assert [delivery.partition for delivery in pull(node, VISITS)] == list(DAYS)


def test_an_endpoint_is_where_the_installation_has_it(files: Path, capsys: pytest.CaptureFixture[str]):
    district(files, portal=ELSEWHERE)
    (files / "home").mkdir()
    (files / "home" / "endpoints.yml").write_text(yaml.safe_dump({"longyou.portal": str(files / "data")}))
    assert infer(files, "data/visits/*.csv", capsys)["steps"] == []
    assert open_federation(files).contract(VISITS).source.endpoint == "portal"


def test_no_other_endpoint_is_guessed_and_the_step_makes_it_load(
    files: Path, capsys: pytest.CaptureFixture[str]
):
    file = district(files, folder=ELSEWHERE)
    (step,) = infer(files, "data/visits/*.csv", capsys)["steps"]
    with pytest.raises(ContractError, match="no such endpoint"):
        open_federation(files).contract(VISITS)
    assert "districts/longyou/district.yml" in step
    said = yaml.safe_load(step.split("`")[1])
    assert said == {"folder_2": "data/visits"}
    assert "fill in: add to the endpoints of " in (file.parent / "visits.odcs.yml").read_text()
    district(files, folder=ELSEWHERE, **said)
    node = open_node(read_settings(home=files / "home", federation=files))
    assert len(pull(node, VISITS)) == 2


def test_a_district_that_is_not_there_is_a_step(files: Path, capsys: pytest.CaptureFixture[str]):
    (files / "districts" / "longyou").mkdir(parents=True)
    (step,) = infer(files, "data/visits/*.csv", capsys)["steps"]
    assert step.startswith("write districts/longyou/district.yml")


def test_a_district_without_endpoints_is_told_the_whole_key(files: Path, capsys: pytest.CaptureFixture[str]):
    district(files)
    (step,) = infer(files, "data/visits/*.csv", capsys)["steps"]
    said = yaml.safe_load(step.split("`")[1])["endpoints"]
    assert list(said) == ["folder"]  # as the guide calls it
    district(files, **said)
    assert open_federation(files).contract(VISITS).source.endpoint == "folder"
