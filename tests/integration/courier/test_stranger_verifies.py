"""A stranger verifies a parcel with a keyset and files, without a secret and without a home."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from called import called_here
from locked_node import passphrase_files, shanhai
from sent_parcels import TABLE, grant_of, parcel_of, received, say, seal, upload
from two_nodes import Two, confirmed

from shanhai.audit.database import transaction
from shanhai.courier.evidence import carried_by
from shanhai.courier.own_keys import keyring_of
from shanhai.courier.stranger import UNKNOWN, Beside, verify
from shanhai.errors import ConfigurationError
from shanhai.exchange.failures import Refused


class Given:
    """What a stranger was given: files, and the keyset of the sender."""

    def __init__(self, two: Two, folder: Path) -> None:
        confirmed(two)
        with two.longyou.desk() as desk, transaction(desk.connection):
            desk.connection.execute("UPDATE partner SET state = 'active'")
        self.grant, self.sealed = grant_of(two), seal(two.longyou)
        self.before = say(two.longyou, "gongshu", self.grant)
        self.message = say(two.longyou, "gongshu", *parcel_of(self.sealed, self.grant))
        upload(two.longyou, "gongshu", self.sealed)
        self.keyset = two.longyou.keyset
        self.folder = folder / "given"
        self.folder.mkdir()
        for sha256, content in self.sealed.files.items():
            (self.folder / f"{sha256}.parquet").write_bytes(content)
        for name, data in {
            "message": self.message.envelope,
            "before": self.before.envelope,
            "set": self.sealed.envelope,
            "keyset": keyring_of(two.longyou.home).envelope,
        }.items():
            (folder / f"{name}.json").write_bytes(data)

    def beside(self, **changes: object) -> Beside:
        whole = Beside(self.sealed.envelope, self.folder, self.before.envelope)
        return replace(whole, **changes)


@pytest.fixture
def given(two: Two, tmp_path: Path) -> Given:
    return Given(two, tmp_path)


def test_everything_holds_and_what_cannot_be_known_is_said(given: Given):
    shown = verify(given.message.envelope, given.keyset, given.beside())
    assert shown.kind == "message"
    assert shown.facts["digest"] == given.message.digest
    assert len(shown.holds) == 5
    assert shown.unknown == ("whose", "newer-keyset", "issued", "alone", "body", "received", "contents")


def test_what_was_not_handed_in_is_said_to_be_unknown(given: Given):
    shown = verify(given.message.envelope, given.keyset, Beside())
    always = {"whose", "newer-keyset", "issued", "alone", "body", "received"}
    assert set(shown.unknown) - always == {"before", "set"}
    shown = verify(given.message.envelope, given.keyset, given.beside(files=None))
    assert shown.unknown[-1] == "files"
    assert set(shown.unknown) <= set(UNKNOWN)


def test_a_set_by_itself(given: Given):
    shown = verify(given.sealed.envelope, given.keyset, given.beside())
    assert (shown.kind, shown.unknown[-1]) == ("set", "contents")


@pytest.mark.parametrize("place", [100, -1])
def test_a_changed_message_does_not_hold(given: Given, place: int):
    value = json.loads(given.message.envelope)
    payload = bytearray(value["payload"], "ascii")
    payload[place - 4] ^= 1
    value["payload"] = payload.decode("ascii")
    with pytest.raises(Refused):
        verify(json.dumps(value).encode(), given.keyset, given.beside())


def test_another_keyset_does_not_verify_it(given: Given, two: Two):
    with pytest.raises(Refused, match="sig-unknown-key"):
        verify(given.message.envelope, two.gongshu.keyset, given.beside())


def test_files_that_are_altered_or_missing_do_not_hold(given: Given):
    (file,) = given.folder.iterdir()
    content = file.read_bytes()
    file.write_bytes(content[:-1] + b"x")
    with pytest.raises(Refused, match=f"file-altered.*given: {file.name}"):
        verify(given.message.envelope, given.keyset, given.beside())
    file.unlink()
    with pytest.raises(Refused, match=f"file-omitted.*given: {file.name}"):
        verify(given.message.envelope, given.keyset, given.beside())


def test_another_set_is_not_the_one_that_is_named(given: Given, two: Two):
    other = seal(two.longyou, TABLE.slice(1))
    with pytest.raises(Refused, match="set-not-named"):
        verify(given.message.envelope, given.keyset, given.beside(statement=other.envelope))


def test_another_message_is_not_the_one_before(given: Given):
    with pytest.raises(ConfigurationError, match="not the message before"):
        verify(given.message.envelope, given.keyset, given.beside(before=given.message.envelope))


def test_the_evidence_of_a_refusal_is_verified_like_the_message(given: Given, two: Two):
    bad = say(two.longyou, "gongshu", *parcel_of(given.sealed, given.grant, purpose="another"))
    upload(two.longyou, "gongshu")
    received(two.gongshu, "longyou")
    evidence = (two.gongshu.home / "exchange" / "refused" / f"{bad.digest}.json").read_bytes()
    assert carried_by(evidence) == (bad.envelope, given.sealed.envelope)
    shown = verify(evidence, given.keyset, Beside(files=given.folder))
    assert (shown.facts["digest"], shown.unknown[-1]) == (bad.digest, "contents")


def test_at_the_command_line_no_home_is_made_and_no_passphrase_is_asked_for(given: Given, tmp_path: Path):
    home = tmp_path / "nowhere"
    call = ["parcel", "verify", str(tmp_path / "message.json"), "--keyset", str(tmp_path / "keyset.json")]
    beside = ["--set", str(tmp_path / "set.json"), "--files", str(given.folder)]
    done = shanhai(home, *call, *beside, "--after", str(tmp_path / "before.json"), "--format", "json")
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert (shown["digest"], shown["by"]["node"]) == (given.message.digest, given.keyset.node)
    assert set(shown["unknown"]) >= {"whose", "contents"}
    assert not home.exists()
    unused = shanhai(home, *call, "--files", str(given.folder))
    assert (unused.returncode, "goes with --set" in unused.stderr) == (2, True)
    unwritten = shanhai(home, "parcel", "show", "--to", str(tmp_path))
    assert (unwritten.returncode, "DIGEST" in unwritten.stderr) == (2, True)
    text = shanhai(home, *call)
    assert text.returncode == 0, text.stderr
    assert "Cannot be known from this" in text.stdout
    (tmp_path / "set.json").write_bytes(given.sealed.envelope.replace(b"signatures", b"signaturez"))
    done = shanhai(home, *call, *beside)
    assert done.returncode == 77
    assert "given   the statement of the set" in done.stderr
    (tmp_path / "message.json").write_bytes(given.message.envelope[:-9])
    done = shanhai(home, *call)
    assert done.returncode == 77
    assert str(tmp_path / "message.json") in done.stderr
    assert "carry it again" in done.stderr


def test_receive_and_show_at_the_command_line(
    given: Given, two: Two, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    shanhai = called_here(capsys)
    variables = passphrase_files(tmp_path / "passphrases")
    done = shanhai(two.gongshu.home, "receive", "--no-admit", "--format", "json", **variables)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [row["state"] for row in told["messages"]] == ["taken", "taken", "opened"]
    assert (told["admitted"], told["stopped"]) == ([], [])
    again = shanhai(two.gongshu.home, "receive", "--no-admit", **variables)
    assert (again.returncode, again.stdout) == (0, "")
    assert "Nothing new came." in again.stderr
    listed = json.loads(shanhai(two.gongshu.home, "parcel", "show", "--format", "json").stdout)
    assert [row["type"] for row in listed] == ["keyset", "grant", "parcel"]
    assert [(row["message"], row["generation"], row["seq"], row["version"]) for row in listed][-1] == (
        given.message.digest,
        0,
        2,
        7,
    )
    table = shanhai(two.gongshu.home, "parcel", "show").stdout
    assert given.message.digest[:12] in table
    assert given.message.digest not in table
    digits = given.message.digest[:8]
    (tmp_path / "out").mkdir()
    done = shanhai(
        two.gongshu.home, "parcel", "show", digits, "--to", str(tmp_path / "out"), "--format", "json"
    )
    shown = json.loads(done.stdout)
    assert shown["terms"]["columns"] == ["id", "n"]
    assert sorted(path.read_bytes() for path in (tmp_path / "out").iterdir()) == sorted(
        [given.message.envelope, given.sealed.envelope]
    )
    assert shanhai(two.gongshu.home, "parcel", "show", "f" * 16).returncode == 78
    assert shanhai(tmp_path / "empty", "parcel", "show").returncode == 78
