"""Replay: a delivery is judged again by the contract as it is now, once, and the table is what follows."""

from __future__ import annotations

import multiprocessing
import random

import pytest
from at_once import at_once
from one_city import COLUMNS, DATASET

from shanhai.cli import main
from shanhai.errors import DeniedError, ShanhaiError
from shanhai.ids import DeliveryId
from shanhai.ingest.behind import behind
from shanhai.ingest.books import Counts, entries, table_net
from shanhai.ingest.decide import decide
from shanhai.ingest.decisions import carry_out
from shanhai.ingest.load import open_table
from shanhai.ingest.node import open_node
from shanhai.ingest.recount import recount
from shanhai.ingest.replay import replay
from shanhai.ingest.stage import GOOD, stage
from shanhai.ingest.standing import standings
from shanhai.settings import Settings

FIRST = "编号,n,at\na,1,2024-01-01\nb,-2,2024-01-02\nc,x,2024-01-01\n"
LATER = "编号,n,at\na,5,2024-01-03\nb,6,2024-01-01\n"


def without_minimum():
    columns = [dict(column) for column in COLUMNS]
    columns[1].pop("logicalTypeOptions")
    return columns


def with_minimum(least):
    columns = [dict(column) for column in COLUMNS]
    columns[1] = {**columns[1], "logicalTypeOptions": {"minimum": least}}
    return columns


@pytest.fixture
def loaded(city):
    city.declare(tolerance={"hold": 0.8, "refuse": 0.9})
    city.put("p1.csv", FIRST)
    city.put("p2.csv", LATER)
    city.walk()
    return city


def lines(city):
    return [
        (entry.kind, bool(entry.cause), entry.loaded) for _, entry in entries(open_table(city.node, DATASET))
    ]


def test_a_row_enters_under_a_contract_that_lets_it_and_others_make_room(loaded):
    city = loaded
    assert city.rows() == [("a", 5), ("b", 6)]
    city.declare(columns=without_minimum(), tolerance={"hold": 0.8, "refuse": 0.9})
    assert behind(city.node, DATASET) == [city.delivery("p1"), city.delivery("p2")]
    found = replay(city.node, city.delivery("p1"))
    assert [(one.name, one.before, one.after) for one in found.counts] == [
        ("good", 1, 2),
        ("quarantined", 2, 1),
        ("rule n.range", 1, 0),
    ]
    assert city.rows() == [("a", 5), ("b", -2)]
    assert lines(city)[-2:] == [("replay", False, 1), ("supersede", True, -1)]
    assert city.ledger()["p1"].contract_version == city.node.federation.contract(DATASET).version
    assert city.quarantined() == [(3, ["n.type"])]
    assert replay(city.node, city.delivery("p1")).entry is None
    assert recount(city.node, city.delivery("p1")).agrees


def test_what_a_stricter_contract_takes_out_makes_room_again(loaded):
    city = loaded
    city.declare(columns=with_minimum(6), tolerance={"hold": 0.8, "refuse": 0.9})
    replay(city.node, city.delivery("p2"))
    assert city.rows() == [("a", 1), ("b", 6)]
    assert lines(city)[-2:] == [("replay", False, -1), ("restore", True, 1)]


def test_what_would_change_is_told_and_not_done(loaded):
    city = loaded
    city.declare(columns=without_minimum(), tolerance={"hold": 0.8, "refuse": 0.9})
    before = city.rows(), lines(city), open_table(city.node, DATASET).version
    found = replay(city.node, city.delivery("p1"), dry_run=True)
    assert (found.changes, found.entry) == (True, None)
    assert (city.rows(), lines(city), open_table(city.node, DATASET).version) == before


def test_nothing_changes_by_a_remark(loaded):
    city = loaded
    city.declare(title="others", tolerance={"hold": 0.8, "refuse": 0.9})
    before = open_table(city.node, DATASET).version
    found = [replay(city.node, city.delivery(name)) for name in ("p1", "p2")]
    assert [(one.changes, one.entry) for one in found] == [(False, None)] * 2
    assert open_table(city.node, DATASET).version == before


