"""An auditor checks what lies at a relay with the page's bash, jq, sha256sum and openssl."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from page_scripts import run_in, scripts_of
from required import program
from sent_parcels import grant_of, parcel_of, relay_folder, say, seal, upload
from two_nodes import PASSPHRASES, NodeHome, Two, confirmed, copied

from shanhai.audit.checkpoints import LogKey, origin_of
from shanhai.audit.database import transaction
from shanhai.audit.log import EventLog
from shanhai.audit.notes import sign_note
from shanhai.clock import system_clock
from shanhai.courier.own_keys import keyring_of, log_key
from shanhai.exchange import dsse
from shanhai.exchange.keyset_documents import sign_keyset
from shanhai.exchange.keysets import SIGN
from shanhai.exchange.strict import to_base64

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "check-a-parcel.md"
SCRIPTS = ("keyset.sh", "check-parcels.sh", "check-checkpoint.sh")
RUN = "PATH[$(touch ran)0]"
STEER = "\x9b2J\x1b[2J"


def fingerprint(node: NodeHome) -> str:
    return next(root.kid for root in node.keyset.roots if root.alg == "ed25519")


@dataclass(frozen=True)
class Auditor:
    """Who has the page, a keyset, a fingerprint, and a copy of one direction of a relay."""

    folder: Path
    fingerprint: str
    key: LogKey

    @property
    def relay(self) -> Path:
        return self.folder / "relay"

    def runs(self, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_in(self.folder, script, "keyset.json", self.fingerprint, *arguments)

    def copy(self, folder: Path) -> Auditor:
        return replace(self, folder=Path(shutil.copytree(self.folder, folder / "auditor")))

    def message(self, seq: int) -> Path:
        return self.relay / "m" / "000000" / f"{seq:010d}"

    def sealed(self) -> Path:
        return next((self.relay / "f").iterdir())

    def note(self, size: str, root: bytes, name: str) -> None:
        """A checkpoint that the node itself signs, whatever it likes to write there."""
        text = f"{self.key.origin}\n{size}\n{base64.b64encode(root).decode()}\n"
        note = sign_note(text, self.key.origin, self.key.public, self.key.sign)
        (self.folder / name).write_bytes(note)


@pytest.fixture(scope="module")
def left(nodes: Two, tmp_path_factory: pytest.TempPathFactory) -> Auditor:
    """What Longyou left for Gongshu: a keyset, a grant, and a parcel."""
    program("/usr/bin/openssl", "openssl")
    program("/usr/bin/jq", "jq")
    base = tmp_path_factory.mktemp("audited")
    two = copied(nodes, base)
    confirmed(two)
    with two.longyou.desk() as desk, transaction(desk.connection):
        desk.connection.execute("UPDATE partner SET state = 'active'")
    grant, sealed = grant_of(two), seal(two.longyou)
    say(two.longyou, "gongshu", grant)
    message = say(two.longyou, "gongshu", *parcel_of(sealed, grant))
    upload(two.longyou, "gongshu", sealed)
    folder = base / "auditor"
    folder.mkdir()
    for name, block in zip(SCRIPTS, scripts_of(PAGE), strict=True):
        (folder / name).write_text(block, encoding="utf-8")
    shutil.copytree(relay_folder(two) / two.longyou.partner("gongshu").folder_out, folder / "relay")
    with two.gongshu.desk() as desk:
        theirs = desk.speaker.signers
    for name, data, kind in (
        ("message", message.envelope, dsse.MESSAGE),
        ("set", sealed.envelope, dsse.SET),
    ):
        payload = dsse.read(data, kind).payload
        (folder / f"{name}-by-another").write_bytes(dsse.write(dsse.sign(payload, kind, theirs)))
    keyring = keyring_of(two.longyou.home)
    (folder / "keyset.json").write_bytes(keyring.envelope)
    other = keyring_of(two.gongshu.home)
    (folder / "other.json").write_bytes(other.envelope)
    keyset, now = two.longyou.keyset, system_clock()
    (sign,) = (one for one in keyset.of_use(SIGN) if one.key.alg == "ed25519")
    taken_back = replace(keyset, version=2, compromised={sign.kid: now - timedelta(days=2)})
    roots = keyring.unlock_roots(PASSPHRASES.root).keys
    (folder / "compromised.json").write_bytes(sign_keyset(taken_back, roots))
    for name, node, text in (("runs", RUN, ""), ("steers", STEER, ""), ("quoted", keyset.node, STEER)):
        keys = [{"alg": "ed25519", "pub": {text: 1}}]
        odd: dict[str, Any] = {"generation": 0, "keys": keys, "node": node}
        odd["roots"] = [{"alg": one.public.alg, "pub": to_base64(one.public.public)} for one in roots]
        payload = json.dumps(odd, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
        envelope = dsse.write(dsse.sign(payload, dsse.KEYSET, roots))
        (folder / f"{name}.json").write_bytes(envelope)
    with two.longyou.desk() as desk:
        key = log_key(keyset, two.longyou.holdings, now)
        (folder / "checkpoint").write_bytes(EventLog(desk.connection).checkpoint(key))
    assert key.origin == origin_of(keyset.node, 0)
    return Auditor(folder, fingerprint(two.longyou), key)


@pytest.fixture
def auditor(left: Auditor, tmp_path: Path) -> Auditor:
    return left.copy(tmp_path)


def test_everything_holds(auditor: Auditor):
    done = auditor.runs("check-parcels.sh", "relay")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines[:3]] == [["message", f"000000/{seq:010d}"] for seq in range(3)]
    assert "1 files, all of their length and SHA-256" in lines[3]
    assert lines[4].endswith(f"by the root key {auditor.fingerprint}")


def test_the_fingerprint_may_be_given_in_groups(auditor: Auditor):
    """As `shanhai node show` writes it, and as one reads it to another."""
    groups = " ".join(re.findall("........", auditor.fingerprint))
    for script, arguments in (("check-parcels.sh", ["relay"]), ("check-checkpoint.sh", ["checkpoint"])):
        bare, grouped = (
            replace(auditor, fingerprint=given).runs(script, *arguments)
            for given in (auditor.fingerprint, groups)
        )
        assert (grouped.returncode, grouped.stderr, grouped.stdout) == (0, "", bare.stdout)


def in_payload(file: Path, old: bytes, new: bytes) -> None:
    envelope = json.loads(file.read_bytes())
    payload = base64.b64decode(envelope["payload"])
    assert old in payload
    envelope["payload"] = base64.b64encode(payload.replace(old, new, 1)).decode()
    file.write_bytes(json.dumps(envelope, separators=(",", ":")).encode())


def changed_byte(auditor: Auditor) -> None:
    data = bytearray(auditor.sealed().read_bytes())
    data[len(data) // 2] ^= 1
    auditor.sealed().write_bytes(data)


def shorter(auditor: Auditor) -> None:
    auditor.sealed().write_bytes(auditor.sealed().read_bytes()[:-1])


def longer(auditor: Auditor) -> None:
    auditor.sealed().write_bytes(auditor.sealed().read_bytes() + b"\0")


def missing_file(auditor: Auditor) -> None:
    auditor.sealed().unlink()


def link(auditor: Auditor) -> None:
    file = auditor.sealed()
    file.rename(auditor.folder / "elsewhere")
    file.symlink_to(auditor.folder / "elsewhere")


def stolen_key(auditor: Auditor) -> None:
    """The keyset says that somebody else had the key before the message was signed."""
    shutil.copy(auditor.folder / "compromised.json", auditor.folder / "keyset.json")


def message_changed(auditor: Auditor) -> None:
    in_payload(auditor.message(1), b'"sealed":"', b'"sealed":"AAAA')


def message_by_another(auditor: Auditor) -> None:
    shutil.copy(auditor.folder / "message-by-another", auditor.message(2))


def set_by_another(auditor: Auditor) -> None:
    shutil.copy(auditor.folder / "set-by-another", next((auditor.relay / "s").iterdir()))


def statement_changed(auditor: Auditor) -> None:
    in_payload(next((auditor.relay / "s").iterdir()), b'"sizes":[', b'"sizes":[1')


def swapped(auditor: Auditor) -> None:
    shutil.copy(auditor.message(0), auditor.message(1))


def twice(auditor: Auditor) -> None:
    """A key that stands twice would be read as two different things by two readers."""
    in_payload(auditor.message(1), b'{"header":', b'{"header":"","header":')


def a_name_with_a_command(auditor: Auditor) -> None:
    auditor.message(2).rename(auditor.message(2).with_name(RUN.replace("/", "")))


@pytest.mark.parametrize(
    ("alter", "why"),
    [
        (changed_byte, "message 000000/0000000002: a file has other bytes: "),
        (shorter, "message 000000/0000000002: a file has another length: "),
        (longer, "message 000000/0000000002: a file has another length: "),
        (missing_file, "message 000000/0000000002: a file is missing: "),
        (link, "message 000000/0000000002: a file is missing: "),
        (stolen_key, "message 000000/0000000000: signed by a key that was compromised"),
        (message_changed, "message 000000/0000000001: no key of the keyset signed it"),
        (message_by_another, "message 000000/0000000002: no key of the keyset signed it"),
        (set_by_another, "message 000000/0000000002: no key of the keyset signed the set "),
        (statement_changed, "message 000000/0000000002: the statement of another set: "),
        (swapped, "message 000000/0000000001: it has another number"),
        (twice, "message 000000/0000000001: not written as the specification wants: payload"),
        (a_name_with_a_command, "no message: 000000/PATH"),
    ],
)
def test_what_was_altered_is_found(auditor: Auditor, alter: Callable[[Auditor], None], why: str):
    alter(auditor)
    done = auditor.runs("check-parcels.sh", "relay")
    assert done.returncode == 1
    assert done.stderr.startswith(f"WRONG: {why}")
    assert not list(auditor.folder.rglob("ran"))


def test_another_node_is_told(auditor: Auditor):
    shutil.copy(auditor.folder / "other.json", auditor.folder / "keyset.json")
    done = auditor.runs("check-parcels.sh", "relay")
    assert (done.returncode, done.stderr) == (1, "WRONG: another root key\n")
    roots = json.loads(base64.b64decode(json.loads((auditor.folder / "other.json").read_bytes())["payload"]))
    theirs = next(one["pub"] for one in roots["roots"] if one["alg"] == "ed25519")
    kid = hashlib.sha256(b"ed25519\0" + base64.b64decode(theirs)).hexdigest()
    done = replace(auditor, fingerprint=kid).runs("check-parcels.sh", "relay")
    assert done.stderr == "WRONG: message 000000/0000000000: no key of the keyset signed it\n"


def test_a_folder_without_a_message_is_told(auditor: Auditor):
    (auditor.folder / "nothing").mkdir()
    done = auditor.runs("check-parcels.sh", "nothing")
    told = f"WRONG: no parcels in {(auditor.folder / 'nothing').resolve()}\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", told)


def test_a_message_that_is_gone_is_told(auditor: Auditor):
    auditor.message(1).unlink()
    done = auditor.runs("check-parcels.sh", "relay")
    assert done.returncode == 0
    assert "the message before 000000/0000000002 is not here" in done.stdout


def test_a_checkpoint_holds_and_a_changed_one_does_not(auditor: Auditor):
    good = auditor.runs("check-checkpoint.sh", "checkpoint")
    assert (good.returncode, good.stderr) == (0, "")
    assert re.match(rf"[0-9]+ events of {auditor.key.origin}, root ", good.stdout)
    note = (auditor.folder / "checkpoint").read_text(encoding="utf-8")
    lines = note.split("\n")
    (auditor.folder / "changed").write_text(
        "\n".join([lines[0], "9" + lines[1], *lines[2:]]), encoding="utf-8"
    )
    done = auditor.runs("check-checkpoint.sh", "changed")
    assert (done.returncode, done.stderr) == (1, "WRONG: the signature of the checkpoint does not hold\n")
    (auditor.folder / "moved").write_text("\n".join([lines[0] + "1", *lines[1:]]), encoding="utf-8")
    assert auditor.runs("check-checkpoint.sh", "moved").stderr == "WRONG: a checkpoint of another log\n"


@pytest.mark.parametrize(
    ("size", "root", "why"),
    [("7", b"a", "two logs of 7 events"), ("6", b"a", "the log had 7 events before, and has 6 now")],
)
def test_two_checkpoints_that_contradict_each_other_are_told(
    auditor: Auditor, size: str, root: bytes, why: str
):
    auditor.note("7", b"o" * 32, "older")
    auditor.note(size, root * 32, "newer")
    done = auditor.runs("check-checkpoint.sh", "newer", "older")
    assert (done.returncode, done.stderr) == (1, f"WRONG: {why}\n")
    auditor.note("9", root * 32, "newer")
    assert auditor.runs("check-checkpoint.sh", "newer", "older").returncode == 0


@pytest.mark.parametrize("size", [RUN, "010", "-1", "9" * 19])
def test_no_line_of_the_node_is_counted_with_unseen(auditor: Auditor, size: str):
    auditor.note(size, b"r" * 32, "checkpoint")
    done = auditor.runs("check-checkpoint.sh", "checkpoint")
    assert done.returncode == 1
    assert done.stderr.startswith("WRONG: not a number: ")
    assert not list(auditor.folder.rglob("ran"))


@pytest.mark.parametrize("name", ["runs", "steers", "quoted"])
def test_no_text_of_a_keyset_is_run_or_steers_a_terminal(auditor: Auditor, name: str):
    """Whoever has the root keys signs what he likes; jq quotes in its errors what it read."""
    shutil.copy(auditor.folder / f"{name}.json", auditor.folder / "keyset.json")
    done = auditor.runs("check-parcels.sh", "relay")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("WRONG: ")
    assert done.stderr.removesuffix("\n").isprintable()
    assert not list(auditor.folder.rglob("ran"))
