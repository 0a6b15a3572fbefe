"""Only under a grant in force of a pairing that stands is anything adopted; what lapsed since is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sent_applications import NAME, adopted, expected, given_up, retired, used
from sent_parcels import DAY, looked_at
from two_nodes import NodeHome, Two

from shanhai.clock import system_clock
from shanhai.courier import adopting, partners
from shanhai.courier.adopting import adopt
from shanhai.courier.candidates import chosen
from shanhai.courier.status import status
from shanhai.errors import DeniedError
from shanhai.exchange.bodies import End
from shanhai.exchange.failures import Refused
from shanhai.exchange.grants import Grant


def test_a_revoked_grant_adopts_nothing_and_what_is_adopted_is_named(
    choosing: Two, came: tuple[Two, Grant], tmp_path: Path
):
    node = choosing.gongshu
    adopted(node, 1)
    given_up(choosing, tmp_path, content=replace(came[1], rev=2, revoked=True))
    with pytest.raises(Refused, match="grant-revoked"):
        adopted(node, 2)
    assert used(node) == expected(1)
    found = looked_at(node, lambda desk: status(desk.home, desk.connection, desk.now))
    assert [(one.application, one.version, one.code) for one in found.lapsed] == [(NAME, 1, "grant-revoked")]
    assert not found.quiet
    retired(node)
    found = looked_at(node, lambda desk: status(desk.home, desk.connection, desk.now))
    assert (found.lapsed, used(node)) == ((), {})


def test_an_ended_pairing_adopts_nothing(choosing: Two, tmp_path: Path):
    adopted(choosing.gongshu, 1)
    found = looked_at(choosing.gongshu, lambda desk: status(desk.home, desk.connection, desk.now))
    assert [one.kind for one in found.waiting if one.kind == "adopt"] == ["adopt"]
    given_up(choosing, tmp_path, content=End(None))
    with pytest.raises(Refused, match="pairing-ended"):
        adopted(choosing.gongshu, 2)
    found = looked_at(choosing.gongshu, lambda desk: status(desk.home, desk.connection, desk.now))
    assert [one.code for one in found.lapsed] == ["pairing-ended"]
    # Version 2 waited to be adopted: nobody is asked for what nobody can do.
    assert [one.kind for one in found.waiting if one.kind == "adopt"] == []
    retired(choosing.gongshu)


@pytest.mark.parametrize(
    ("days", "error", "code"), [(301, Refused, "grant-expired"), (101, DeniedError, "retention-over")]
)
def test_what_may_not_be_kept_any_more_is_not_adopted_and_is_named(
    node: NodeHome, days: int, error: type[Exception], code: str
):
    adopted(node, 1)
    with node.desk(now=system_clock() + days * DAY) as desk:
        found = chosen(desk.connection, NAME, 2)
        with pytest.raises(error):
            adopt(desk, found, reason="late", keep_free_bytes=0)
        assert [one.code for one in status(desk.home, desk.connection, desk.now).lapsed] == [code]
    assert used(node) == expected(1)


def test_a_frozen_pairing_adopts_nothing(node: NodeHome):
    with node.desk() as desk:
        pairing = partners.named(desk.connection, "longyou").pairing
        desk.connection.execute("UPDATE partner SET frozen = 'f' WHERE pairing = ?", (pairing,))
    with pytest.raises(DeniedError, match="frozen"):
        adopted(node, 1)
    assert used(node) == {}


def test_a_revocation_that_comes_while_files_are_written_still_counts(
    choosing: Two, came: tuple[Two, Grant], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    real = adopting.require_room
    revoked = replace(came[1], rev=2, revoked=True)
    monkeypatch.setattr(
        adopting,
        "require_room",
        lambda *given: (given_up(choosing, tmp_path, content=revoked), real(*given)),
    )
    with pytest.raises(Refused, match="grant-revoked"):
        adopted(choosing.gongshu, 1)
    assert used(choosing.gongshu) == {}
