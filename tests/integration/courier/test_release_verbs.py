"""The verbs of releasing: what they print, ask for and end with."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from called import calling, told
from locked_node import passphrase_files
from seller import NAMES, TABLE, Seller
from two_nodes import rotated

from shanhai.audit.database import transaction
from shanhai.courier import granted, partners
from shanhai.courier.own_keys import keyring_of


@pytest.fixture
def call(seller: Seller, capsys: pytest.CaptureFixture[str]):
    return calling(capsys, "--home", str(seller.home), "--federation", str(seller.city.root))


RELEASE = ("release", TABLE, "--to", "longyou", "--by", "Li Wei")


def test_from_a_dry_run_to_a_receipt(call, seller: Seller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seller.grant("village", "n", masks={"village": "mask-alphanum"})
    shown = call(*RELEASE, "--dry-run")
    assert shown[0] == 0, shown[2]
    for word in ("village", "mask-alphanum", "4 of 4", "four-eyes", "person, at"):
        assert word in shown[1], word
    assert "It would be released." in shown[2]
    assert not [name for name in NAMES if name in shown[1] + shown[2]]
    planned = told(call(*RELEASE, "--dry-run", "--format", "json"))
    assert planned["decision"]["allowed"]
    assert planned["released_before"] is None

    code, _, error = call(*RELEASE)
    assert (code, "nobody to ask" in error) == (78, True)
    for variable, file in passphrase_files(tmp_path / "passphrases").items():
        monkeypatch.setenv(variable, file)
    released = told(call(*RELEASE, "--format", "json"))
    assert (released["sealed_anew"], released["repeated"], released["rows"]) == (True, False, 4)
    assert told(call(*RELEASE, "--format", "json"))["repeated"]

    (row,) = told(call("receipts", "--open", "--format", "json"))[-1:]
    assert (row["type"], row["standing"], row["subject"]) == ("parcel", "waiting", TABLE)
    (shipped,) = told(call("ship", "longyou", "--format", "json"))
    assert (shipped["files"], shipped["held"]) == (1, 0)
    assert released["message"] in shipped["shipped"]
    assert told(call("receipts", "--format", "json"))[-1]["standing"] == "shipped"
    (listed,) = told(call("exchange", "releases", "--format", "json"))
    assert (listed["who"], listed["rows"], listed["decision"]["allowed"]) == ("Li Wei", 4, True)
    status = told(call("exchange", "status", "--format", "json"))
    assert (status["quiet"], status["partners"][0]["to_upload"]) == (True, 0)
    assert told(call("exchange", "retire", "--by", "Li Wei", "--format", "json")) == {"retired": []}
    assert told(call("audit", "verify", "--format", "json"))["agrees"]


def test_a_denial_names_rule_and_code(call, seller: Seller):
    seller.grant("person")
    code, out, _ = call(*RELEASE, "--dry-run", "--format", "json")
    decision = json.loads(out)["decision"]
    assert (code, decision["allowed"], decision["rule"]) == (0, False, "four-eyes")
    told_in_words = call(*RELEASE, "--dry-run")
    assert "denied, by the rule four-eyes first" in told_in_words[2]
    assert "nobody approved its release" in told_in_words[1]


def test_one_relay_that_is_down_is_told_and_ends_with_its_code(call, seller: Seller):
    seller.grant("n")
    relay = Path(seller.two.relay.removeprefix("file://"))
    relay.rmdir()
    code, out, error = call("ship")
    assert code == 75
    assert "longyou" in out
    assert "not there" in error


@pytest.mark.parametrize("name", ["", " ", "system", " System", "x" * 101, "Li\x1b[2J"], ids=repr)
def test_what_names_no_person_does_nothing_in_anybody_s_name(call, name: str):
    """Also where there is nothing to do, as for `exchange retire` at a node that released nothing yet."""
    release = ("release", TABLE, "--to", "longyou")
    for verb in (
        (*release, "--dry-run", "--by", name),
        (*release, "--by", "Li Wei", "--approved-by", name),
        ("exchange", "retire", "--by", name),
        ("keys", "rotate", "--by", name),
        ("pair", "end", "longyou", "--by", name),
        ("application", "retire", "notice_board", "--by", name),
    ):
        code, out, error = call(*verb)
        assert (code, out, "person" in error) == (78, "", True), (verb, error)


@pytest.mark.parametrize("address", ["foo", "tar:/", "tar:/media/usb/", "tar:parcels.tar"])
def test_what_is_no_relay_is_told_before_anything_is_done(call, seller: Seller, address: str):
    for verb in (
        ("ship", "longyou", "--relay", address),
        ("receive", "longyou", "--relay", address),
        ("parcel", "open", "3fa90c", "--to", "again.parquet", "--by", "Li Wei", "--relay", address),
        ("pair", "move", "longyou", "--relay", address),
        ("pair", "offer", "zhaohua", "--to", "offer.json", "--by", "Li Wei", "--relay", address),
    ):
        code, _, error = call(*verb)
        assert (code, "not the address of a relay" in error) == (78, True), (verb, error)
    assert seller.two.gongshu.partner("longyou").relay == seller.two.relay


def test_a_folder_is_no_tar(call, tmp_path: Path):
    code, _, error = call("pair", "move", "longyou", "--relay", f"tar:{tmp_path}")
    assert (code, "a folder is no tar" in error, f"{tmp_path}/<name>.tar" in error) == (78, True, True), error


def test_what_is_taken_back_before_it_left_is_said(
    call, seller: Seller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    grant = seller.grant("village", "n")
    message = seller.release().message
    for variable, file in passphrase_files(tmp_path / "passphrases").items():
        monkeypatch.setenv(variable, file)
    revoked = told(call("grant", "revoke", grant.id, "--by", "Li Wei", "--format", "json"))
    assert not revoked["untold"]
    assert [one["message"] for one in revoked["taken_back"]] == [message.digest]
    again = seller.grant("village", "n")
    seller.release(grant=again.id)
    code, out, error = call("pair", "end", "longyou", "--by", "Li Wei")
    assert (code, "ended" in out) == (0, True), error
    assert f"Taken back before it left: {TABLE}" in error
    assert "not told" not in error


def test_what_a_release_takes_back_is_said_also_where_it_is_denied(
    call, seller: Seller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    over = seller.grant("village", "n")
    message = seller.release().message
    for variable, file in passphrase_files(tmp_path / "passphrases").items():
        monkeypatch.setenv(variable, file)
    with seller.two.gongshu.desk() as desk, transaction(desk.connection):
        revoked = replace(over, rev=over.rev + 1, revoked=True)
        # As it is kept while nobody can be told, since keys ran out.
        granted.keep(desk.connection, granted.GIVEN, message.pairing, revoked, at=desk.now, message="")
    code, _, error = call(*RELEASE, "--format", "json")
    assert code != 0
    assert f"Taken back before it left: {TABLE}" in error
    assert [one for one in seller.messages() if one.digest == message.digest] == []


def test_what_a_keyset_takes_back_is_said(
    call, seller: Seller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    over, other = seller.grant("village", "n"), seller.grant("village", "n", purpose="another")
    message = seller.release(grant=over.id).message
    for variable, file in passphrase_files(tmp_path / "passphrases").items():
        monkeypatch.setenv(variable, file)
    with seller.two.gongshu.desk() as desk, transaction(desk.connection):
        revoked = replace(over, rev=over.rev + 1, revoked=True)
        granted.keep(desk.connection, granted.GIVEN, message.pairing, revoked, at=desk.now, message="")
    with seller.two.longyou.desk() as desk:
        rotated(seller.two.longyou, now=desk.now)
    keyset = tmp_path / "keyset.json"
    keyset.write_bytes(keyring_of(seller.two.longyou.home).envelope)
    code, _, error = call("pair", "renew", "longyou", str(keyset), "--by", "Li Wei")
    assert (code, f"Taken back before it left: {TABLE}" in error) == (0, True), error
    again = seller.release(grant=other.id).message
    with seller.two.gongshu.desk() as desk:
        partners.freeze(desk.connection, again.pairing, "f" * 64, desk.now)
    changed = told(call("keys", "rotate", "--by", "Li Wei", "--format", "json"))
    assert changed["told"] == ["longyou"]
    assert [one["message"] for one in changed["taken_back"]] == [again.digest]
