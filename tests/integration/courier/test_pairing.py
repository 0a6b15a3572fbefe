"""Two nodes pair: files that people carry, one number, and nothing said before both have confirmed it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from called import called_here
from locked_node import passphrase_files, told, typed
from refusals import code_of
from two_nodes import Two, accepted, confirmed, hand_over, number_at, offered, states

from shanhai.clock import system_clock
from shanhai.courier import pairing, partners
from shanhai.errors import ConfigurationError
from shanhai.exchange.bodies import NewKeyset
from shanhai.exchange.pairings import read_pairing
from shanhai.exchange.rules import Rules


def test_two_nodes_pair_and_each_learns_from_the_other_s_first_message(two: Two):
    confirmed(two)
    assert states(two) == ("confirmed_here", "confirmed_here")
    (first,) = hand_over(two.gongshu, two.longyou)
    assert isinstance(first.content, NewKeyset)
    assert states(two) == ("confirmed_here", "active")
    hand_over(two.longyou, two.gongshu)
    assert states(two) == ("active", "active")
    steps = ["offer", "accept", "confirm", "ship"]
    assert two.gongshu.events() == [(kind, "Li Wei") for kind in steps]
    assert two.longyou.events() == [(kind, "Chen Mei") for kind in steps[1:]]


def test_what_both_signed_is_at_both(two: Two):
    acceptance = accepted(two, offered(two))
    with two.gongshu.desk() as desk:
        pairing.take(desk, "longyou", acceptance)
        partner = pairing.confirm(desk, "longyou", number_at(two.longyou, "gongshu"))
        document = pairing.carried_file(desk.home, partner)
    with two.longyou.desk() as desk:
        pairing.take(desk, "gongshu", document)
    keysets = {one.keyset.node: one.keyset for one in (two.gongshu, two.longyou)}
    kept = [two.gongshu.partner("longyou"), two.longyou.partner("gongshu")]
    assert kept[0].document == kept[1].document
    for one in kept:
        offer = partners.offer_of(one)
        read = read_pairing(
            one.document or b"", offer=offer, keysets=keysets, signed=tuple(keysets), now=system_clock()
        )
        assert (read.id, read.rules) == (one.pairing, Rules())
    assert (kept[0].folder_out, kept[0].folder_in) == (kept[1].folder_in, kept[1].folder_out)


def test_each_step_run_again_gives_the_same_file(two: Two):
    offer = offered(two)
    assert offered(two) == offer
    acceptance = accepted(two, offer)
    assert accepted(two, offer) == acceptance
    with two.gongshu.desk() as desk:
        before = pairing.take(desk, "longyou", acceptance)
        assert pairing.take(desk, "longyou", acceptance) == before
        with pytest.raises(ConfigurationError, match="known already"):
            pairing.offer(desk, "longyou", relay=two.relay + "/other")
        with pytest.raises(ConfigurationError, match="nothing to carry"):
            pairing.carried_file(desk.home, before)
    assert [kind for kind, _ in two.gongshu.events()] == ["offer", "accept"]


def test_what_cannot_be_paired(two: Two):
    offer = offered(two)
    with two.gongshu.desk() as desk:
        with pytest.raises(ConfigurationError, match="an offer of this node itself"):
            pairing.accept(desk, offer, "myself", relay=two.relay)
        with pytest.raises(ConfigurationError, match="not accepted the offer yet"):
            pairing.confirm(desk, "longyou", "0" * 60)
        for name in ("Longyou", "long__you"):
            with pytest.raises(ConfigurationError, match="not the name of a partner"):
                pairing.offer(desk, name, relay=two.relay)
        with pytest.raises(ConfigurationError, match="the rule skew"):
            pairing.offer(desk, "zhaohua", relay=two.relay, rules=Rules(skew=86_401))
        with pytest.raises(ConfigurationError, match="not the one that is wanted"):
            pairing.take(desk, "longyou", offer)
    for data in (b"", b"{}", offer[:-40], b"\xff" * 100, offer.replace(b'"v":1', b'"v":2')):
        assert code_of(lambda data=data: accepted(two, data)) in (
            "json-not-strict",
            "json-missing-field",
            "version-unknown",
        )


def test_a_demonstration_says_so_in_the_log(two: Two):
    acceptance = accepted(two, offered(two))
    with two.gongshu.desk() as desk:
        pairing.take(desk, "longyou", acceptance)
        pairing.confirm_without_people(desk, "longyou")
    nobody = pairing.DEMONSTRATION
    assert two.gongshu.events()[2:] == [("confirm", nobody), ("ship", nobody)]


def test_the_command_line_pairs_two_homes(two: Two, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """As two people do it, with files for what a terminal would ask."""
    shanhai = called_here(capsys)
    variables = passphrase_files(tmp_path / "passphrases")
    gongshu, longyou, as_json = two.gongshu.home, two.longyou.home, ("--format", "json")
    offer, acceptance, both = (tmp_path / name for name in ("offer", "acceptance", "both"))
    empty = shanhai(gongshu, "pair", "show")
    assert (empty.returncode, "No pairing yet" in empty.stderr) == (0, True)
    call = ("pair", "offer", "--name", "longyou", "--relay", two.relay, "--to", str(offer), "--skew", "2m")
    made = told(shanhai(gongshu, *call, "--by", "Li Wei", *as_json, **variables))
    assert (made["state"], made["number"], made["rules"]["skew"]) == ("offered", None, 120)
    call = ("pair", "accept", str(offer), "--name", "gongshu", "--relay", two.relay, "--to", str(acceptance))
    taken = told(shanhai(longyou, *call, "--by", "Chen Mei", *as_json, **variables))
    call = ("pair", "confirm", "longyou", str(acceptance), "--by", "Li Wei")
    wrong = shanhai(gongshu, *call, "--number", "0" * 60, **variables)
    assert (wrong.returncode, "pair-fingerprint-mismatch" in wrong.stderr) == (77, True)
    command = [sys.executable, "-m", "shanhai.cli", "--home", str(gongshu), *call, "--to", str(both)]
    code, screen = typed(command, [taken["number"]], **variables)
    assert (code, "Number that the person at longyou reads to you" in screen) == (0, True), screen
    done = told(shanhai(gongshu, "pair", "show", "longyou", *as_json))
    assert (done["state"], done["number"]) == ("confirmed_here", taken["number"])
    assert [one["kind"] for one in done["steps"]] == ["offer", "accept", "confirm"]
    call = ("pair", "confirm", "gongshu", str(both), "--demonstration-without-people")
    told(shanhai(longyou, *call, *as_json, **variables))
    shown = shanhai(longyou, "pair", "show", "gongshu")
    assert shown.returncode == 0
    assert pairing.DEMONSTRATION in shown.stdout
    assert made["pairing"] in shown.stdout
    for one in (two.gongshu, two.longyou):
        assert {path.stat().st_mode & 0o077 for path in one.home.rglob("*.db*")} == {0}
