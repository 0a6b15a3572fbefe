"""Old keys that open go once no partner can have sealed to them what is not settled; till then they stay."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from called import calling
from called import told as shown
from killed_at_step import killed_at, steps_of
from locked_node import passphrase_files
from received_parcels import granted_and_sent, rows
from sent_parcels import DAY, grant_of, kinds, received, say, settings_of, upload
from two_nodes import PASSPHRASES, NodeHome, Two

from shanhai.audit.database import transaction
from shanhai.clock import system_clock
from shanhai.courier import pairing, partners, standing
from shanhai.courier.own_keys import Change, keyring_of, rotate_keys
from shanhai.courier.reopening import reopen
from shanhai.courier.retiring_keys import retire_keys
from shanhai.courier.standing import tell_keyset
from shanhai.exchange.failures import Refused
from shanhai.exchange.keysets import HPKE

NOW = system_clock().replace(microsecond=0)
ROTATED = NOW + 100 * DAY
OVER = ROTATED + 31 * DAY


def opened(node: NodeHome) -> NodeHome:
    """The same with the keys as they lie on the disk now."""
    return replace(node, holdings=keyring_of(node.home).unlock(PASSPHRASES.node))


def held(node: NodeHome) -> set[str]:
    return {key.kid for key in opened(node).holdings.keys}


def opening(node: NodeHome) -> set[str]:
    """The keys that partners seal to: the suite of the others is in no pairing, and they open nothing."""
    return {one.kid for one in node.keyset.of_use(HPKE) if one.key.alg == "x-wing"}


def renewed(two: Two, at: datetime = ROTATED) -> Two:
    """Gongshu has new keys, and tells them."""
    rotate_keys(two.gongshu.home, PASSPHRASES, Change(), who="Li Wei", now=at)
    two = replace(two, gongshu=opened(two.gongshu))
    with two.gongshu.desk(now=at) as desk:
        tell_keyset(desk)
    upload(two.gongshu, "longyou")
    return two


def answered(two: Two, at: datetime) -> None:
    """Longyou learns what Gongshu told, and says something."""
    received(two.longyou, "gongshu", now=at)
    say(two.longyou, "gongshu", grant_of(two), now=at)
    upload(two.longyou, "gongshu")


@pytest.fixture
def old(pair: Two) -> tuple[Two, set[str]]:
    """Gongshu has taken a parcel, and has newer keys that Longyou does not know; and its old ones."""
    granted_and_sent(pair)
    assert received(pair.gongshu, "longyou").stopped is None
    before = opening(pair.gongshu)
    return renewed(pair), before


def retired(node: NodeHome, now: datetime = OVER) -> set[tuple[str, ...]]:
    """For whom those that were old are needed."""
    old = retire_keys(node.home, PASSPHRASES.node, now=now)
    return {one.needed_for for one in old if one.alg == "x-wing"}


def test_they_go_when_the_partner_has_sealed_to_newer_ones_and_no_sooner(old: tuple[Two, set[str]]):
    two, before = old
    assert retired(two.gongshu, ROTATED + 29 * DAY) == set()
    assert retired(two.gongshu) == {("longyou",)}
    # What was sealed by the old keyset may be under way for as long as it likes.
    say(two.longyou, "gongshu", grant_of(two), now=ROTATED + 2 * DAY)
    answered(two, ROTATED + 3 * DAY)
    assert retired(two.gongshu) == {("longyou",)}
    assert before <= held(two.gongshu)
    assert received(two.gongshu, "longyou", now=OVER).stopped is None
    assert {one.state for one in rows(two.gongshu)} == {"taken", "opened"}
    looked = retire_keys(two.gongshu.home, PASSPHRASES.node, now=OVER, dry_run=True)
    assert ({one.kid for one in looked}, before <= held(two.gongshu)) == (before, True)
    assert {one.needed_for for one in looked} == {()}
    assert retired(two.gongshu) == {()}
    assert held(two.gongshu) & before == set()
    assert retired(two.gongshu) == set()
    say(two.longyou, "gongshu", grant_of(two), now=OVER)
    upload(two.longyou, "gongshu")
    assert received(opened(two.gongshu), "longyou", now=OVER).stopped is None


def test_they_go_with_the_next_rotation(old: tuple[Two, set[str]]):
    two, before = old
    answered(two, OVER)
    received(two.gongshu, "longyou", now=OVER)
    between = opening(two.gongshu) - before
    two = renewed(two, OVER + DAY)
    assert held(two.gongshu) & (before | between) == between


def test_an_answer_that_comes_at_once_tells_nothing_yet(old: tuple[Two, set[str]]):
    two, _ = old
    answered(two, ROTATED)
    received(two.gongshu, "longyou", now=ROTATED)
    assert retired(two.gongshu) == {("longyou",)}


@pytest.mark.parametrize(
    "kept",
    [
        "UPDATE inbox SET state = 'opening', body = NULL WHERE seq = 0",
        "UPDATE inbox SET state = 'refused', stage = 'order', code = 'signer-expired' WHERE seq = 0",
        "UPDATE inbox SET state = 'refused', stage = 'set', code = 'file-omitted' WHERE seq = 2",
        "UPDATE partner SET frozen = 'f'",
        "UPDATE partner SET generation_in = 1",
    ],
    ids=["killed while it was opened", "waits for a voucher", "files to come", "fork", "numbers anew"],
)
def test_they_stay_while_anything_is_not_settled(old: tuple[Two, set[str]], kept: str):
    two, before = old
    answered(two, OVER)
    received(two.gongshu, "longyou", now=OVER)
    with two.gongshu.desk() as desk, transaction(desk.connection):
        desk.connection.execute(kept)
    assert ("longyou",) in retired(two.gongshu)
    assert before & held(two.gongshu)


def test_they_go_where_the_pairing_ended(old: tuple[Two, set[str]]):
    two, before = old
    with two.gongshu.desk(now=OVER) as desk:
        standing.end(desk, "longyou")
        made = partners.named(desk.connection, "longyou")
    assert made.state == "ended"
    assert retired(two.gongshu) == {()}
    assert held(two.gongshu) & before == set()


def test_a_partner_that_knows_the_newer_ones_from_the_start_needs_no_older(two: Two):
    before = opening(two.gongshu)
    two = renewed_alone(two)
    with two.gongshu.desk(now=OVER) as desk:
        pairing.offer(desk, "longyou", relay=two.relay)
    assert retired(two.gongshu) == {()}
    assert held(two.gongshu) & before == set()


def test_killed_anywhere_the_key_file_is_whole(two: Two, tmp_path: Path):
    before, keys = opening(two.gongshu), two.gongshu.holdings.keys
    two = renewed_alone(two)
    newer = opening(two.gongshu) - before
    both = {key.kid: key for key in (*keys, *two.gongshu.holdings.keys)}
    both = replace(two.gongshu.holdings, keys=tuple(both.values()))
    keyring_of(two.gongshu.home).lock(both, PASSPHRASES.node)

    def copy(name: str) -> NodeHome:
        return replace(two.gongshu, home=Path(shutil.copytree(two.gongshu.home, tmp_path / name)))

    def retiring(node: NodeHome) -> Callable[[], object]:
        return lambda: retired(node)

    steps = steps_of(retiring(copy("steps")))
    assert steps.count("replace") > 1
    seen = set()
    for step in range(len(steps) + 1):
        node = copy(str(step))
        assert killed_at(step, retiring(node)) is (step < len(steps)), step
        assert newer <= held(node), step
        seen.add(before <= held(node))
        retired(node)
        assert (before & held(node), newer <= held(node)) == (set(), True), step
    assert seen == {True, False}


def renewed_alone(two: Two) -> Two:
    """Gongshu has new keys, and nobody to tell."""
    rotate_keys(two.gongshu.home, PASSPHRASES, Change(), who="Li Wei", now=ROTATED)
    return replace(two, gongshu=opened(two.gongshu))


def test_a_parcel_whose_key_is_gone_says_so_before_anything_is_done(
    old: tuple[Two, set[str]], tmp_path: Path
):
    two, _ = old
    answered(two, OVER)
    received(two.gongshu, "longyou", now=OVER)
    (row,) = (one for one in rows(two.gongshu) if one.type == "parcel")
    target = tmp_path / "again.parquet"
    with two.gongshu.desk(now=OVER) as desk:
        reopen(desk, settings_of(two.gongshu), row, tmp_path / "first.parquet")
    assert retired(two.gongshu) == {()}
    before = kinds(two.gongshu)
    with opened(two.gongshu).desk(now=OVER) as desk, pytest.raises(Refused) as refused:
        reopen(desk, settings_of(two.gongshu), row, target)
    assert (refused.value.code, refused.value.stage) == ("hpke-key-rotated-away", "opening")
    assert "warehouse" in str(refused.value.hint)
    assert (kinds(two.gongshu), target.exists()) == (before, False)


def test_the_commands_tell_which_would_go_and_for_whom_others_stay(
    pair: Two, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for variable, file in passphrase_files(tmp_path / "passphrases").items():
        monkeypatch.setenv(variable, file)
    call = calling(capsys, "--home", str(pair.gongshu.home))
    assert {one["needed_for"] for one in shown(call("keys", "list", "--format", "json"))} == {None}
    (old,) = opening(pair.gongshu)
    hpke = {one.kid for one in pair.gongshu.keyset.of_use(HPKE)}
    taken_back = (part for kid in hpke for part in ("--compromised", kid))
    told = shown(call("keys", "rotate", "--by", "Li Wei", *taken_back, "--format", "json"))
    for rows_ in (told["keys"], shown(call("keys", "list", "--format", "json"))):
        needed = {one["kid"]: one["needed_for"] for one in rows_ if one["needed_for"] is not None}
        assert needed == {kid: ["longyou"] if kid == old else [] for kid in hpke}
    # Till the keyset counted, partners were offered them.
    assert hpke <= held(pair.gongshu)
    kept = shown(call("keys", "retire", "--format", "json"))
    assert {one["kid"]: one["state"] for one in kept} == {
        kid: "kept" if kid == old else "deleted" for kid in hpke
    }
    ended = shown(call("pair", "end", "longyou", "--by", "Li Wei", "--format", "json"))
    assert ended["state"] == "ended"
    dry = shown(call("keys", "retire", "--dry-run", "--format", "json"))
    assert [(one["kid"], one["state"]) for one in dry] == [(old, "would be deleted")]
    assert old in held(pair.gongshu)
    code, out, error = call("keys", "retire")
    assert (code, out.count("deleted")) == (0, 1), error
    assert not hpke & held(pair.gongshu)
    code, out, error = call("keys", "list")
    assert (code, out.count("nobody")) == (0, 2), error
    assert shown(call("keys", "retire", "--format", "json")) == []
