"""A node's keys on the disk: made at a terminal, opened by age, shown nowhere, changed by the root."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import called
import pytest
from cheap_locks import lock_cheaply
from locked_node import NODE_PASSPHRASE, ROOT_PASSPHRASE, passphrase_files, shanhai, told, typed
from required import program

from shanhai.courier.own_keys import keyring_of
from shanhai.exchange.keyset_documents import read_keyset
from shanhai.exchange.secret import Secret
from shanhai.keyring.age import new_identity, recipient_of
from shanhai.keyring.failures import OpenKeyFileError, OtherKeyError, PassphraseError
from shanhai.keyring.holdings import Holdings

INIT = ("node", "init", "longyou", "--by", "Li Wei")
ROTATE = ("keys", "rotate", "--by", "Li Wei")
NODE_KEY = re.compile(rb'"seed": "([^"]+)"')


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("node")


@pytest.fixture(scope="module")
def screen(base: Path) -> str:
    """What the terminal showed while the keys were made."""
    command = [sys.executable, "-m", "shanhai.cli", "-vv", "--home", str(base / "home"), *INIT]
    code, shown = typed(command, [ROOT_PASSPHRASE] * 2 + [NODE_PASSPHRASE] * 2)
    assert code == 0, shown
    return shown


@pytest.fixture(scope="module")
def home(base: Path, screen: str) -> Path:
    return base / "home"


@pytest.fixture(scope="module")
def variables(base: Path) -> dict[str, str]:
    return passphrase_files(base / "passphrases")


@pytest.fixture(scope="module")
def opened(home: Path) -> Secret:
    """What is locked into node.age, opened by the age of Debian, which asks at a terminal."""
    age = program("/usr/bin/age", "age")
    plain = home.parent / "opened"
    command = [str(age), "--decrypt", "--output", str(plain), str(home / "keyring" / "node.age")]
    code, shown = typed(command, [NODE_PASSPHRASE])
    assert code == 0, shown
    return Secret(plain.read_bytes())


@pytest.fixture
def copy(home: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(home, tmp_path / "home"))


@pytest.fixture
def call(
    copy: Path, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """The command line in this process, where locking anew takes no second."""
    lock_cheaply(monkeypatch)
    for variable, file in variables.items():
        monkeypatch.setenv(variable, file)
    return called.calling(capsys, "--home", str(copy))


def test_keys_are_made_once(home: Path, variables: dict[str, str]):
    again = shanhai(home, *INIT, **variables)
    assert (again.returncode, "has keys already" in again.stderr) == (78, True)


def test_who_the_node_is_stands_in_the_signed_keyset(home: Path):
    keyset = keyring_of(home).keyset()
    shown = told(shanhai(home, "node", "show", "--format", "json"))
    assert (shown["name"], shown["node"], shown["keyset"]) == ("longyou", keyset.node, 1)
    assert read_keyset(keyring_of(home).envelope, roots=keyset.roots) == keyset
    rows = json.loads(shanhai(home, "keys", "list", "--format", "json").stdout)
    assert {row["kid"] for row in rows} == {key.kid for key in keyset.keys}
    assert {(row["state"], row["days_left"]) for row in rows} == {("valid", 365)}
    assert min(datetime.fromisoformat(row["not_after"]) for row in rows) > datetime.now(UTC)


def test_the_fingerprints_stand_on_the_screen_where_the_keys_were_made(home: Path, screen: str):
    """Each of all root keys, in groups that people read to each other."""
    roots = keyring_of(home).keyset().roots
    assert {root.alg for root in roots} == {"ed25519", "ml-dsa-65"}
    shown = " ".join(re.sub(r"\x1b\[\d+m", "", screen.partition("Root keys")[2]).split())
    for root in roots:
        groups = " ".join(re.findall(".{8}", root.kid))
        assert f"{root.alg} fingerprint of a root key {groups} " in shown


def test_age_of_debian_opens_a_key_file(home: Path, opened: Secret):
    """The format is age's own: an operator without this software reaches the keys."""
    holdings = Holdings.read(opened)
    assert {key.kid for key in holdings.keys} == {key.kid for key in keyring_of(home).keyset().keys}


