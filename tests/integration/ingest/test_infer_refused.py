"""Bodies, sources and places of which no draft is made: each is told readably, and nothing is written."""

from __future__ import annotations

import io
import os
import random
from pathlib import Path

import pytest
from visit_sample import text, zipped

from shanhai.cli import main

BAD: dict[str, tuple[bytes, int]] = {
    "empty": (b"", 65),
    "blanks": (b" \r\n\t\n", 65),
    "a mark alone": (b"\xff\xfe", 65),
    "zeros": (bytes(100_000), 65),
    "random bytes": (random.Random(7).randbytes(100_000), 65),
    "random bytes in a zip file": (zipped(random.Random(8).randbytes(100_000)), 65),
    "random bytes after a mark": (b"\xff\xfe" + random.Random(9).randbytes(100_000), 65),
    "zeros between letters": (b"id,name\n" + b"1,a\x00b\n" * 50, 65),
    "a list of numbers": (b"[1, 2, 3]", 65),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, 65),
    "a document": (b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n" * 40, 65),
    "a program": (b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 40, 65),
    "another package": (b"BZh91AY&SY" + bytes(range(256)) * 40, 65),
    "a page of HTML": (b"<!DOCTYPE html><html><body>login</body></html>", 65),
    "headings alone": (b"a,b,c\n", 65),
    "a broken workbook": (b"PK\x03\x04" + bytes(200), 65),
    "a cut off parquet file": (b"PAR1" + bytes(50), 65),
    "JSON without a list": (b'{"a": 1}', 65),
    "broken JSON": (b'{"a": [1, 2', 65),
    "JSON that is nested too deep": (b'{"a":' * 5000 + b"1" + b"}" * 5000, 65),
    "lists that are nested too deep": (b"[" * 2000 + b"]" * 2000, 65),
    "lists without a heading": (b"[[], [1]]", 65),
    "lines that are nested too deep": (2 * (b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"\n"), 65),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_data_is_refused_readably(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]):
    body, code = BAD[name]
    (tmp_path / "x").write_bytes(body)
    output = tmp_path / "x.odcs.yml"
    called = ["contract", "infer", str(tmp_path / "x"), "--output", str(output)]
    assert main(["--home", str(tmp_path / "home"), *called]) == code
    assert not output.exists()
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert "unexpected" not in told


def test_a_file_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    source, output = tmp_path / "a.csv", tmp_path / "kept.odcs.yml"
    source.write_text("a,b\n1,2\n")
    output.write_text("mine")
    assert main(["contract", "infer", str(source), "--output", str(output)]) == 78
    assert output.read_text() == "mine"
    assert "--force" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    source = tmp_path / "visits.csv"
    source.write_text(text(), encoding="utf-8")
    (tmp_path / "file").touch()
    output = tmp_path / "file" / "visits.odcs.yml"
    assert main(["contract", "infer", str(source), "--output", str(output)]) == 78
    error = capsys.readouterr().err
    assert "cannot be written" in error
    assert "--debug" not in error


def test_a_source_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["contract", "infer", str(tmp_path / "nothing-*.csv")]) == 78
    assert "a file, a folder, a glob or a URL" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("", "no source was named"),
        ("x" * 64 + ".csv", "--dataset"),
        ("x" * 300 + "/a.csv", "the source cannot be looked at"),
        ("~nobodyx/a.csv", "nobody of that name has a home here"),
    ],
)
def test_a_source_that_names_nothing_is_told(
    tmp_path: Path,
    source: str,
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{'x' * 64}.csv").write_text(text(), encoding="utf-8")
    assert main(["--home", str(tmp_path / "home"), "contract", "infer", source]) == 78
    assert told in capsys.readouterr().err


def test_a_federation_that_was_named_has_to_be_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "visits.csv").write_text(text(), encoding="utf-8")
    called = ["contract", "infer", str(tmp_path / "visits.csv")]
    assert main(["--federation", str(tmp_path / "typo"), *called]) == 78
    assert str(tmp_path / "typo") in capsys.readouterr().err


@pytest.mark.parametrize("place", ["file", "folder"])
def test_a_name_in_another_encoding_is_told(tmp_path: Path, place: str, capsys: pytest.CaptureFixture[str]):
    """As archives made in GB 18030 leave them: no contract can say it, and no ledger hold it."""
    name = os.fsdecode("走访".encode("gb18030"))
    folder = tmp_path / (name if place == "folder" else "visits")
    folder.mkdir()
    (folder / ("a.csv" if place == "folder" else f"{name}.csv")).write_text(text(), encoding="utf-8")
    called = ["contract", "infer", str(folder), "--dataset", "longyou.visits"]
    assert main(["--home", str(tmp_path / "home"), *called]) == 78
    told = capsys.readouterr().err
    assert "a name is no UTF-8" in told
    assert r"\udcd7" in told


def test_a_draft_that_standard_output_has_no_signs_for_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """With escapes it would name columns that the source does not have."""
    (tmp_path / "visits.csv").write_text(text(), encoding="utf-8")
    piped = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    with monkeypatch.context() as patched:
        patched.setattr("sys.stdout", piped)
        assert (
            main(["--home", str(tmp_path / "home"), "contract", "infer", str(tmp_path / "visits.csv")]) == 78
        )
    piped.flush()
    assert piped.buffer.getvalue() == b""
    assert "--output" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["路灯.odcs.yml", "Lamps.odcs.yml", "lamps.yml", ".odcs.yml"])
def test_no_contract_is_written_among_others_that_none_of_them_could_be_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
):
    """It would be read by nobody, or end each verb that reads the contracts."""
    source, folder = tmp_path / "a.csv", tmp_path / "districts" / "longyou"
    source.write_text("id,n\n1,2\n")
    folder.mkdir(parents=True)
    assert main(["contract", "infer", str(source), "--output", str(folder / name)]) == 78
    assert "called after its dataset" in capsys.readouterr().err
    assert list(folder.iterdir()) == []
    elsewhere = tmp_path / "draft.yml"
    assert main(["contract", "infer", str(source), "--output", str(elsewhere)]) == 0
    assert elsewhere.is_file()
