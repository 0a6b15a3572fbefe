"""The report replaces an earlier report, and nothing else."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from shanhai.errors import ConfigurationError
from shanhai.report.data import ReportData
from shanhai.report.write import write_pages


def test_manifest_lists_every_page_with_its_digest(report: ReportData, tmp_path: Path) -> None:
    index = write_pages(report, tmp_path / "report")
    manifest = json.loads((tmp_path / "report" / "manifest.json").read_text())
    assert index == tmp_path / "report" / "index.html"
    assert manifest["versions"] == {"ledger": 12, "quarantine": 9, "publications": 2}
    for path, digest in {**manifest["pages"], **manifest["files"]}.items():
        assert hashlib.sha256((tmp_path / "report" / path).read_bytes()).hexdigest() == digest
    files = {
        file.relative_to(tmp_path / "report").as_posix() for file in tmp_path.rglob("*") if file.is_file()
    }
    assert files == {*manifest["pages"], *manifest["files"], "manifest.json"}
    assert set(manifest["files"]) == {"figures.json", "figures.csv"}


def test_writing_again_is_the_same_and_leaves_no_old_page(report: ReportData, tmp_path: Path) -> None:
    first = write_pages(report, tmp_path).read_text()
    assert write_pages(report, tmp_path).read_text() == first
    write_pages(replace(report, datasets=report.datasets[:1], late=()), tmp_path)
    assert [file.name for file in (tmp_path / "en" / "datasets").iterdir()] == ["gongshu.events.html"]


def test_a_folder_with_other_things_is_left_alone(report: ReportData, tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("mine")
    with pytest.raises(ConfigurationError, match="something else"):
        write_pages(report, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.docx"]


def test_manifest_of_somebody_else_removes_nothing_outside(report: ReportData, tmp_path: Path) -> None:
    outside = tmp_path / "keep.txt"
    outside.write_text("mine")
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "manifest.json").write_text(json.dumps({"pages": {"../keep.txt": ""}}))
    with pytest.raises(ConfigurationError):
        write_pages(report, tmp_path / "report")
    assert outside.read_text() == "mine"


@pytest.mark.parametrize("written", [0, 1, 2, 5])
def test_a_first_report_that_was_killed_is_written_by_the_next(
    report: ReportData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    """Its folder has pages, and one half written, but not the manifest that is written last."""
    replace_file, replaced = Path.replace, 0

    def killed(path: Path, target: Path) -> Path:
        nonlocal replaced
        replaced += 1
        if replaced > written:
            raise SystemExit
        return replace_file(path, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(SystemExit):
        write_pages(report, tmp_path)
    monkeypatch.undo()
    (tmp_path / ".manifest.json.new").write_text("{")
    write_pages(report, tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    files = {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*") if file.is_file()}
    assert files == {*manifest["pages"], *manifest["files"], "manifest.json"}
    assert manifest["versions"] == {"ledger": 12, "quarantine": 9, "publications": 2}
