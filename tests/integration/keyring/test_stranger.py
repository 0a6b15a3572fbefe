"""A stranger checks a disclosed event with bash, sha256sum and openssl, as the page about the log says."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from page_scripts import run_in, scripts_of

from shanhai.audit.checkpoints import LogKey, origin_of
from shanhai.audit.database import open_database, transaction
from shanhai.audit.disclosure import disclose
from shanhai.audit.events import digest_of, happened, leaf_of
from shanhai.audit.log import EventLog
from shanhai.audit.notes import sign_note
from shanhai.audit.projection import project
from shanhai.exchange.keyset_documents import sign_keyset
from shanhai.exchange.keysets import LOG
from shanhai.keyring.rotation import Policy, first_keyset, new_keys, new_roots

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "audit-log.md"
START = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
EVENTS = 11


class Stranger:
    """Who has a keyset, a fingerprint, disclosed events and the page."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        roots, fresh = new_roots(Policy()), new_keys(Policy())
        keyset = first_keyset("longyou", roots, fresh, Policy(), START)
        self.keyset, self.roots, signer = keyset, roots, fresh[LOG][0]
        self.fingerprint = next(key.kid for key in roots.keys if key.alg == "ed25519")
        self.origin = origin_of(keyset.node, 0)
        (folder / "keyset.json").write_bytes(sign_keyset(keyset, roots.keys))
        self.key = key = LogKey(self.origin, signer.public.public, signer.sign)
        connection = open_database(folder / "exchange.db")
        log = EventLog(connection)
        with transaction(connection):
            for number in range(EVENTS):
                at = START + timedelta(minutes=number)
                log.append(happened("end", who="李 Wei", at=at, pairing=f"{number:032x}"))
        project(connection, folder / "audit", key, [key.public])
        note = (folder / "audit" / "checkpoint").read_bytes()
        self.told = [disclose(log, leaf, note, EVENTS) for leaf in range(EVENTS)]
        (script,) = scripts_of(PAGE)
        (folder / "check-event.sh").write_text(script, encoding="utf-8")

    def forged(self, event: bytes, *, index: str = "0", size: str = "1") -> bytes:
        """What the node itself may sign and hand out, whatever it likes to write there."""
        root = base64.b64encode(leaf_of(digest_of(event))).decode()
        text = f"{self.origin}\n{size}\n{root}\n"
        note = sign_note(text, self.origin, self.key.public, self.key.sign)
        proof = f"c2sp.org/tlog-proof@v1\nindex {index}\n\n".encode() + note
        parts = {"event": event, "proof": proof}
        fields = {name: base64.b64encode(part).decode() for name, part in parts.items()}
        return (json.dumps({"v": 1, "sha256": digest_of(event), **fields}, indent=1) + "\n").encode()

    def checks(
        self, disclosed: bytes, *, keyset: bytes | None = None, fingerprint: str = ""
    ) -> subprocess.CompletedProcess[str]:
        event, keys = self.folder / "event.json", self.folder / "given.json"
        event.write_bytes(disclosed)
        keys.write_bytes(keyset or (self.folder / "keyset.json").read_bytes())
        named = fingerprint or self.fingerprint
        return run_in(self.folder, "check-event.sh", event.name, keys.name, named)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Stranger:
    assert shutil.which("openssl", path="/usr/bin:/bin")
    return Stranger(tmp_path_factory.mktemp("stranger"))


@pytest.mark.parametrize("leaf", [0, 5, 7, 8, 10])
def test_an_event_is_proven(stranger: Stranger, leaf: int):
    done = stranger.checks(stranger.told[leaf])
    assert (done.returncode, done.stderr) == (0, "")
    assert f"This is index {leaf} of the {EVENTS} events of {stranger.origin}:" in done.stdout
    assert json.loads(done.stdout.splitlines()[1])["about"] == {"pairing": f"{leaf:032x}"}


def inside(disclosed: bytes, name: str, old: str, new: str) -> bytes:
    fields = json.loads(disclosed)
    text = base64.b64decode(fields[name]).decode()
    assert old in text
    fields[name] = base64.b64encode(text.replace(old, new, 1).encode()).decode()
    return (json.dumps(fields, indent=1) + "\n").encode()


