"""From a keyset to an opened parcel, and to a second recipient of the same set."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
from vectors import world as w

from shanhai.exchange import dsse
from shanhai.exchange.bodies import Body, End, LogNews, Suspension, read_body, write_body
from shanhai.exchange.facts import FactFile, read_facts, write_facts
from shanhai.exchange.failures import Refused
from shanhai.exchange.messages import seal_message
from shanhai.exchange.order import Arrival, Sent
from shanhai.exchange.parcels import MOST_FACTS, Parcel
from shanhai.exchange.parquet.profile import MOST_COLUMNS
from shanhai.exchange.receive import Accepted, receive
from shanhai.exchange.sets import SetFile, read_set
from shanhai.exchange.unwrap import Held, unwrap


def held(**changes: object) -> Held:
    key = w.GONGSHU.opening()
    made = {"node": w.GONGSHU.id, "keys": {key.kid: key}, "grants": w.held_grants(), "sent": Sent({})}
    return Held(**{**made, **changes})


def test_a_parcel_arrives_and_opens():
    sealed = w.parcel()
    verified = receive(sealed.envelope, standing=w.standing(), now=w.NOW)
    assert verified.arrival is Arrival.NEXT
    assert verified.seen.digest == sealed.digest
    statement = read_set(
        w.set_envelope(w.statement()), keyset=verified.keyset, digest=verified.header.set_digest
    )
    opened = unwrap(verified, held=held(), statement=statement, at=w.NOW)
    assert isinstance(opened.body.content, Parcel)
    assert dict(opened.body.content.names) == {0: "street", 1: "opened_at"}
    assert {kid: key.bytes for kid, key in opened.keys.items()} == {
        kid: key.bytes for kid, key in w.parcel_keys().items()
    }
    assert opened.facts is not None
    assert opened.facts.files[0].rows == 1000


def test_a_settled_message_is_known_and_can_be_opened_again_after_it_expired():
    sealed = w.parcel()
    standing = w.standing()
    first = receive(sealed.envelope, standing=standing, now=w.NOW)
    late = w.NOW + 10 * w.YEAR
    after = w.standing(position=standing.position.after(first.seen))
    assert receive(sealed.envelope, standing=after, now=late).arrival is Arrival.KNOWN
    record = Accepted(first.seen.digest, w.NOW, first.keyset)
    again = receive(sealed.envelope, standing=after, now=late, accepted=record)
    assert again.arrival is Arrival.REOPENED
    assert unwrap(again, held=held(sent=None), statement=w.statement(), at=w.NOW).keys


def test_the_envelope_holds_no_name_in_clear():
    sealed = w.parcel()
    for word in (*w.COLUMNS, "hotline", "statistics", w.SET_ID):
        assert word.encode() not in sealed.envelope
        assert word.encode() not in receive(sealed.envelope, standing=w.standing(), now=w.NOW).header_bytes


def test_a_refusal_says_which_message_once_its_signatures_hold():
    sealed = w.parcel(issued=w.NOW - 3 * w.DAY, not_after=w.NOW - w.DAY)
    with pytest.raises(Refused) as refusal:
        receive(sealed.envelope, standing=w.standing(), now=w.NOW)
    assert refusal.value.code == "expired"
    assert refusal.value.seen is not None
    assert refusal.value.seen.digest == sealed.digest
    assert refusal.value.settles
    refusal.value.given, refusal.value.hint = "message 0/3 of longyou", "release it anew"
    again = pickle.loads(pickle.dumps(refusal.value))  # noqa: S301 -- our own bytes
    assert (again.code, again.stage, again.seen) == ("expired", refusal.value.stage, refusal.value.seen)
    assert (again.given, again.hint) == (refusal.value.given, refusal.value.hint)


def test_what_is_sealed_shows_nothing_of_itself():
    """Names, filters and reasons of sealed things must not get into a log by a message of an error."""
    grant = w.grant(row_filter="street = '西溪路'")
    body = read_body(w.parcel_body(), w.statement())
    shown = f"{grant} {w.facts()} {body} {body.content} {End('because')} {Suspension(True, 'because')}"
    for word in (*w.COLUMNS, "hotline", "statistics", "西溪路", "because"):
        assert word not in shown


def test_a_message_has_room_for_as_many_columns_as_a_set_may_have():
    """The limits hold together: what a set may have, one message can carry."""
    count = MOST_COLUMNS
    names = tuple(f"column_{index:04}_{'长' * 5}" for index in range(count))
    ids = [f"{w.SET_ID}.f", *(f"{w.SET_ID}.{index}" for index in range(count))]
    told = w.facts(
        columns=("list<timestamp[us,UTC]>",) * count,
        files=(FactFile(1 << 40, 1 << 40),) * 64,
        commits=dict.fromkeys(ids, "0" * 64),
        lineage="0" * 64,
    )
    assert len(write_facts(told)) <= MOST_FACTS
    files = tuple(SetFile(w.digest("file", str(number)), 1 << 30) for number in range(64))
    made = w.statement(told=told, files=files)
    parcel = Parcel(w.terms(columns=names), dict(enumerate(names)), write_facts(told))
    log = LogNews(checkpoint="x" * 4096)
    body = write_body(Body(bytes(32), None, parcel, log), made)
    sealed = seal_message(
        w.address(set_digest=made.digest),
        body,
        keys={kid: w.kek(kid) for kid in ids},
        signers=replace(w.LONGYOU, post_quantum=True).signers,
    )
    assert len(sealed.envelope) <= dsse.MOST_BYTES[dsse.MESSAGE]
    assert read_facts(write_facts(told), made).columns == told.columns