def test_age_of_debian_opens_the_keys_of_a_set(copy: Path, opened: Secret, tmp_path: Path):
    age, keyring, set_id = program("/usr/bin/age", "age"), keyring_of(copy), "ab" * 16
    keyring.keep_set(set_id, {f"{set_id}.0": Secret.random(), f"{set_id}.f": Secret.random()})
    holdings = Holdings.read(opened)
    kept = keyring.keys_of_set(set_id, holdings)
    identity = tmp_path / "identity"
    identity.write_bytes(holdings.identity.bytes + b"\n")
    locked = copy / "keyring" / "sets" / f"{set_id}.age"
    done = subprocess.run(
        [str(age), "--decrypt", "--identity", str(identity), str(locked)], capture_output=True, check=True
    )
    assert set(json.loads(done.stdout)) == set(kept) == {f"{set_id}.0", f"{set_id}.f"}


def test_the_keys_of_a_set_open_with_the_node_s_identity_only_and_are_gone_after_it(
    copy: Path, opened: Secret, tmp_path: Path
):
    keyring, set_id = keyring_of(copy), "cd" * 16
    before = Secret.random()
    keyring.keep_set(set_id, {f"{set_id}.f": before})
    holdings = Holdings.read(opened)
    assert keyring.keys_of_set(set_id, holdings)[f"{set_id}.f"].bytes == before.bytes
    with pytest.raises(OtherKeyError):
        keyring.keys_of_set(set_id, Holdings(new_identity(), holdings.keys))
    with pytest.raises(Exception, match="never change"):
        keyring.keep_set(set_id, {})
    keyring.retire_set(set_id)
    keyring.retire_set(set_id)
    assert list((copy / "keyring" / "sets").iterdir()) == []
    for strange in ("../root", "AB" * 16, ""):
        with pytest.raises(Exception, match="not the id of a set"):
            keyring.retire_set(strange)


def test_three_errors_are_three(copy: Path):
    """passphrase-wrong, keyfile-damaged, keyfile-world-readable: each says what helps."""
    keyring, file = keyring_of(copy), copy / "keyring" / "node.age"
    with pytest.raises(PassphraseError, match="type it again"):
        keyring.unlock(Secret(b"correct horse battery stable"))
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(Exception, match=r"a key file is damaged.*put back a copy"):
        keyring.unlock(Secret(NODE_PASSPHRASE.encode()))
    file.chmod(0o644)
    with pytest.raises(Exception, match="others may read or replace a file of keys or passphrases"):
        keyring.unlock(Secret(NODE_PASSPHRASE.encode()))


def test_new_keys_take_the_root_and_count_after_their_event(call, copy: Path, tmp_path: Path):
    """The root is brought from elsewhere, a stolen key is named, and the log tells both keysets."""
    first = keyring_of(copy).keyset()
    offline = tmp_path / "usb"
    offline.mkdir(mode=0o700)
    for name in ("root.age", "root.age.sha256"):
        shutil.move(copy / "keyring" / name, offline / name)
    stolen = first.of_use("sign")[0].kid
    which = ("--root", str(offline / "root.age"), "--compromised", stolen)
    shown = called.told(call(*ROTATE, *which, "--format", "json"))
    second = keyring_of(copy).keyset()
    assert (shown["keyset"], second.version, set(second.compromised)) == (2, 2, {stolen})
    assert read_keyset(keyring_of(copy).envelope, roots=first.roots, known=first) == second
    events = called.told(call("audit", "log", "--format", "json"))
    assert [(event["kind"], event["who"], event["about"]["version"]) for event in events] == [
        ("keyset", "Li Wei", 1),
        ("keyset", "Li Wei", 2),
    ]
    assert called.told(call("audit", "verify", "--format", "json"))["checkpoint"] == 2
    code, _, error = call(*ROTATE)
    assert (code, "root.age is not here" in error) == (78, True)


