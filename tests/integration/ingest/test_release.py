"""Release: rows enter by hand although they break a rule, with name and reason, and go again."""

from __future__ import annotations

import json

import duckdb
import pytest
from one_city import COLUMNS, DATASET, HEADER

from shanhai.errors import ConfigurationError, DeniedError
from shanhai.ingest.already import AlreadySoError
from shanhai.ingest.books import table_net
from shanhai.ingest.decide import decide
from shanhai.ingest.load import open_table
from shanhai.ingest.records import Validation, read_record
from shanhai.ingest.recount import recount
from shanhai.ingest.release import release, revoke
from shanhai.ingest.replay import replay
from shanhai.warehouse.lake import LakeTable

WIDE = {"hold": 0.9, "refuse": 0.95}
WHO = {"by": "Li", "reason": "measured by hand"}
ROWS = [
    "a,1,2024-01-01",
    "b,-1,2024-01-01",
    "c,x,2024-01-01",
    "a,-5,2024-01-05",
    "b,-1,2024-01-01",
    ",7,2024-01-01",
    "d,,2024-01-01",
    "f,-9,",
    "too,few",
]


@pytest.fixture
def loaded(city):
    city.declare(tolerance=WIDE)
    city.put("p1.csv", HEADER + "".join(f"{row}\n" for row in ROWS))
    city.walk()
    return city


def counts(city):
    return tuple(vars(city.ledger()["p1"].counts).values())


def marked(city):
    city.quarantined()
    relation = LakeTable.open(city.node.books("quarantine")).relation()
    return duckdb.connect().execute(f'SELECT "position", released FROM {relation} ORDER BY ALL').fetchall()


def test_released_rows_compete_like_any_other_and_still_count_as_broken(loaded):
    city, delivery = loaded, loaded.delivery("p1")
    assert (city.rows(), counts(city)) == ([("a", 1)], (9, 1, 8, 0, 0, 0))
    found = release(city.node, delivery, ["n.range"], **WHO)
    assert [(one.name, one.before, one.after) for one in found.counts] == [
        ("good", 1, 2),
        ("quarantined", 8, 5),
        ("released", 0, 3),
        ("duplicates", 0, 1),
        ("superseded", 0, 1),
    ]
    assert city.rows() == [("a", -5), ("b", -1)]
    assert counts(city) == (9, 2, 5, 1, 1, 0)
    assert marked(city) == [(2, True), (3, False), (4, True), (5, True), *((n, False) for n in (6, 7, 8, 9))]
    net = table_net(open_table(city.node, DATASET))[str(delivery)]
    (waiver,) = net.waivers
    assert (waiver.rules, waiver.rows, waiver.by, waiver.reason) == (("n.range",), None, *WHO.values())
    checks = {
        one.rule: one.unexpected for one in read_record(city.node, delivery, net.staging, Validation).checks
    }
    assert checks["n.range"] == 4
    assert recount(city.node, delivery).agrees
    with pytest.raises(AlreadySoError, match=r": n\.range is released already, since 2024-03-01 .* by Li;"):
        release(city.node, delivery, ["n.range"], by="Wang", reason="x")


def test_a_row_needs_every_rule_that_it_breaks(make_city):
    named = {"name": "z", "logicalType": "string", "logicalTypeOptions": {"maxLength": 2}}
    city = make_city(columns=[*COLUMNS, named], tolerance=WIDE)
    city.put("p1.csv", "编号,n,at,z\na,1,2024-01-01,ok\nb,-1,2024-01-01,long\nc,-1,2024-01-01,\n")
    city.walk()
    delivery = city.delivery("p1")
    with pytest.raises(DeniedError, match="no row would be released"):
        release(city.node, delivery, ["z.length"], **WHO)
    release(city.node, delivery, ["n.range"], **WHO)
    assert city.rows() == [("a", 1), ("c", -1)]
    release(city.node, delivery, ["z.length"], **WHO)
    assert city.rows() == [("a", 1), ("b", -1), ("c", -1)]


