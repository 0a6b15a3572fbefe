"""Groups of people: counted over all that the recipient would have, whichever grant it came by."""

from __future__ import annotations

from dataclasses import replace

import pytest
from one_city import City
from seller import Seller

from shanhai.audit.database import transaction
from shanhai.courier import partners
from shanhai.exchange.pairing_states import PairingState
from shanhai.governance.policy import ReleaseDeniedError

EAST = "village = 'East'"


@pytest.fixture(scope="module")
def city(city: City, tmp_path_factory: pytest.TempPathFactory) -> City:
    """With a village of four: two people of each number, two of each day, one of each number and day."""
    city = city.copied(tmp_path_factory.mktemp("city") / "root")
    people = [(number, day) for number in (10, 11) for day in (1, 2)]
    rows = [
        f"id-east-{place},East,person {place},{number},2024-05-0{day}T08:00:00Z"
        for place, (number, day) in enumerate(people)
    ]
    city.put("east.csv", "\n".join(["编号,village,person,n,at", *rows]) + "\n")
    city.walk()
    return city


def denied(seller: Seller, **asked: str) -> set[str]:
    with pytest.raises(ReleaseDeniedError) as error:
        seller.release(**asked)
    return {one.finding.code for one in error.value.decision.denials if one.finding}


def test_two_parcels_of_one_set_are_counted_as_one(seller: Seller):
    """Each by itself tells two people or more apart; laid side by side their rows tell one."""
    numbers = seller.grant("n", k=2, row_filter=EAST, purpose="follow-up")
    days = seller.grant("at", k=2, row_filter=EAST, purpose="statistics")
    assert seller.plan(grant=days.id, people="person").decision.allowed
    first = seller.release(grant=numbers.id, people="person")
    assert first.release.counts["people"]["who"] == "person", "who was counted can be looked up later"
    second = seller.plan(grant=days.id, people="person")
    assert second.reused is not None
    assert second.reused.set_id == first.release.set_id
    assert second.case.counted is not None
    assert second.case.counted.columns == {"n", "at"}
    assert denied(seller, grant=days.id, people="person") == {"k-small-group"}


def test_what_is_counted_anew_is_not_what_left_before(seller: Seller):
    """Columns of another set are in other rows: only what both show is compared."""
    numbers = seller.grant("n", k=2, row_filter=EAST, purpose="follow-up")
    seller.arrive(seller.release(grant=numbers.id, people="person").message)
    days = seller.grant("at", k=2, row_filter=EAST, purpose="statistics")
    second = seller.release(grant=days.id, people="person")
    assert second.sealed
    assert second.release.counts["columns"] == ["at"]


def test_a_grant_without_k_does_not_get_round_one_that_has_it(seller: Seller):
    numbers = seller.grant("n", k=2, row_filter=EAST, purpose="follow-up")
    days = seller.grant("at", row_filter=EAST, purpose="statistics")
    seller.release(grant=numbers.id, people="person")
    assert denied(seller, grant=days.id) == {"k-not-measured"}
    assert denied(seller, grant=days.id, people="person") == {"k-small-group"}


def test_what_the_same_node_had_under_a_pairing_that_ended_is_counted_with_it(seller: Seller):
    numbers = seller.grant("n", k=2, row_filter=EAST, purpose="follow-up")
    days = seller.grant("at", k=2, row_filter=EAST, purpose="statistics")
    seller.release(grant=numbers.id, people="person")
    with seller.two.gongshu.desk() as desk, transaction(desk.connection):
        now = partners.named(desk.connection, "longyou")
        before = replace(now, pairing="0" * 32, name="before", state=PairingState.ENDED)
        partners.add(desk.connection, before)
        desk.connection.execute("UPDATE release_ SET pairing = ?", (before.pairing,))
    assert denied(seller, grant=days.id, people="person") == {"k-small-group"}


def test_who_is_meant_tells_groups_apart_where_it_leaves(seller: Seller):
    seller.grant("person", "n", k=2, row_filter=EAST)
    assert denied(seller, people="person", approver="Zhou Lan") == {"k-small-group"}


def test_a_release_from_before_counts_with_every_column_of_its_set(seller: Seller):
    numbers = seller.grant("n", k=2, row_filter=EAST, purpose="follow-up")
    days = seller.grant("at", k=2, row_filter=EAST, purpose="statistics")
    seller.release(grant=numbers.id, people="person")
    with seller.two.gongshu.desk() as desk:
        desk.connection.execute("UPDATE release_ SET counts = CAST(json_remove(counts, '$.columns') AS BLOB)")
        desk.connection.commit()
    assert seller.plan(grant=days.id, people="person").case.read == {"n", "at"}