def test_the_gate_counts_and_a_person_may_insist(loaded):
    city = loaded
    city.declare(tolerance={"hold": 0.5, "refuse": 0.9})
    with pytest.raises(DeniedError, match="would be held") as error:
        replay(city.node, city.delivery("p1"))
    assert "say who wants it" in str(error.value)
    city.declare(columns=with_minimum(0), tolerance={"hold": 0.2, "refuse": 0.5})
    with pytest.raises(DeniedError, match="would be refused"):
        replay(city.node, city.delivery("p1"), by="Li", reason="so it is")
    assert not [one for one in lines(city) if one[0] == "replay"]
    city.declare(columns=without_minimum(), tolerance={"hold": 0.2, "refuse": 0.5})
    entry = replay(city.node, city.delivery("p1"), by="Li", reason="so it is").entry
    assert (entry.decided_by, entry.reason, entry.loaded) == ("Li", "so it is", 1)


def test_what_is_judged_alike_is_noted_once_and_behind_no_longer(loaded):
    city = loaded
    first, later = city.delivery("p1"), city.delivery("p2")
    city.declare(columns=with_minimum(-1), tolerance={"hold": 0.8, "refuse": 0.9})
    assert behind(city.node, DATASET) == [first, later]
    assert replay(city.node, later, dry_run=True).entry is None
    table, rows, books = open_table(city.node, DATASET), city.rows(), city.ledger()["p2"]
    found = replay(city.node, later)
    assert (found.changes, found.counts, found.entry.counts) == (False, (), Counts())
    assert behind(city.node, DATASET) == [first]
    assert replay(city.node, later).entry is None
    noted = open_table(city.node, DATASET)
    assert (noted.version, noted.files()) == (table.version + 1, table.files())
    assert (city.rows(), city.ledger()["p2"].counts) == (rows, books.counts)
    assert city.ledger()["p2"].contract_version == city.node.federation.contract(DATASET).version
    noted = carry_out(city.node, first, "replay", by="Li", reason="x")
    assert (noted.counts, noted.decided_by) == (Counts(), "Li")
    assert behind(city.node, DATASET) == []
    assert city.quarantined() == [(2, ["n.range"]), (3, ["n.type"])]
    assert recount(city.node, first).agrees
    decide(city.node, later, "withdraw", by="Li", reason="x")
    assert city.rows() == [("a", 1)]


@pytest.mark.parametrize(("verdict", "refuse"), [("held", 0.9), ("refused", 0.2)])
def test_what_a_person_approved_stays_approved_as_far_as_it_was_bad(city, verdict, refuse):
    tolerance = {"hold": 0.1, "refuse": refuse}
    city.declare(tolerance=tolerance)
    city.put("p1.csv", FIRST)
    assert city.walk()[verdict]
    decide(city.node, city.delivery("p1"), "approve", by="Wang", reason="known")
    city.declare(with_minimum(9), tolerance=tolerance)
    (delivery,) = behind(city.node, DATASET)
    with pytest.raises(DeniedError, match="3 of 3 rows are bad"):
        replay(city.node, delivery)
    city.declare(with_minimum(-2), tolerance=tolerance)
    entry = replay(city.node, delivery).entry
    assert (entry.decided_by, entry.reason, entry.loaded) == ("Wang", "known", 1)
    assert behind(city.node, DATASET) == []


def test_a_replay_that_finds_it_alike_takes_no_approval_back_and_moves_nothing(city):
    strict, mild = {"hold": 0.1, "refuse": 0.9}, {"hold": 0.8, "refuse": 0.9}
    city.declare(tolerance=strict)
    city.put("p1.csv", FIRST)
    assert city.walk()["held"]
    delivery = city.delivery("p1")
    decide(city.node, delivery, "approve", by="Wang", reason="known")
    (before,) = standings(city.node, DATASET, [])
    for tolerance in (mild, strict):
        city.declare(tolerance=tolerance)
        noted = replay(city.node, delivery).entry
        assert noted.is_alike
        assert table_net(open_table(city.node, DATASET))[str(delivery)].decided_by == "Wang"
        row = city.ledger()["p1"]
        assert (row.decided_by, row.reason) == ("Wang", "known")
        assert row.contract_version == city.node.federation.contract(DATASET).version
    (after,) = standings(city.node, DATASET, [])
    assert after.settled_at == before.settled_at, "bytes are kept no longer for it"
    city.declare(without_minimum(), tolerance=mild)
    replay(city.node, delivery)
    (moved,) = standings(city.node, DATASET, [])
    assert moved.settled_at > before.settled_at