@pytest.mark.parametrize(
    ("name", "old", "new", "why"),
    [
        ("event", "Wei", "Wai", "the event has another digest"),
        ("event", "2026-11-20T08:05", "2026-11-20T08:06", "the event has another digest"),
        ("proof", "index 5", "index 4", "the event is not in the log"),
        ("proof", "index 5", "index 55", "the log has no such event"),
        ("proof", f"\n{EVENTS}\n", f"\n{EVENTS + 1}\n", "the signature of the checkpoint does not hold"),
        ("proof", "/0\n", "/1\n", "the checkpoint is of another log"),
        ("proof", "tlog-proof@v1", "tlog-proof@v2", "not a proof"),
    ],
)
def test_what_was_altered_is_not(stranger: Stranger, name: str, old: str, new: str, why: str):
    done = stranger.checks(inside(stranger.told[5], name, old, new))
    assert done.returncode == 1
    assert done.stderr.endswith(f"WRONG: {why}\n")
    assert done.stdout == ""


def test_a_digest_that_was_altered_is_told(stranger: Stranger):
    fields = json.loads(stranger.told[5])
    other = {**fields, "sha256": fields["sha256"][::-1]}
    done = stranger.checks((json.dumps(other, indent=1) + "\n").encode())
    assert (done.returncode, done.stderr, done.stdout) == (1, "WRONG: the event has another digest\n", "")
    event = base64.b64decode(fields["event"]).replace(b"Wei", b"Wai")
    other = {**fields, "event": base64.b64encode(event).decode(), "sha256": digest_of(event)}
    done = stranger.checks((json.dumps(other, indent=1) + "\n").encode())
    assert (done.returncode, done.stderr, done.stdout) == (1, "WRONG: the event is not in the log\n", "")


def test_the_fingerprint_may_be_given_in_groups(stranger: Stranger):
    """As `shanhai node show` writes it, and as one reads it to another."""
    groups = " ".join(re.findall("........", stranger.fingerprint))
    done = stranger.checks(stranger.told[5], fingerprint=groups)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_keyset_of_other_roots_is_told(stranger: Stranger):
    done = stranger.checks(stranger.told[5], fingerprint="00" * 32)
    assert done.stderr == "WRONG: another root key\n"
    keyset = json.loads((stranger.folder / "keyset.json").read_bytes())
    payload = base64.b64decode(keyset["payload"]).replace(b'"version":1', b'"version":2')
    forged = {**keyset, "payload": base64.b64encode(payload).decode()}
    done = stranger.checks(stranger.told[5], keyset=json.dumps(forged, separators=(",", ":")).encode())
    assert done.returncode == 1
    assert done.stderr.endswith("WRONG: the root key did not sign the keyset\n")


@pytest.mark.parametrize("place", ["size", "index"])
def test_no_line_of_the_node_is_run(stranger: Stranger, place: str):
    """Bash evaluates what stands in an index of an array, also in one that is only compared."""
    good = stranger.checks(stranger.forged(b"{}"))
    assert (good.returncode, good.stderr) == (0, "")
    done = stranger.checks(stranger.forged(b"{}", **{place: "PATH[$(touch ran)0]"}))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("WRONG: not a number: ")
    assert not list(stranger.folder.rglob("ran"))


@pytest.mark.parametrize("size", ["010", "-1", "9" * 19, "last"])
def test_only_a_plain_number_is_a_size(stranger: Stranger, size: str):
    done = stranger.checks(stranger.forged(b"{}", size=size))
    assert done.returncode == 1
    assert done.stderr.startswith("WRONG: not a number: ")


@pytest.mark.parametrize("hidden", ["\x1b[2J", "\x00", "\n", "\x9b2J", "\u202e"])
def test_no_terminal_is_told_what_to_do(stranger: Stranger, hidden: str):
    done = stranger.checks(stranger.forged(f'{{"who":"Li{hidden}"}}'.encode()))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "WRONG: the event has characters that are not seen\n"


def test_a_log_key_that_was_taken_back_proves_nothing(stranger: Stranger):
    kid = next(one.kid for one in stranger.keyset.of_use(LOG))
    later = replace(stranger.keyset, version=2, compromised={kid: START + timedelta(days=1)})
    envelope = sign_keyset(later, stranger.roots.keys)
    done = stranger.checks(stranger.told[5], keyset=envelope)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "WRONG: no log key of the keyset signed the checkpoint\n"
