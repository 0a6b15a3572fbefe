"""The verbs of a pairing that stands, and the rules of an offer: what changes, what the partner learns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from called import calling, told
from locked_node import passphrase_files
from sent_parcels import settings_of
from two_nodes import Two, accepted, hand_over, number_at, offered, states

from shanhai.audit.database import transaction
from shanhai.courier import partners, standing
from shanhai.courier.shipping import ship

BY = ("--by", "Li Wei", "--format", "json")


@pytest.fixture
def call(two: Two, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for variable, file in passphrase_files(tmp_path / "passphrases").items():
        monkeypatch.setenv(variable, file)
    return calling(capsys, "--home", str(two.gongshu.home))


def test_a_suspension_is_told_and_taken_back(call, paired: Two):
    gone = told(call("pair", "suspend", "longyou", "--reason", "we look into a leak", *BY))
    assert (gone["state"], gone["untold"], gone["taken_back"]) == ("suspended_here", False, [])
    (said,) = hand_over(paired.gongshu, paired.longyou)[-1:]
    assert said.content.reason == "we look into a leak"
    assert states(paired) == ("suspended_here", "suspended_there")
    assert told(call("pair", "resume", "longyou", *BY))["state"] == "active"
    hand_over(paired.gongshu, paired.longyou)
    assert states(paired) == ("active", "active")


def test_a_fork_is_lifted_by_a_person_and_told_to_nobody(call, paired: Two):
    with paired.gongshu.desk() as desk, transaction(desk.connection):
        pairing = partners.named(desk.connection, "longyou").pairing
        partners.freeze(desk.connection, pairing, "f" * 64, desk.now)
    code, _, error = call(
        "pair", "resume", "longyou", "--after-fork", "--reason", "a backup", "--by", "Li Wei"
    )
    assert (code, "nobody to tell a reason" in error) == (2, True)
    assert paired.gongshu.partner("longyou").frozen == "f" * 64
    shown = told(call("pair", "resume", "longyou", "--after-fork", *BY))
    assert (shown["frozen"], shown["steps"][-1]["kind"]) == (None, "fork-decided")
    assert call("pair", "resume", "longyou", "--after-fork", *BY)[0] == 78


def test_a_relay_moves_for_this_node_alone(call, paired: Two):
    moved = told(call("pair", "move", "longyou", "--relay", "s3://exchange/longyou", "--format", "json"))
    assert moved["relay"] == "s3://exchange/longyou"
    assert paired.longyou.partner("gongshu").relay == paired.relay
    assert call("pair", "move", "zhaohua", "--relay", "s3://exchange/longyou")[0] == 78


def test_a_folder_that_is_no_relay_is_refused_and_another_address_names_the_way(
    call, two: Two, tmp_path: Path
):
    nowhere = (tmp_path / "nowhere").as_uri()
    offer = ("pair", "offer", "--name", "longyou", "--to", str(tmp_path / "offer.json"), *BY, "--relay")
    for verb in ((*offer, nowhere), ("pair", "move", "longyou", "--relay", nowhere)):
        code, _, error = call(*verb)
        assert (code, "the folder of the relay is not there" in error) == (78, True), error
    assert told(call("pair", "show", "--format", "json")) == []
    assert told(call(*offer, two.relay))["relay"] == two.relay
    other = tmp_path / "other"
    other.mkdir()
    code, _, error = call(*offer, other.as_uri())
    assert (code, json.loads(error)["allowed"]) == (78, two.relay)
    assert f"shanhai pair move longyou --relay {other.as_uri()}" in json.loads(error)["hint"]


def test_an_offer_has_the_rules_that_were_stated(call, two: Two, tmp_path: Path):
    file = tmp_path / "offer.json"
    place = ("--name", "longyou", "--relay", two.relay, "--to", str(file))
    times = ("--head-interval", "12h", "--skew", "2m", "--retention", "400d", "--max-uncosigned", "36h")
    offered = told(call("pair", "offer", *place, "--suites", "both", *times, *BY))
    assert offered["rules"] == {
        "suites": ["x-wing/hkdf-sha256/aes-256-gcm", "x25519/hkdf-sha256/aes-256-gcm"],
        "head_interval": 12 * 3600,
        "skew": 120,
        "retention": 400 * 86_400,
        "max_uncosigned": 36 * 3600,
    }
    shown = call("pair", "show", "longyou")[1]
    for line in ("rule head interval", "12h", "rule retention", "400d", "36h", "2m"):
        assert line in shown
    theirs = ("--name", "gongshu", "--relay", two.relay, "--to", str(tmp_path / "accepted.json"))
    accepted = told(
        call(
            "--home", str(two.longyou.home), "pair", "accept", str(file), *theirs, "--by", "Chen Mei", *BY[2:]
        )
    )
    assert accepted["rules"] == offered["rules"]


def test_a_step_that_was_taken_already_says_so_and_is_done(call, paired: Two):
    assert call("pair", "suspend", "longyou", "--by", "Li Wei")[0] == 0
    code, _, error = call("pair", "suspend", "longyou", "--by", "Li Wei")
    assert (code, "It is suspended_here already: nothing changed." in error) == (0, True)
    assert told(call("pair", "suspend", "longyou", *BY))["already"]
    told(call("pair", "end", "longyou", *BY))
    code, _, error = call("pair", "resume", "longyou", "--by", "Li Wei")
    assert (code, "longyou: ended" in error) == (77, True), error


def test_a_file_that_is_cut_is_named(call, two: Two, tmp_path: Path):
    file = tmp_path / "offer.json"
    place = ("--relay", two.relay, "--to", str(tmp_path / "accepted.json"), "--by", "Chen Mei")
    call("pair", "offer", "--name", "longyou", "--relay", two.relay, "--to", str(file), *BY)
    for part in (b"", file.read_bytes()[:100]):
        cut = tmp_path / "cut.json"
        cut.write_bytes(part)
        accept = ("pair", "accept", str(cut), "--name", "gongshu", *place, "--format", "json")
        code, _, error = call("--home", str(two.longyou.home), *accept)
        said = json.loads(error)
        assert (code, said["given"]) == (77, str(cut))
        assert "carry it again" in said["hint"]


def test_nothing_is_written_into_a_folder_that_is_not_there(call, paired: Two, tmp_path: Path):
    """A stick that is not mounted must not pass for one, and nothing has happened by then."""
    stick = tmp_path / "media" / "stick"
    place = ("--relay", paired.relay, "--to", str(stick / "carried.json"), "--by", "Li Wei")
    offer = tmp_path / "offer.json"
    offer.write_bytes(b"{}")
    for verb in (
        ("pair", "offer", "--name", "zhaohua", *place),
        ("pair", "accept", str(offer), "--name", "zhaohua", *place),
        ("pair", "confirm", "longyou", *place[2:]),
        ("pair", "show", "longyou", *place[2:4]),
        ("parcel", "show", "3fa90c", "--to", str(stick)),
    ):
        code, _, error = call(*verb)
        assert (code, str(stick) in error, "mounted" in error) == (78, True, True), error
    assert not stick.parent.exists()
    assert [one["partner"] for one in told(call("pair", "show", "--format", "json"))] == ["longyou"]


def test_a_number_is_read_as_people_write_it(call, two: Two, tmp_path: Path):
    acceptance = tmp_path / "accepted.json"
    acceptance.write_bytes(accepted(two, offered(two)))
    right = number_at(two.longyou, "gongshu")
    confirm = ("pair", "confirm", "longyou", str(acceptance), *BY, "--number")
    code, _, error = call(*confirm, "12345")
    assert (code, json.loads(error)["given"]) == (78, "5 digits")
    wrong = right[:-1] + str((int(right[-1]) + 1) % 10)
    code, _, error = call(*confirm, wrong)
    assert (code, json.loads(error)["given"]) == (77, "longyou: accepted")
    assert "do not go on" in json.loads(error)["hint"]
    typed = right.replace(" ", "\u2013").translate({ord(one): ord(one) + 0xFEE0 for one in "0123456789"})
    assert told(call(*confirm, typed))["state"] == "confirmed_here"


def test_confirmed_once_more_nothing_changes_and_the_file_is_written_again(call, two: Two, tmp_path: Path):
    acceptance, both = tmp_path / "accepted.json", tmp_path / "both.json"
    acceptance.write_bytes(accepted(two, offered(two)))
    heard = ("--number", number_at(two.longyou, "gongshu"), "--to", str(both))
    confirm = ("pair", "confirm", "longyou", str(acceptance), *heard)
    done = told(call(*confirm, *BY))
    written, events = both.read_bytes(), two.gongshu.events()
    both.unlink()
    again = told(call(*confirm, *BY))
    assert (done["already"], again["already"], again["state"]) == (False, True, "confirmed_here")
    assert (both.read_bytes(), two.gongshu.events()) == (written, events)
    code, _, error = call(*confirm, *BY[:2])
    assert (code, "It is confirmed_here already: nothing changed." in error) == (0, True)


def test_nobody_is_asked_for_the_number_of_an_offer_that_was_not_accepted(call, two: Two):
    offered(two)
    code, _, error = call("pair", "confirm", "longyou", *BY)
    assert (code, json.loads(error)["hint"]) == (
        78,
        "with the file that comes back: shanhai pair confirm longyou FILE",
    )


def test_nothing_is_offered_or_accepted_where_its_file_cannot_be_written(call, two: Two, tmp_path: Path):
    taken = tmp_path / "taken.json"
    taken.write_bytes(b"{}")
    place = ("--relay", two.relay, "--to", str(taken))
    offer = offered(two)
    (file := tmp_path / "offer.json").write_bytes(offer)
    at_longyou = ("--home", str(two.longyou.home), "pair", "accept", str(file), "--name", "gongshu")
    for verb in (("pair", "offer", "--name", "zhaohua", *place, *BY), (*at_longyou, *place, *BY)):
        code, _, error = call(*verb)
        assert (code, json.loads(error)["message"]) == (78, "there is a file already"), error
    assert [one["partner"] for one in told(call("pair", "show", "--format", "json"))] == ["longyou"]
    assert told(call("--home", str(two.longyou.home), "pair", "show", "--format", "json")) == []
    again = ("pair", "offer", "--name", "zhaohua", "--relay", two.relay)
    told(call(*again, "--to", str(tmp_path / "first.json"), *BY))
    told(call("pair", "end", "zhaohua", *BY))
    code, _, error = call(*again, "--to", str(taken), *BY)
    assert (code, json.loads(error)["message"]) == (78, "there is a file already"), "what ended is not known"
    shown = told(call("pair", "show", "--format", "json"))
    assert [(one["partner"], one["state"]) for one in shown][1:] == [("zhaohua", "ended")]


def test_a_message_that_was_changed_on_the_way_is_named(call, paired: Two):
    sender = paired.longyou.partner("gongshu")
    with paired.longyou.desk() as desk:
        standing.suspend(desk, "gongshu")
        ship(paired.longyou.home, settings_of(paired.longyou), sender, now=desk.now)
    relay = Path(paired.relay.removeprefix("file://"))
    handed_over, newest = sorted(relay.glob(f"{sender.folder_out}/m/*/*"))
    handed_over.unlink()
    data = bytearray(newest.read_bytes())
    at = data.index(b'"sig":"') + 20
    data[at] = ord("A") if data[at] != ord("A") else ord("B")
    newest.write_bytes(data)
    assert "Nothing new came." not in call("receive", "longyou")[2]
    code, _, error = call("receive", "longyou", "--format", "json")
    said = json.loads(error.splitlines()[-1])
    assert (code, said["given"]) == (77, "message 0/1 of longyou")
    assert "sig-forged" in said["message"]
    assert "docs/guide/receive.md" in said["hint"]