def test_what_was_put_right_outside_the_contract_counts_for_the_next_replay(loaded):
    city = loaded
    file = city.root / "expectations" / "plausibility" / "acity" / "events.yml"
    file.parent.mkdir(parents=True)
    file.write_text("rows: {min: 10, reason: a slip, since: 2024-01-01}\n")
    city.declare(without_minimum(), tolerance={"hold": 0.8, "refuse": 0.9})
    for _ in range(2):
        with pytest.raises(DeniedError, match="implausible rows"):
            replay(city.node, city.delivery("p1"))
    file.write_text("rows: {min: 1, reason: few are usual, since: 2024-01-01}\n")
    assert replay(city.node, city.delivery("p1")).entry is not None
    assert city.rows() == [("a", 5), ("b", -2)]


def test_words_and_days_leave_nothing_behind(loaded):
    city = loaded
    tolerance = {"hold": 0.8, "refuse": 0.9}
    titled = [dict(COLUMNS[0], description="a number"), *COLUMNS[1:]]
    city.declare(titled, tolerance=tolerance, retention={"quarantine_days": 30})
    assert behind(city.node, DATASET) == []
    city.declare(with_minimum(-1), tolerance=tolerance)
    assert [delivery.partition for delivery in behind(city.node, DATASET)] == ["p1", "p2"]


def test_a_contract_that_cannot_be_read_hides_nothing_of_other_datasets(loaded, capsys):
    city = loaded
    city.declare(with_minimum(-5), tolerance={"hold": 0.8, "refuse": 0.9})
    (city.root / "districts" / "acity" / "a_draft.odcs.yml").write_text("version: [")
    home = ["--home", str(city.root / "home"), "--federation", str(city.root)]
    assert main([*home, "replay", "--all-behind"]) == 78
    assert "passed over: acity.a_draft" in capsys.readouterr().err
    assert city.rows() == [("a", 5), ("b", -2)]
    assert [loaded for kind, _, loaded in lines(city) if kind == "replay"] == [1, 0]


@pytest.mark.parametrize("action", ["withdraw", None])
def test_only_an_accepted_delivery_is_replayed(city, action):
    city.put("p1.csv", FIRST)
    city.walk()
    delivery = city.delivery("p1")
    if action:
        decide(city.node, delivery, "approve", by="Li", reason="x")
        decide(city.node, delivery, action, by="Li", reason="x")
    with pytest.raises(DeniedError, match="only an accepted delivery"):
        replay(city.node, delivery)


def test_a_delivery_keeps_its_place_in_the_order_of_loading(make_city):
    city = make_city(versions={"rule": "append"}, duplicates="table")
    city.put("p1.csv", "编号,n,at\na,1,2024-01-01\nb,-1,2024-01-01\n")
    city.walk()
    city.put("p2.csv", "编号,n,at\na,1,2024-01-01\n")
    city.walk()
    owner = city.rows("id, _partition")
    city.declare(columns=without_minimum(), versions={"rule": "append"}, duplicates="table")
    place = table_net(open_table(city.node, DATASET))[str(city.delivery("p1"))].loaded_version
    replay(city.node, city.delivery("p1"))
    assert city.rows("id, _partition") == [*owner, ("b", "p1")]
    assert table_net(open_table(city.node, DATASET))[str(city.delivery("p1"))].loaded_version == place


def test_where_rows_do_not_compete_the_files_of_others_stay(make_city):
    apart = {
        "versions": {"rule": "append"},
        "duplicates": "delivery",
        "tolerance": {"hold": 0.8, "refuse": 0.9},
    }
    city = make_city(**apart)
    city.put("p1.csv", FIRST)
    city.walk()
    city.put("p2.csv", LATER)
    city.walk()
    before = open_table(city.node, DATASET).files()
    city.declare(columns=without_minimum(), **apart)
    replay(city.node, city.delivery("p1"))
    assert city.rows() == [("a", 1), ("a", 5), ("b", -2), ("b", 6)]
    key = city.delivery("p2").key
    assert {name for name in before if name.startswith(key)} < set(open_table(city.node, DATASET).files())
    city.declare(columns=with_minimum(100), **(apart | {"tolerance": {"hold": 1, "refuse": 1}}))
    replay(city.node, city.delivery("p1"))
    assert city.rows() == [("a", 5), ("b", 6)]
    assert city.ledger()["p1"].counts.loaded == 0


def test_withdrawn_and_approved_after_a_replay(loaded):
    city = loaded
    city.declare(columns=without_minimum(), tolerance={"hold": 0.8, "refuse": 0.9})
    replay(city.node, city.delivery("p1"))
    first = city.delivery("p1")
    decide(city.node, first, "withdraw", by="Li", reason="x")
    assert city.rows() == [("a", 5), ("b", 6)]
    decide(city.node, first, "approve", by="Li", reason="x")
    assert city.rows() == [("a", 5), ("b", -2)]


