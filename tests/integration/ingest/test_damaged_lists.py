"""What is damaged in one dataset is told with its file and what helps, and the lists of the others go on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from one_city import HEADER, City

from shanhai.cli import main
from shanhai.contracts import render_suite
from shanhai.contracts.federation import open_federation
from shanhai.errors import DamagedError, StoreError
from shanhai.ids import DatasetId
from shanhai.ingest import walk
from shanhai.ingest.ledger import ledger_as_it_is
from shanhai.ingest.pending import late
from shanhai.ingest.purge import purge
from shanhai.ingest.sidecar import body_key, sidecars
from shanhai.report.verify import verify
from shanhai.report.write import is_behind
from shanhai.steps import report_step, stale_report_step
from shanhai.storage.disk import library_error
from shanhai.warehouse.damage import unreadable
from shanhai.warehouse.lake import LakeTable

DATA = 65
EVENTS, OTHERS = DatasetId("acity", "events"), DatasetId("acity", "others")
Said = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> City:
    """Two datasets, each with one delivery that has a refused row; the books follow."""
    city = City(tmp_path_factory.mktemp("walked") / "city")
    city.root.mkdir()
    city.declare()
    folder = city.root / "districts" / "acity"
    document = yaml.safe_load(
        (folder / "events.odcs.yml").read_text(encoding="utf-8").replace("events", "others")
    )
    for one in document["customProperties"]:
        if one["property"] == "source":
            one["value"]["options"] = {"path": "others/*.csv"}
        if one["property"] == "delivery":
            one["value"] = {"per": "file", "partition": {"by": "none"}}
    (folder / "others.odcs.yml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    for path, suite in render_suite.render(open_federation(city.root)).items():
        (city.root / path).write_text(suite, encoding="utf-8")
    city.put("p1.csv", f"{HEADER}a,1,2024-01-01\nb,x,2024-01-01\n")
    (city.data / "others").mkdir()
    city.put("others/o.csv", f"{HEADER}o,1,2024-01-01\nb,x,2024-01-01\n")
    for dataset in (EVENTS, OTHERS):
        walk.walk(city.node, dataset)
    city.quarantined()
    return city


@pytest.fixture
def city(walked: City, tmp_path: Path) -> City:
    return walked.copied(tmp_path / "city")


@pytest.fixture
def said(city: City, capsys: pytest.CaptureFixture[str]) -> Said:
    """The exit code, standard output and standard error of a call."""

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["--home", str(city.root / "home"), "--federation", str(city.root), *arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def _cut(file: Path, size: int = 40) -> None:
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:size])


def _sidecar(city: City) -> Path:
    (file,) = (city.node.home / "snapshots" / "deliveries" / "acity" / "events").iterdir()
    return file


@pytest.mark.parametrize("name", ["ledger", "quarantine"])
@pytest.mark.parametrize("how", ["cut", "gone", "altered"])
def test_a_damaged_file_of_the_books_is_named_and_written_anew(
    city: City, said: Said, name: str, how: str
) -> None:
    folder = city.node.books(name)
    file = folder / sorted(LakeTable.open(folder).files())[0]
    verb = ("ledger",) if name == "ledger" else ("quarantine", "list")
    before = said(*verb)
    match how:
        case "cut":
            _cut(file, file.stat().st_size - 9)
        case "gone":
            file.unlink()
        case "altered":
            content = file.read_bytes()
            file.unlink()
            file.write_bytes(content[:-8] + b"\xff\xff\xff\x7fPAR1")
    code, out, told = said(*verb)
    assert (code, out) == (DATA, "")
    assert str(file) in told
    assert f"remove the folder {folder}, then: shanhai reconcile" in " ".join(told.split())
    shutil.rmtree(folder)
    assert said("reconcile")[0] == 0
    assert said(*verb) == before


def test_a_damaged_sidecar_stops_no_list_of_the_other_datasets(city: City, said: Said) -> None:
    file = _sidecar(city)
    whole = file.read_bytes()
    _cut(file)
    code, out, told = said("delivery", "list", "--format", "json")
    assert (code, [line["dataset"] for line in json.loads(out)]) == (DATA, ["events", "others"])
    assert json.loads(told)["given"] == str(file)
    assert "acity.events" in told
    assert said("delivery", "list", "--dataset", str(OTHERS))[0] == 0
    assert said("delivery", "list", "--dataset", str(EVENTS))[0] == DATA
    assert said("delivery", "show", "acity.others")[0] == 0
    assert said("delivery", "show", "acity.events")[0] == DATA
    with pytest.raises(DamagedError):
        sidecars(city.node, EVENTS)
    assert len(sidecars(city.node, OTHERS)) == 1
    file.write_bytes(whole)
    assert said("delivery", "list")[0] == 0


def test_a_report_is_written_of_all_but_a_damaged_sidecar(
    city: City, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _sidecar(city)
    whole = file.read_bytes()
    _cut(file)
    code, out, told = said("report", "--format", "json")
    assert (code, Path(json.loads(out)["index"]).is_file()) == (DATA, True)
    assert str(file) in told
    index = city.node.home / "report" / "zh" / "index.html"
    assert file.relative_to(city.node.home).as_posix() in index.read_text(encoding="utf-8")
    assert str(city.node.home) not in index.read_text(encoding="utf-8")
    assert is_behind(city.node)
    assert said("report", "scores")[0] == DATA
    found = verify(city.node, city.node.home / "report")
    assert [one for one in found.differences if str(file) in one.what]
    monkeypatch.setattr("shanhai.steps.open_node", lambda: city.node)
    assert str(file) in report_step()["left_out"][0]
    file.write_bytes(whole)
    assert said("report")[0] == 0
    assert verify(city.node, city.node.home / "report").differences == []
    assert file.name not in index.read_text(encoding="utf-8")
    assert not is_behind(city.node)


def test_of_a_dataset_with_a_damaged_sidecar_no_window_is_called_late(city: City) -> None:
    schedule = {"cron": "0 8 * * *", "window": "%Y-%m-%d", "start": "2024-01-01", "due_hours": 1}
    city.declare(schedule=schedule)
    before = late(city.node)
    assert {one.dataset for one in before} == {EVENTS}
    told = walk.late_step(city.node)["told"]
    _cut(_sidecar(city))
    left_out: set[DatasetId] = set()
    assert (late(city.node, left_out), left_out) == ([], {EVENTS})
    with pytest.raises(DamagedError):
        late(city.node)
    known = (city.node.home / "notified" / "late.json").read_text()
    assert walk.late_step(city.node) == {"late": [], "told": []}
    assert (city.node.home / "notified" / "late.json").read_text() == known
    assert told == [] or told[0] in known


def _lose_refused_rows(city: City) -> tuple[Path, bytes]:
    """A file of refused rows that cannot be made again, and the quarantine table that would have its rows."""
    shutil.rmtree(city.node.books("quarantine"))
    shutil.rmtree(city.node.home / "contracts")
    (row,) = (one for one in ledger_as_it_is(city.node) if one.delivery.dataset == EVENTS)
    (file,) = city.node.quarantine.glob(f"{row.delivery.key}-*")
    whole = file.read_bytes()
    file.unlink()
    return file, whole


def test_refused_rows_that_are_lost_for_good_stop_no_other_dataset(
    city: City, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, whole = _lose_refused_rows(city)
    code, out, told = said("delivery", "list")
    assert (code, out.count("acity.")) == (0, 2)
    assert file.name in told
    assert said("ledger", "--check")[0] == 0
    code, out, told = said("quarantine", "list")
    assert (code, "acity.others" in out, "acity.events" in out) == (DATA, True, False)
    assert "restore the file from a copy of the home" in told
    assert said("quarantine", "list", "--dataset", str(OTHERS))[0] == 0
    assert said("quarantine", "show", "acity.others")[0] == 0
    assert said("quarantine", "show", "acity.events")[0] == DATA
    code, out, told = said("report")
    assert (code, Path(out.strip()).is_file()) == (DATA, True)
    assert file.name in told
    monkeypatch.setattr("shanhai.steps.open_node", lambda: city.node)
    (left_out,) = stale_report_step()["left_out"]
    assert file.name in left_out
    assert verify(city.node, city.node.home / "report").differences
    file.write_bytes(whole)
    assert stale_report_step()["left_out"] == []
    assert verify(city.node, city.node.home / "report").differences == []
    assert stale_report_step() == {"report": None}
    assert said("quarantine", "list")[0] == 0


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("how", ["cut", "gone"])
def test_a_damaged_log_is_told_with_its_file(city: City, said: Said, version: int, how: str) -> None:
    file = city.node.table(EVENTS) / "_delta_log" / f"{version:020}.json"
    before = said("ledger")
    whole = file.read_bytes()
    _cut(file) if how == "cut" else file.unlink()
    if version == 1 and how == "gone":
        city.node.table(EVENTS).joinpath("_delta_log", f"{2:020}.json").write_bytes(whole)
    shutil.rmtree(city.node.home / "lake" / "_system")
    for verb in (("ledger",), ("walk", str(EVENTS)), ("report",), ("delivery", "recount", "acity.others")):
        code, _, told = said(*verb)
        assert code == (0 if "recount" in verb else DATA), verb
        assert str(file) in told
        assert "Kernel" not in told
        assert "restore the file from a copy of the home" in told
    assert "acity.others" in said("ledger")[1]
    city.node.table(EVENTS).joinpath("_delta_log", f"{2:020}.json").unlink(missing_ok=True)
    file.write_bytes(whole)
    assert said("ledger") == before


def test_a_damaged_checkpoint_may_be_removed(city: City, said: Said) -> None:
    from deltalake import DeltaTable

    DeltaTable(city.node.table(EVENTS).as_posix()).create_checkpoint()
    log = city.node.table(EVENTS) / "_delta_log"
    (file,) = log.glob("*.checkpoint.parquet")
    _cut(file)
    code, _, told = said("walk", str(EVENTS))
    assert code == DATA
    assert str(file) in told
    assert "it only makes reading faster" in told
    file.unlink()
    (log / "_last_checkpoint").unlink()
    assert said("walk", str(EVENTS))[0] == 0


@pytest.mark.parametrize("how", ["gone", "altered"])
def test_a_recount_names_the_delivery_whose_bytes_are_lost_and_a_pull_says_that_they_are_back(
    city: City, said: Said, how: str
) -> None:
    (source,) = sidecars(city.node, EVENTS)
    body = city.node.home / "snapshots" / body_key(source.bodies[0].sha256)
    body.chmod(0o600)
    body.unlink() if how == "gone" else body.write_bytes(b"x")
    code, _, told = said("delivery", "recount", source.id.short)
    assert code == DATA
    assert source.id.short in told
    assert f"shanhai pull {EVENTS}: {body}" in told
    body.unlink(missing_ok=True)
    code, _, told = said("pull", str(EVENTS))
    assert (code, f"brought back delivery={source.id.short}" in told) == (0, True)
    assert "brought back" not in said("pull", str(EVENTS))[2]
    assert said("delivery", "recount", source.id.short)[0] == 0


def test_bytes_that_were_purged_are_not_told_as_lost_whenever_the_source_shows_them(
    city: City, said: Said
) -> None:
    city.declare(retention={"quarantine_days": 1, "snapshot_days": 1})
    (source,) = sidecars(city.node, EVENTS)
    city.put("p1.csv", f"{HEADER}a,2,2024-01-02\nb,2,2024-01-02\n")
    walk.walk(city.node, EVENTS)
    city.now += timedelta(days=9)
    body = city.node.home / "snapshots" / body_key(source.bodies[0].sha256)
    purge(city.node, [EVENTS])
    assert not body.exists()
    city.put("p1.csv", f"{HEADER}a,1,2024-01-01\nb,x,2024-01-01\n")
    assert "brought back" not in said("pull", str(EVENTS))[2]
    assert body.exists()


def test_a_log_without_a_commit_is_no_damage(tmp_path: Path) -> None:
    """A full disk leaves such a folder where a table was to be made: there is no file to put back."""
    (tmp_path / "_delta_log").mkdir()
    assert type(unreadable(tmp_path, OSError("No space left on device"))) is StoreError


def test_a_library_that_may_not_write_is_told_in_our_words() -> None:
    raw = 'IO Error: Cannot open file "/home/x/scratch/y": Permission denied'
    told = library_error("DuckDB could not read or write", OSError(raw), given="/home/x")
    assert (told.given, "IO Error" in str(told)) == ("Permission denied", False)
    assert told.allowed == "a folder that this user may read and write"
    assert told.hint