def test_without_a_terminal_and_a_file_nobody_is_asked(tmp_path: Path):
    done = shanhai(tmp_path / "home", *INIT)
    assert (done.returncode, "SHANHAI_ROOT_PASSPHRASE_FILE" in done.stderr) == (78, True)
    assert not (tmp_path / "home" / "keyring").exists()


def secrets_of(opened: Secret) -> Iterator[bytes]:
    yield from (NODE_PASSPHRASE.encode(), ROOT_PASSPHRASE.encode(), b"AGE-SECRET-KEY")
    yield from NODE_KEY.findall(opened.bytes)


def test_secrets_are_in_no_file_and_on_no_screen(home: Path, screen: str, opened: Secret):
    """secret-in-repr-log-argv-environ-core, on the disk and in the log at its most talkative."""
    kept = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert len(kept) > 8
    for secret in secrets_of(opened):
        assert [path for path, data in kept.items() if secret in data] == []
        assert secret.decode() not in screen
    assert {path.stat().st_mode & 0o077 for path in (home / "keyring").rglob("*") if path.is_file()} == {0}


WITH_CORES = 'ulimit -c unlimited 2>/dev/null; exec "$@"'
WITHOUT = 'ulimit -c 0; exec "$@"'
HOLDS_KEYS = """
import ctypes, os, resource, sys
from pathlib import Path
from shanhai.keyring.keyring import Keyring
from shanhai.keyring.passphrases import passphrase_in
held = Keyring(Path(sys.argv[1])).unlock(passphrase_in(Path(os.environ["SHANHAI_PASSPHRASE_FILE"])))
print(Path("/proc/self/cmdline").read_bytes(), Path("/proc/self/environ").read_bytes(), os.environ, held)
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), flush=True)
os.abort()
"""


@pytest.mark.parametrize("limits", [WITH_CORES, WITHOUT])
def test_secrets_are_in_no_listing_of_processes_and_in_no_core(
    home: Path, variables: dict[str, str], opened: Secret, tmp_path: Path, limits: str
):
    """secret-in-repr-log-argv-environ-core, of a process that holds them and dies.

    A limit of none would still hand the core to a program that the kernel names: the process is not dumpable.
    """
    done = subprocess.run(
        ["/bin/sh", "-c", limits, "sh", sys.executable, "-c", HOLDS_KEYS, str(home / "keyring")],
        capture_output=True,
        check=False,
        timeout=600,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], **variables},
    )
    assert done.returncode in (-6, 134), done.stderr
    assert list(tmp_path.iterdir()) == []
    assert re.search(rb"\((0, 0|1, 1|0, 1)\) 0\n$", done.stdout)
    for secret in secrets_of(opened):
        assert secret not in done.stdout + done.stderr


def keys_in(folder: Path) -> dict[str, bytes]:
    """Every locked file by its digest, wherever it lies."""
    files = (path.read_bytes() for path in folder.rglob("*.age"))
    return {hashlib.sha256(data).hexdigest(): data for data in files}


def test_keys_without_their_public_file_are_never_written_over(copy: Path, variables: dict[str, str]):
    """A restored backup of the private files alone: the identity is still there."""
    for name in ("keyset.json", "keysets"):
        shutil.move(copy / "keyring" / name, copy.parent / name)
    before = keys_in(copy / "keyring")
    shown = shanhai(copy, "node", "show")
    assert (shown.returncode, "node init" in shown.stderr) == (78, False)
    refused = shanhai(copy, *INIT, **variables)
    assert (refused.returncode, "root.age" in refused.stderr, "--again" in refused.stderr) == (78, True, True)
    assert keys_in(copy / "keyring") == before
    for name in ("keyset.json", "keysets"):
        shutil.move(copy.parent / name, copy / "keyring" / name)
    assert keyring_of(copy).unlock(Secret(NODE_PASSPHRASE.encode()))