def test_the_staging_of_then_is_made_again_by_the_contract_of_then(loaded):
    """Another delivery was replayed; the files of this one are lost, and its contract is another one now."""
    city = loaded
    city.declare(columns=without_minimum(), tolerance={"hold": 0.8, "refuse": 0.9})
    second = city.delivery("p2")
    replay(city.node, second)
    net = table_net(open_table(city.node, DATASET))[str(city.delivery("p1"))]
    for file in city.node.staging(city.delivery("p1"), net.staging).iterdir():
        file.unlink()
    decide(city.node, second, "withdraw", by="Li", reason="x")
    assert city.rows() == [("a", 1)]
    assert [position for position, _ in city.quarantined()] == [2, 3]


@pytest.mark.parametrize("room", ["quarantine", "table"])
def test_a_damaged_quarantine_file_is_mended(loaded, room):
    city = loaded
    city.quarantined()
    delivery = city.delivery("p1")
    net = table_net(open_table(city.node, DATASET))[str(delivery)]
    folder = city.node.quarantine if room == "quarantine" else city.node.books("quarantine")
    file = folder / net.staged.quarantine_file
    whole = file.read_bytes()
    file.unlink()
    file.write_bytes(whole[:-30])
    assert replay(city.node, delivery).mended
    assert file.read_bytes() == whole
    assert city.quarantined() == [(2, ["n.range"]), (3, ["n.type"])]
    assert not replay(city.node, delivery).mended


@pytest.mark.parametrize("rule", [{}, {"versions": {"rule": "append"}, "duplicates": "none"}])
@pytest.mark.parametrize("damage", ["cut", "altered"])
def test_a_damaged_file_of_the_table_is_mended_also_by_the_replay_after_a_killed_one(make_city, rule, damage):
    city = make_city(**rule)
    city.put("p1.csv", "编号,n,at\na,1,2024-01-01\nb,2,2024-01-02\n")
    city.put("p2.csv", "编号,n,at\nc,1,2024-01-01\n")
    city.walk()
    delivery = city.delivery("p1")
    good = city.staging(delivery) / GOOD
    (file,) = open_table(city.node, DATASET).path.glob(f"{delivery.key}-*")
    assert file.samefile(good), "one file under two names is damaged under both"
    whole = good.read_bytes()
    with good.open("r+b") as opened:
        opened.seek(len(whole) // 3)
        opened.write(bytes(8))
        opened.truncate(len(whole) // 2 if damage == "cut" else len(whole))
    stage(city.node, delivery)
    assert good.read_bytes() == whole
    found = replay(city.node, delivery)
    assert found.mended
    assert found.entry is not None
    assert found.entry.counts == Counts()
    assert file.name not in open_table(city.node, DATASET).files()
    assert city.rows() == [("a", 1), ("b", 2), ("c", 1)]
    assert replay(city.node, delivery).entry is None


def _replay_elsewhere(settings: Settings, delivery: str, start, outcome) -> None:
    start.wait()
    try:
        outcome.put(replay(open_node(settings), DeliveryId.parse(delivery)).entry is not None)
    except ShanhaiError as error:
        outcome.put(str(error))


def test_processes_that_replay_at_once_do_it_once(loaded):
    city = loaded
    city.declare(columns=without_minimum(), tolerance={"hold": 0.8, "refuse": 0.9})
    delivery = str(city.delivery("p1"))
    told = at_once(_replay_elsewhere, city.node.settings, delivery)
    assert sorted(told) == [False, True], told
    assert [kind for kind, _, _ in lines(city)].count("replay") == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_replay_that_is_killed_is_done_once_in_the_end(loaded, seed):
    city, choose = loaded, random.Random(seed)
    print(f"seed {seed}")
    city.declare(columns=without_minimum(), tolerance={"hold": 0.8, "refuse": 0.9})
    delivery = str(city.delivery("p1"))
    context = multiprocessing.get_context("spawn")
    start, outcome = context.Event(), context.Queue()
    start.set()
    killed = context.Process(target=_replay_elsewhere, args=(city.node.settings, delivery, start, outcome))
    killed.start()
    killed.join(choose.uniform(0.5, 4))
    killed.kill()
    killed.join()
    replay(city.node, DeliveryId.parse(delivery))
    assert city.rows() == [("a", 5), ("b", -2)]
    assert [kind for kind, _, _ in lines(city)].count("replay") == 1
    assert city.quarantined() == [(3, ["n.type"])]
    assert recount(city.node, DeliveryId.parse(delivery)).agrees
