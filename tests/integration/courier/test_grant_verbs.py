"""What a grant states at the command line, and what a release under it asks for, option by option."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from called import calling, told
from locked_node import passphrase_files
from seller import COLUMNS, TABLE, Seller

from shanhai.clock import system_clock
from shanhai.governance.refusals import ShapeRefusedError

DAY = timedelta(days=1)


@pytest.fixture
def call(seller: Seller, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for variable, file in passphrase_files(tmp_path / "passphrases").items():
        monkeypatch.setenv(variable, file)
    return calling(capsys, "--home", str(seller.home), "--federation", str(seller.city.root))


def granting(subject: str, *options: str) -> tuple[str, ...]:
    until = f"{system_clock() + 300 * DAY:%Y-%m-%d}"
    stated = ("--to", "longyou", "--purpose", "follow-up", "--until", until, "--retention-days", "90")
    return ("grant", "add", subject, *stated, *options, "--by", "Li Wei", "--format", "json")


def planned(call, subject: str, *options: str) -> dict:
    return told(
        call(
            "release", subject, "--to", "longyou", "--by", "Li Wei", "--dry-run", *options, "--format", "json"
        )
    )


def test_a_grant_is_masked_open_and_not_widened_by_a_slip(call, seller: Seller):
    columns = ("--column", "village", "--column", "n")
    grant = told(call(*granting(TABLE, *columns, "--mask", "village=mask-alphanum", "--onward", "open")))
    assert (grant["masks"], grant["onward"], grant["rev"]) == ({"village": "mask-alphanum"}, "open", 1)
    wider = granting(TABLE, *columns, "--revises", grant["id"][:8])
    code, _, error = call(*wider)
    assert (code, "--wider" in error) == (77, True), error
    changed = told(call(*wider, "--wider"))
    assert (changed["id"], changed["rev"], changed["masks"]) == (grant["id"], 2, {})
    assert call(*granting(TABLE, "--mask", "village"))[0] == 2


def test_a_slip_is_told_before_the_passphrase_is_asked_for(
    call, seller: Seller, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("SHANHAI_PASSPHRASE_FILE")
    slips = {
        "acity.evnts": granting("acity.evnts"),
        "vilage": granting(TABLE, "--column", "vilage"),
        "mask-nothing": granting(TABLE, "--column", "village", "--mask", "village=mask-nothing"),
        "longyuo": tuple("longyuo" if word == "longyou" else word for word in granting(TABLE)),
    }
    for slip, words in slips.items():
        code, out, error = call(*words)
        assert (code, out, slip in error, "passphrase" in error) == (78, "", True, False), error
    code, _, error = call(*granting(TABLE))
    assert (code, "nobody to ask" in error) == (78, True), error


def test_what_is_not_shared_is_denied_with_what_would_have_to_change(
    call, seller: Seller, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("SHANHAI_PASSPHRASE_FILE")
    seller.city.declare(COLUMNS, shareClass="not_shared")
    code, _, error = call(*granting(TABLE))
    denied = json.loads(error)
    assert (code, denied["given"]) == (77, TABLE)
    assert "its contract says that it is not shared" in denied["message"]
    assert "districts/acity/events.odcs.yml" in denied["hint"]


def test_a_key_of_long_numbers_is_granted_and_released_by_no_digest(call, seller: Seller):
    """The contract that is asked is the node's own: its key is what numbers are counted up in."""
    long = {"logicalTypeOptions": {"minLength": 16}}
    seller.city.declare([{**COLUMNS[0], **long}, {**COLUMNS[1], **long}, *COLUMNS[2:]])
    columns = ("--column", "id", "--column", "village")
    code, _, error = call(*granting(TABLE, *columns, "--mask", "id=sha-256-global"))
    assert (code, "mask-sha-on-small-domain" in error) == (77, True), error
    told(call(*granting(TABLE, *columns, "--mask", "village=sha-256-global")))
    assert "allowed" in planned(call, TABLE)["decision"]
    other = seller.grant("id", masks={"id": "sha-256-global"}, purpose="statistics")
    with pytest.raises(ShapeRefusedError) as refused:
        seller.plan(grant=other.id)
    assert refused.value.code == "mask-sha-on-small-domain"


def test_once_the_pairing_ended_that_is_what_is_told_of_its_grants(call, seller: Seller):
    # The one that is revoked would have been in force for longest: it is not the one that is told of.
    first = seller.grant("village", "n", until=system_clock().replace(microsecond=0) + 330 * DAY)
    second = seller.grant("person", "n", k=2, purpose="statistics")
    told(call("grant", "revoke", first.id[:8], "--by", "Li Wei", "--format", "json"))
    seller.grant("n")
    told(call("pair", "end", "longyou", "--by", "Li Wei", "--format", "json"))
    states = {row["grant"]: row["state"] for row in told(call("grant", "list", "--format", "json"))}
    assert (states[first.id], states[second.id]) == ("revoked", "pairing ended")
    assert planned(call, TABLE)["decision"]["rule"] == "pairing"


def test_a_release_asks_by_each_of_its_options(call, seller: Seller, tmp_path: Path):
    first = seller.grant("village", "n")
    second = seller.grant("person", "n", k=2, purpose="statistics")
    code, _, error = call("release", TABLE, "--to", "longyou", "--by", "Li Wei", "--dry-run")
    assert (code, "--grant" in error) == (78, True), error
    chosen = ("--grant", first.id[:8])
    fewer = planned(call, TABLE, *chosen, "--keep-days", "10")
    now = system_clock()
    assert f"{now + 9 * DAY:%Y-%m-%d}" <= fewer["terms"]["retain_until"][:10] <= f"{now + 10 * DAY:%Y-%m-%d}"
    assert call("release", TABLE, "--to", "longyou", "--dry-run", *chosen, "--keep-days", "9" * 9)[0] == 2
    alone = planned(call, TABLE, "--grant", second.id[:8])["decision"]
    codes = {one["code"] for one in alone["outcomes"] if one["code"]}
    assert {"approver-missing", "k-not-measured"} <= codes
    both = ("--approved-by", "Zhou Lan", "--people", "person")
    left = planned(call, TABLE, "--grant", second.id[:8], *both)["decision"]
    codes = {one["code"] for one in left["outcomes"] if one["code"]}
    assert codes == {"k-small-group"}, "who agreed and who is meant were asked; the numbers are too small"


def test_an_application_is_granted_and_released_with_its_share_class(call, tmp_path: Path):
    (tmp_path / "board").mkdir()
    (tmp_path / "board" / "readme.txt").write_bytes(b"ours")
    code, _, error = call(*granting("notice_board", "--application"))
    assert (code, "--share-class" in error) == (78, True), error
    grant = told(call(*granting("notice_board", "--application", "--share-class", "unconditional")))
    assert (grant["subject"], grant["share_class"], grant["columns"]) == (
        {"application": "notice_board"},
        "unconditional",
        None,
    )
    folder = ("--folder", str(tmp_path / "board"))
    assert planned(call, "notice_board", *folder)["decision"]["rule"] == "share-class"
    released = planned(call, "notice_board", *folder, "--share-class", "unconditional")
    assert released["decision"]["allowed"]
    assert released["terms"]["share_class"] == "unconditional"