def test_an_init_that_was_cut_off_before_its_keyset_goes_on_and_deletes_nothing(call, copy: Path):
    """Killed after the event: the log tells both attempts, and the first keys lie beside the new ones."""
    before = keys_in(copy / "keyring")
    for name in ("keyset.json", "keysets"):
        shutil.move(copy / "keyring" / name, copy.parent / name)
    shutil.move(copy / "audit", copy.parent / "audit")
    forgotten(copy)
    made = called.told(call(*INIT, "--again", "--format", "json"))
    found = called.told(call("audit", "verify", "--format", "json"))
    assert (found["events"], found["checkpoint"], made["keyset"]) == (2, 2, 1)
    assert before.items() <= keys_in(copy / "keyring").items()
    assert len(list((copy / "keyring").glob("before-*/root.age"))) == 1
    assert (
        keyring_of(copy)
        .unlock(Secret(NODE_PASSPHRASE.encode()))
        .signers(keyring_of(copy).keyset(), datetime.now(UTC))
    )


def test_an_init_that_was_cut_off_after_its_keyset_keeps_the_keys(call, copy: Path):
    """Killed between the two writes of the keyset."""
    first = keyring_of(copy).keyset()
    (copy / "keyring" / "keyset.json").unlink()
    assert call(*INIT)[0] == 78
    made = called.told(call(*INIT, "--again", "--format", "json"))
    assert (made["node"], keyring_of(copy).keyset()) == (first.node, first)
    assert list((copy / "keyring").glob("before-*")) == []


def test_keys_are_changed_by_one_process_at_a_time(call, copy: Path, variables: dict[str, str]):
    with keyring_of(copy).changing():
        busy = shanhai(copy, *ROTATE, **variables)
        (copy / "keyring" / "keyset.json").rename(copy / "keyset.json")
        made = shanhai(copy, *INIT, "--again", **variables)
    assert [one.returncode for one in (busy, made)] == [75, 75]
    assert "another process changes the keys" in busy.stderr
    (copy / "keyset.json").rename(copy / "keyring" / "keyset.json")
    assert keyring_of(copy).keyset().version == 1
    assert called.told(call(*ROTATE, "--format", "json"))


def test_a_version_that_did_not_count_yet_counts_before_the_next(call, copy: Path):
    """Killed between the two writes of a rotation: no version is made twice."""
    old = (copy / "keyring" / "keyset.json").read_bytes()
    called.told(call(*ROTATE, "--format", "json"))
    second = keyring_of(copy).keyset()
    (copy / "keyring" / "keyset.json").write_bytes(old)
    called.told(call(*ROTATE, "--format", "json"))
    assert [one.version for one in keyring_of(copy).keysets()] == [1, 2, 3]
    assert keyring_of(copy).keysets()[1] == second


def test_whom_the_files_are_locked_to_is_not_believed_blindly(copy: Path):
    """Somebody's own recipient.txt would have given him the keys of every set from then on."""
    keyring, file = keyring_of(copy), copy / "keyring" / "recipient.txt"
    file.write_text(recipient_of(new_identity()) + "\n")
    with pytest.raises(OtherKeyError, match=r"recipient\.txt"):
        keyring.unlock(Secret(NODE_PASSPHRASE.encode()))
    file.chmod(0o666)
    with pytest.raises(OpenKeyFileError, match=r"recipient\.txt"):
        keyring.keep_set("ab" * 16, {f"{'ab' * 16}.f": Secret.random()})


def forgotten(home: Path) -> None:
    """No checkpoint was ever signed."""
    with closing(sqlite3.connect(home / "exchange" / "exchange.db")) as connection:
        connection.execute("DROP TABLE checkpoint")
        connection.commit()
