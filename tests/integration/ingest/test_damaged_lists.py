"""What is damaged in one dataset is told with its file and what helps, and the lists of the others go on."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from another_dataset import OTHERS, declare_another
from one_city import HEADER, City

from shanhai.cli import main
from shanhai.errors import DamagedError
from shanhai.ids import DatasetId
from shanhai.ingest import walk
from shanhai.ingest.ledger import ledger_as_it_is
from shanhai.ingest.pending import late
from shanhai.ingest.purge import purge
from shanhai.ingest.quarantine import groups
from shanhai.ingest.sidecar import body_key, sidecars
from shanhai.report.verify import verify
from shanhai.report.write import is_behind
from shanhai.steps import report_step, stale_report_step
from shanhai.warehouse.lake import LakeTable

DATA = 65
EVENTS = DatasetId("acity", "events")
Said = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> City:
    """Two datasets, each with one delivery that has a refused row; the books follow."""
    city = City(tmp_path_factory.mktemp("walked") / "city")
    city.root.mkdir()
    city.declare()
    city.put("p1.csv", f"{HEADER}a,1,2024-01-01\nb,x,2024-01-01\n")
    declare_another(city, f"{HEADER}o,1,2024-01-01\nb,x,2024-01-01\n")
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
    assert said("reconcile") == (0, "", "The ledger and the quarantine table are up to date.\n")
    match how:
        case "cut":
            _cut(file, file.stat().st_size - 9)
        case "gone":
            file.unlink()
        case "altered":
            content = file.read_bytes()
            file.unlink()
            file.write_bytes(content[:-8] + b"\xff\xff\xff\x7fPAR1")
    for asked in (verb, ("reconcile",)):
        code, out, told = said(*asked)
        assert (code, out) == (DATA, "")
        assert str(file) in told
        assert f"remove the folder {folder}, then: shanhai reconcile" in " ".join(told.split())
    shutil.rmtree(folder)
    taken_up = {
        "ledger": "the ledger 2, the quarantine table 0",
        "quarantine": "the ledger 0, the quarantine table 2",
    }
    assert said("reconcile") == (0, "", f"Commits taken up: {taken_up[name]}.\n")
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
    before = index.stat().st_mtime_ns
    with pytest.raises(DamagedError, match=file.name):
        report_step()
    assert index.stat().st_mtime_ns > before
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
    left_out: dict[DatasetId, DamagedError] = {}
    assert (late(city.node, left_out), set(left_out)) == ([], {EVENTS})
    with pytest.raises(DamagedError):
        late(city.node)
    known = (city.node.home / "notified" / "late.json").read_text()
    with pytest.raises(DamagedError, match=r"acity\.events"):
        walk.late_step(city.node)
    assert (city.node.home / "notified" / "late.json").read_text() == known
    assert told == [] or told[0] in known


def test_a_name_that_is_none_in_what_was_told_stops_no_watch(city: City) -> None:
    told = city.node.home / "notified" / "late.json"
    told.parent.mkdir(exist_ok=True)
    told.write_text('{"windows": ["no dataset"]}')
    assert walk.late_step(city.node) == {"late": [], "told": []}
    assert "no dataset" not in told.read_text()


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
    with pytest.raises(DamagedError, match=file.name):
        stale_report_step()
    assert verify(city.node, city.node.home / "report").differences
    file.write_bytes(whole)
    assert stale_report_step()["report"]
    assert verify(city.node, city.node.home / "report").differences == []
    assert stale_report_step() == {"report": None}
    assert said("quarantine", "list")[0] == 0


def test_what_is_damaged_in_several_datasets_is_told_of_each(city: City, said: Said) -> None:
    files = [
        file
        for dataset in (EVENTS, OTHERS)
        for file in (city.node.home / "snapshots" / "deliveries" / "acity" / dataset.name).iterdir()
    ]
    whole = [file.read_bytes() for file in files]
    for file in files:
        _cut(file)
    code, _, told = said("delivery", "list")
    assert (code, [str(file) in told.replace("\n", "") for file in files]) == (DATA, [True, True])
    for file, content in zip(files, whole, strict=True):
        file.write_bytes(content)
    shutil.rmtree(city.node.books("quarantine"))
    shutil.rmtree(city.node.home / "contracts")
    files = list(city.node.quarantine.glob("*.parquet"))
    for file in files:
        file.unlink()
    code, _, told = said("quarantine", "list")
    assert (code, [file.name in told for file in files]) == (DATA, [True, True])


def test_while_a_sidecar_cannot_be_read_nothing_is_decided_that_it_may_be_meant_by(
    city: City, said: Said
) -> None:
    first = _sidecar(city)
    city.put("p2.csv", f"{HEADER}c,1,2024-01-01\n")
    assert said("pull", str(EVENTS))[0] == 0
    (file,) = {*first.parent.iterdir()} - {first}
    _cut(file)
    who = ("--by", "Li Wei", "--reason", "as the district asked")
    for name in ("acity", str(EVENTS), f"{EVENTS}/p1"):
        code, _, told = said("delivery", "withdraw", name, *who)
        assert (code, str(file) in told) == (DATA, True)
    assert {row.verdict for row in ledger_as_it_is(city.node)} == {"accepted"}
    assert said("delivery", "withdraw", str(OTHERS), *who)[0] == 0


def _delivered_again(city: City) -> Path:
    """Of two deliveries of which the newer has all rows of the older, the bytes of the older; all is old."""
    city.declare(retention={"quarantine_days": 1, "snapshot_days": 1})
    (source,) = sidecars(city.node, EVENTS)
    city.put("p1.csv", f"{HEADER}a,2,2024-01-02\nb,2,2024-01-02\n")
    walk.walk(city.node, EVENTS)
    city.now += timedelta(days=9)
    return city.node.home / "snapshots" / body_key(source.bodies[0].sha256)


def _states(city: City) -> set[str]:
    return {group.state for group in groups(city.node, dataset=EVENTS)}


@pytest.mark.parametrize("stray", [False, True], ids=["cut", "stray"])
def test_a_purge_takes_texts_while_a_sidecar_of_another_dataset_is_damaged_and_bodies_wait(
    city: City, said: Said, stray: bool
) -> None:
    body = _delivered_again(city)
    (file,) = (city.node.home / "snapshots" / "deliveries" / "acity" / "others").iterdir()
    whole = file.read_bytes()
    if stray:
        file = file.parents[2] / "stray.json"
        file.write_text("{}")
    else:
        _cut(file)
    assert _states(city) == {"open"}
    code, out, told = said("purge", "--dry-run", "--format", "json")
    going = {line["part"]: line["bytes"] for line in json.loads(out) if line["does"] == "goes"}
    assert (code, going["snapshot"], str(file) in told) == (DATA, 0, True)
    with pytest.raises(DamagedError) as refused:
        purge(city.node, [EVENTS])
    assert refused.value.given == str(file)
    assert (_states(city), body.exists()) == ({"purged"}, True)
    file.unlink() if stray else file.write_bytes(whole)
    purge(city.node, [EVENTS])
    assert not body.exists()


def test_a_purge_of_one_dataset_does_not_end_with_what_another_has_lost(city: City) -> None:
    _lose_refused_rows(city)
    purge(city.node, [OTHERS])
    with pytest.raises(DamagedError):
        purge(city.node, [EVENTS])


def test_a_walk_that_the_ledger_could_not_follow_is_no_success(
    city: City, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyarrow import parquet

    written = parquet.write_table

    def fails(table: object, where: object, **options: object) -> None:
        if Path(str(where)).parent == city.node.books("ledger"):
            raise OSError(errno.EIO, "Input/output error")
        written(table, where, **options)

    city.put("p2.csv", f"{HEADER}c,1,2024-01-01\n")
    with monkeypatch.context() as disk:
        disk.setattr(parquet, "write_table", fails)
        code, _, told = said("walk", str(EVENTS))
    assert (code, "Input/output error" in told) == (75, True)
    assert said("ledger")[0] == 0


def test_rows_are_not_released_by_a_quarantine_table_that_is_damaged(city: City, said: Said) -> None:
    folder = city.node.books("quarantine")
    (name,) = (one for one in LakeTable.open(folder).files() if _sidecar(city).stem in one)
    _cut(folder / name)
    who = ("--by", "Li Wei", "--reason", "seen on the spot")
    row = ("--rule", "n.range", "--row", "p1.csv:77")
    code, _, told = said("quarantine", "release", str(EVENTS), *row, *who)
    assert (code, name in told) == (DATA, True)


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
