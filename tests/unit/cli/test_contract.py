"""`shanhai contract check` names every wrong contract with its file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from shanhai.cli import main
from shanhai.ids import DatasetId


def _declare(root: Path, dataset: str, **changes: object) -> Path:
    name = DatasetId.parse(dataset)
    properties = {
        "level": "district",
        "shareClass": "conditional",
        "source": {"connector": "files", "endpoint": "data", "options": {"path": "*.csv"}},
        "format": {"kind": "csv"},
        **changes,
    }
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"urn:test:{dataset}",
        "name": name.name,
        "version": "1.0.0",
        "status": "active",
        "schema": [
            {
                "name": name.name,
                "logicalType": "object",
                "properties": [{"name": "code", "logicalType": "string"}],
            }
        ],
        "customProperties": [{"property": key, "value": value} for key, value in properties.items()],
    }
    folder = root / "districts" / name.district
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "district.yml").write_text(
        f"name: {name.district}\ntitle: District\nendpoints: {{data: data}}\n"
    )
    file = folder / f"{name.name}.odcs.yml"
    file.write_text(yaml.safe_dump(document))
    return file


def test_right_contracts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _declare(tmp_path, "acity.one")
    assert main(["--federation", str(tmp_path), "contract", "check"]) == 0
    assert capsys.readouterr().err == "Contracts checked: 1, all right.\n"


def test_every_wrong_contract_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _declare(tmp_path, "acity.one", level="planet")
    _declare(tmp_path, "acity.two")
    _declare(tmp_path, "bcity.three", format={"kind": "pdf"})
    assert main(["--federation", str(tmp_path), "contract", "check", "--format", "json"]) == 78
    captured = capsys.readouterr()
    faults = json.loads(captured.out)
    assert [fault["file"] for fault in faults] == [
        "districts/acity/one.odcs.yml",
        "districts/bcity/three.odcs.yml",
    ]
    assert all(int(fault["line"]) > 0 for fault in faults)
    assert json.loads(captured.err)["message"] == "2 of 3 contracts are wrong"


def test_one_file_by_its_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = _declare(tmp_path, "acity.one", level="planet")
    right = _declare(tmp_path, "acity.two")
    assert main(["--federation", str(tmp_path), "contract", "check", str(right)]) == 0
    assert main(["--federation", str(tmp_path), "contract", "check", str(wrong.parent)]) == 78
    assert main(["--federation", str(tmp_path), "contract", "check", str(tmp_path / "none")]) == 2
    assert "planet" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("stands_in", "federation", "path"),
    [
        (".", ".", "districts/acity/one.odcs.yml"),
        (".", ".", "districts/acity"),
        (".", ".", "."),
        ("districts/acity", None, "one.odcs.yml"),
        ("districts/acity", "../..", "../../../federation/districts/acity/one.odcs.yml"),
        ("..", "federation", "federation/districts"),
        ("..", "federation", "link/districts/acity/one.odcs.yml"),
        ("..", "link", "federation/districts/acity/one.odcs.yml"),
    ],
)
def test_a_path_as_it_is_typed_from_a_folder(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stands_in: str,
    federation: str | None,
    path: str,
) -> None:
    """Which file it is does not hang on how it is named, nor does whether its district is looked at."""
    root = tmp_path / "federation"
    _declare(root, "acity.one", source={"connector": "files", "endpoint": "moon", "options": {}})
    (tmp_path / "link").symlink_to(root)
    monkeypatch.chdir(root / stands_in)
    named = ["--federation", federation or str(root)]
    assert main([*named, "contract", "check", path, "--format", "json"]) == 78
    captured = capsys.readouterr()
    (fault,) = json.loads(captured.out)
    assert (fault["file"], fault["given"]) == ("districts/acity/one.odcs.yml", "moon")
    _declare(root, "acity.one")
    assert main([*named, "contract", "check", path, str(root / "districts/acity/one.odcs.yml")]) == 0
    assert capsys.readouterr().err == "Contracts checked: 1, all right.\n"


def test_a_relative_path_outside_the_federation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _declare(tmp_path / "other", "acity.one", level="planet")
    _declare(tmp_path / "federation", "acity.one")
    monkeypatch.chdir(tmp_path / "federation")
    path = "../other/districts/acity/one.odcs.yml"
    assert main(["--federation", ".", "contract", "check", path, "--format", "json"]) == 78
    (fault,) = json.loads(capsys.readouterr().out)
    assert (fault["file"], fault["given"]) == (path, "planet")


def test_a_file_that_is_called_as_no_dataset_can_be_is_blamed_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each verb that reads the contracts ends with it: which file it is must be told."""
    right = _declare(tmp_path, "acity.one")
    _declare(tmp_path, "acity.two")
    stray = right.with_name("路灯.odcs.yml")
    stray.write_text(right.read_text())
    for verb in ("check", "list"):
        assert main(["--federation", str(tmp_path), "contract", verb, "--format", "json"]) == 78
        captured = capsys.readouterr()
        fault = json.loads(captured.out)[0] if verb == "check" else json.loads(captured.err)
        assert fault["file"] == "districts/acity/路灯.odcs.yml"
        assert "called after its dataset" in fault["message"]
        assert verb == "list" or json.loads(captured.err)["message"] == "1 of 3 contracts are wrong"
    readme = tmp_path / "README.md"
    readme.write_text("no contract")
    assert main(["--federation", str(tmp_path), "contract", "check", str(readme)]) == 78
    assert "README.md" in (told := capsys.readouterr().out)
    assert "<district>/<dataset>.odcs.yml" in told.replace("\n", "")


def test_an_endpoint_that_the_district_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _declare(tmp_path, "acity.one", source={"connector": "files", "endpoint": "moon", "options": {}})
    assert main(["--federation", str(tmp_path), "contract", "check"]) == 78
    assert "moon" in capsys.readouterr().out


def test_listing_is_json_with_what_a_catalogue_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _declare(tmp_path, "acity.one", title="一号")
    assert main(["--federation", str(tmp_path), "contract", "list", "--format", "json"]) == 0
    (line,) = json.loads(capsys.readouterr().out)
    assert line["dataset"] == "acity.one"
    assert line["title"] == "一号"
    assert line["connector"] == "files"