def test_some_rows_are_released_and_others_stay(loaded):
    city, delivery = loaded, loaded.delivery("p1")
    release(city.node, delivery, ["n.range"], [("p1.csv", 4)], **WHO)
    assert city.rows() == [("a", -5)]
    release(city.node, delivery, ["n.range"], [("p1.csv", 2)], **WHO)
    assert city.rows() == [("a", -5), ("b", -1)]
    revoke(city.node, delivery, ["n.range"], [("p1.csv", 4)], **WHO)
    assert city.rows() == [("a", 1), ("b", -1)]
    revoke(city.node, delivery, **WHO)
    assert (city.rows(), counts(city)) == ([("a", 1)], (9, 1, 8, 0, 0, 0))
    assert not any(released for _, released in marked(city))


def test_rows_without_competition_enter_too(make_city):
    city = make_city(tolerance=WIDE, versions={"rule": "append"}, duplicates="none")
    city.put("p1.csv", HEADER + "a,1,2024-01-01\nb,-1,2024-01-01\nb,-1,2024-01-01\n")
    city.walk()
    release(city.node, city.delivery("p1"), ["n.range"], **WHO)
    assert city.rows() == [("a", 1), ("b", -1), ("b", -1)]
    assert tuple(vars(city.ledger()["p1"].counts).values()) == (3, 3, 0, 0, 0, 0)


def test_a_release_stays_with_its_delivery(loaded):
    """Withdrawn and approved, replayed under another contract: what was waived stays waived."""
    city, delivery = loaded, loaded.delivery("p1")
    release(city.node, delivery, ["n.range"], **WHO)
    decide(city.node, delivery, "withdraw", by="Li", reason="x")
    assert city.rows() == []
    decide(city.node, delivery, "approve", by="Li", reason="x")
    assert city.rows() == [("a", -5), ("b", -1)]
    city.declare(
        tolerance=WIDE,
        columns=[*COLUMNS[:2], {**COLUMNS[2], "required": True, "description": "when"}],
    )
    assert replay(city.node, delivery).entry is None
    assert city.rows() == [("a", -5), ("b", -1)]
    assert table_net(open_table(city.node, DATASET))[str(delivery)].waivers


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("malformed.columns", "cannot be read"),
        ("n.type", "no value to keep"),
        ("id.required", "without its key"),
        ("at.required", "versions are told apart"),
    ],
)
def test_what_cannot_be_waived_is_refused_with_the_reason(loaded, rule, why):
    with pytest.raises(DeniedError, match="cannot be waived") as error:
        release(loaded.node, loaded.delivery("p1"), [rule, "n.range"], **WHO)
    assert why in str(error.value)
    assert counts(loaded) == (9, 1, 8, 0, 0, 0)


def test_a_rule_that_is_none_is_a_mistake_of_whoever_typed_it(loaded):
    with pytest.raises(ConfigurationError, match="there is no such rule to waive") as error:
        release(loaded.node, loaded.delivery("p1"), ["n.rnge", "n.range"], **WHO)
    assert error.value.given == "n.rnge: the contract has no such rule; it has rules such as n.range"
    assert error.value.allowed == "n.range, n.required", "rules that rows wait for and that can be waived"
    assert error.value.hint.startswith("shanhai quarantine show acity.events/p1")
    assert counts(loaded) == (9, 1, 8, 0, 0, 0)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ([("p1.csv", 99)], "p1.csv:99 no such row in quarantine"),
        ([("p2.csv", 4)], "p2.csv:4 no such row in quarantine"),
        ([("p1.csv", 1)], "p1.csv:1 no such row in quarantine"),
        ([("p1.csv", 3)], "p1.csv:3 breaks n.type"),
        ([("p1.csv", 9), ("p1.csv", 10)], "p1.csv:9 breaks malformed.ragged; p1.csv:10 no such row"),
    ],
)
def test_of_rows_that_are_listed_all_are_released_or_none(loaded, wrong, why):
    city, delivery = loaded, loaded.delivery("p1")
    before = open_table(city.node, DATASET).version
    with pytest.raises(ConfigurationError, match="would not be released; nothing was changed") as error:
        release(city.node, delivery, ["n.range"], [("p1.csv", 4), *wrong], **WHO)
    assert why in str(error.value)
    assert "p1.csv:4" not in str(error.value.given)
    assert not any(value in str(error.value) for value in ("x,", "too,few", "-5"))
    assert open_table(city.node, DATASET).version == before
    assert counts(city) == (9, 1, 8, 0, 0, 0)
    release(city.node, delivery, ["n.range"], [("p1.csv", 4)], **WHO)
    with pytest.raises(ConfigurationError, match="nothing was changed"):
        revoke(city.node, delivery, ["n.range"], [("p1.csv", 4), *wrong], **WHO)
    assert city.rows() == [("a", -5)]


