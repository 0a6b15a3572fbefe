"""A received application is used once a person adopts it: whole, as it came, under a grant, in one step."""

from __future__ import annotations

import pytest
from sent_applications import (
    CONTRACTS,
    FIRST,
    NAME,
    adopted,
    expected,
    hidden,
    retired,
    standings,
    used,
    waits,
)
from sent_parcels import kinds, looked_at
from two_nodes import NodeHome

from shanhai.applications.comparing import Difference
from shanhai.audit.database import FILE
from shanhai.audit.log import EventLog
from shanhai.courier import adoptions, outbox
from shanhai.courier.adopting import adopt, retire
from shanhai.courier.candidates import candidates, chosen, would_change
from shanhai.errors import ConfigurationError, NotFoundError
from shanhai.report.adopted import read_adopted


def test_the_adopted_version_is_the_one_that_came(node: NodeHome):
    assert (waits(node), standings(node)) == (2, {1: "waits", 2: "waits"})
    adopted(node, 1)
    assert used(node) == expected(1)
    assert (waits(node), standings(node)) == (1, {1: "adopted", 2: "waits"})
    adopted(node, 2)
    assert used(node) == expected(2)
    assert (waits(node), standings(node)) == (0, {1: "received", 2: "adopted"})
    folder = node.home / "applications" / "adopted"
    assert hidden(node) == [".lock"]
    assert {place.stat().st_mode & 0o777 for place in (folder, folder / NAME)} == {0o700}
    adopted(node, 1)
    assert used(node) == expected(1)


def test_the_report_tells_what_is_used_by_whose_decision(node: NodeHome):
    assert read_adopted(node.home) == ()
    adopted(node, 1, who="Zhou Min")
    (one,) = read_adopted(node.home) or ()
    with node.desk() as desk:
        (source,) = (one.source for one in candidates(desk.connection) if one.source.version == 1)
    assert (f"{one.partner}.{one.application}", one.version, one.who) == (NAME, 1, "Zhou Min")
    assert one.listing == source.listing
    retired(node)
    assert read_adopted(node.home) == ()
    (node.home / FILE).write_bytes(b"no database" * 1000)
    assert read_adopted(node.home) is None


def test_a_newer_version_leaves_no_older_one_to_be_decided(node: NodeHome):
    adopted(node, 2)
    assert (waits(node), standings(node)) == (0, {1: "received", 2: "adopted"})


def test_each_decision_is_an_event_of_a_person_and_keeps_its_reason(node: NodeHome):
    adopted(node, 1, who="Zhou Min")
    retired(node)
    with node.desk() as desk:
        first, second = adoptions.of_folder(desk.connection, NAME)
        told = [one.event for one in EventLog(desk.connection).entries()]
        (source,) = (one.source for one in candidates(desk.connection) if one.source.version == 1)
    events = {one.kind: one for one in told if one is not None}
    assert (first.who, first.reason, first.source) == ("Zhou Min", "we read it", source)
    assert (second.who, second.source) == ("Li Wei", None)
    assert events["adopt"].who == "Zhou Min"
    assert dict(events["adopt"].about) == {
        "application": "dashboards",
        "digest": first.digest,
        "message": source.message,
        "pairing": first.pairing,
        "partner": "longyou",
        "set": source.set_id,
        "version": 1,
    }
    assert events["application-retired"].about["digest"] == second.digest


def test_the_event_comes_before_the_folder_and_without_a_log_nothing_is_adopted(node: NodeHome):
    with node.desk() as desk:
        desk.connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
    with pytest.raises(Exception, match="disk is full"):
        adopted(node, 1)
    assert used(node) == {}
    assert (waits(node), standings(node)[1]) == (2, "waits")
    with node.desk() as desk:
        desk.connection.execute("DROP TRIGGER full")
    adopted(node, 2)
    assert (used(node), hidden(node)) == (expected(2), [".lock"])


def test_the_partner_is_told_once(node: NodeHome):
    def receipts() -> int:
        pairing = node.partner("longyou").pairing
        said = looked_at(node, lambda desk: outbox.of_pairing(desk.connection, pairing))
        return sum(one.type == "receipt" for one in said)

    before = receipts()
    adopted(node, 1)
    adopted(node, 2)
    adopted(node, 1)
    assert receipts() == before + 2


def test_what_adopting_would_change_is_told_by_file(node: NodeHome):
    with node.desk() as desk:
        first, second = candidates(desk.connection)
        assert would_change(desk.connection, first, node.home) == Difference(tuple(sorted(FIRST)), (), ())
        adopted(node, 1)
        assert would_change(desk.connection, first, node.home).none
        assert would_change(desk.connection, second, node.home) == Difference(
            added=tuple(sorted({"data/large.bin", *CONTRACTS})),
            changed=("README.md",),
            removed=("data/empty", "old/notes.txt"),
        )


def test_an_application_that_nobody_wants_waits_no_longer(node: NodeHome):
    retired(node)
    assert (waits(node), standings(node)) == (0, {1: "received", 2: "received"})
    for name in (NAME, "longyou.nothing"):
        with node.desk() as desk, pytest.raises(NotFoundError):
            retire(desk, name, reason="twice")


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 1001])
def test_a_decision_has_a_reason(node: NodeHome, reason: str):
    with node.desk() as desk, pytest.raises(ConfigurationError):
        adopt(desk, chosen(desk.connection, NAME, 1), reason=reason, keep_free_bytes=0)
    assert (used(node), "adopt" in kinds(node)) == ({}, False)


def test_a_version_is_named_by_its_number_or_its_message(node: NodeHome):
    with node.desk() as desk:
        first, second = candidates(desk.connection)
        assert chosen(desk.connection, NAME, 2) == second
        assert chosen(desk.connection, first.row.digest[:8], None) == first
        for text, version in ((NAME, None), (NAME, 3), ("longyou", 1), ("", 1)):
            with pytest.raises(NotFoundError):
                chosen(desk.connection, text, version)