def test_a_row_that_a_changed_contract_lets_in_is_listed_rightly(loaded):
    city, delivery = loaded, loaded.delivery("p1")
    columns = [dict(column) for column in COLUMNS]
    columns[1] = {**columns[1], "logicalTypeOptions": {"minimum": -1}}
    city.declare(columns, tolerance=WIDE)
    release(city.node, delivery, ["n.range"], [("p1.csv", 2), ("p1.csv", 4)], **WHO)
    assert city.rows() == [("a", -5), ("b", -1)]


def test_a_release_needs_a_name_a_reason_and_rules(loaded):
    delivery = loaded.delivery("p1")
    for who in ({"by": " ", "reason": "x"}, {"by": "Li", "reason": ""}):
        with pytest.raises(ConfigurationError, match="a name and a reason"):
            release(loaded.node, delivery, ["n.range"], **who)
    with pytest.raises(ConfigurationError, match="names rules"):
        release(loaded.node, delivery, [], **WHO)
    with pytest.raises(ConfigurationError, match="lists rows"):
        release(loaded.node, delivery, ["n.range"], [], **WHO)
    with pytest.raises(ConfigurationError, match="something of that is not waived"):
        revoke(loaded.node, delivery, **WHO)


def test_what_was_taken_back_is_so_already_and_what_was_never_released_is_a_mistake(loaded):
    city, delivery = loaded, loaded.delivery("p1")
    release(city.node, delivery, ["n.range", "n.required"], [("p1.csv", 4), ("p1.csv", 7)], **WHO)
    revoke(city.node, delivery, ["n.range"], by="Wang", reason="x")
    revoke(city.node, delivery, ["n.required"], [("p1.csv", 7)], **WHO)
    for rules, rows, by in [
        (["n.range"], None, "Wang"),
        (["n.range"], [("p1.csv", 4)], "Wang"),
        (["n.required"], [("p1.csv", 7)], "Li"),
    ]:
        with pytest.raises(AlreadySoError, match=f"taken back already, since 2024-03-01 .* by {by};"):
            revoke(city.node, delivery, rules, rows, **WHO)
    for rules, rows in [(["at.type"], None), (["n.range", "at.type"], None), (["n.range"], [("p1.csv", 2)])]:
        with pytest.raises(ConfigurationError, match="not waived for the delivery; nothing was changed"):
            revoke(city.node, delivery, rules, rows, **WHO)


def test_the_entry_tells_who_released_what(loaded):
    city, delivery = loaded, loaded.delivery("p1")
    release(city.node, delivery, ["n.range"], [("p1.csv", 4)], **WHO)
    commit = open_table(city.node, DATASET).commits()[-1]
    (line,) = commit.facts["entries"]
    assert (line["kind"], line["decided_by"], line["reason"]) == ("replay", *WHO.values())
    assert line["waivers"] == json.loads(
        '[{"rules": ["n.range"], "rows": [["p1.csv", 4]], "by": "Li", "reason": "measured by hand"}]'
    )


@pytest.mark.parametrize("decision", [release, revoke])
def test_a_delivery_that_is_held_is_told_as_such(city, decision):
    city.put("p1.csv", HEADER + "a,1,2024-01-01\nb,-1,2024-01-01\nc,-1,2024-01-01\n")
    city.walk()
    with pytest.raises(DeniedError) as error:
        decision(city.node, city.delivery("p1"), ["n.range"], **WHO)
    told = str(error.value)
    assert "only rows of an accepted delivery are released, or taken back" in told
    assert (", held" in told, "replay" in told) == (True, False)
