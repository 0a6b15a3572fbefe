"""Key files: for their owner alone, whole or not at all, damage told from everything else."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import pytest

from shanhai.errors import ConfigurationError, NotFoundError
from shanhai.keyring.failures import DamagedKeyFileError, OpenKeyFileError
from shanhai.keyring.files import read_locked, remove_locked, write_locked
from shanhai.keyring.passphrases import checked, passphrase_in
from shanhai.storage import durable


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written = tmp_path / "keys" / "node.age"
    write_locked(written, b"first")
    return written


def test_a_file_is_read_as_it_was_written(file: Path):
    assert read_locked(file) == b"first"
    write_locked(file, b"second")
    assert read_locked(file) == b"second"


def test_a_file_and_its_folder_are_for_their_owner(file: Path):
    modes = {path.name: path.stat().st_mode & 0o777 for path in (file.parent, *file.parent.iterdir())}
    assert modes == {"keys": 0o700, "node.age": 0o600, "node.age.sha256": 0o600}


def test_the_digest_is_one_that_sha256sum_reads(file: Path):
    write_locked(file, b"second")
    command = ["sha256sum", "--check", "--strict", "node.age.sha256"]
    assert subprocess.run(command, cwd=file.parent, check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o611])
def test_a_file_that_others_may_touch_is_refused(file: Path, mode: int):
    """keyfile-world-readable"""
    file.chmod(mode)
    with pytest.raises(OpenKeyFileError, match="chmod go-rwx") as refused:
        read_locked(file)
    assert f"{mode:04o}" in str(refused.value)


def test_a_file_that_others_may_replace_is_refused(file: Path):
    file.parent.chmod(0o730)
    with pytest.raises(OpenKeyFileError, match="0730"):
        read_locked(file)


def test_a_damaged_file_is_told_before_any_passphrase_is_tried(file: Path):
    """keyfile-damaged"""
    file.write_bytes(b"firsT")
    with pytest.raises(DamagedKeyFileError, match="damaged"):
        read_locked(file)


@pytest.mark.parametrize("digest", [None, "", "0" * 64 + "  node.age\n", "\xff"])
def test_a_file_without_its_digest_is_damaged(file: Path, digest: str | None):
    beside = file.with_name("node.age.sha256")
    if digest is None:
        beside.unlink()
    else:
        beside.write_text(digest, encoding="latin-1")
    with pytest.raises(DamagedKeyFileError):
        read_locked(file)


def test_a_missing_file_is_not_a_damaged_one(file: Path):
    remove_locked(file)
    remove_locked(file)
    assert list(file.parent.iterdir()) == []
    with pytest.raises(NotFoundError):
        read_locked(file)


@pytest.mark.parametrize("step", range(1, 12))
def test_a_write_that_is_cut_off_leaves_the_old_or_the_new(
    file: Path, step: int, monkeypatch: pytest.MonkeyPatch
):
    """Every call that reaches the disk is, in turn, the last one."""
    calls = 0

    def until_cut(call):
        def one(*arguments):
            nonlocal calls
            calls += 1
            if calls >= step:
                raise KeyboardInterrupt
            return call(*arguments)

        return one

    with monkeypatch.context() as patched:
        patched.setattr(durable.os, "fsync", until_cut(durable.os.fsync))
        patched.setattr(Path, "replace", until_cut(Path.replace))
        with contextlib.suppress(KeyboardInterrupt):
            write_locked(file, b"second")
    assert calls == min(step, 9)
    assert read_locked(file) in ((b"first", b"second") if step <= 9 else (b"second",))
    write_locked(file, b"third")
    assert read_locked(file) == b"third"
    assert len(list(file.parent.iterdir())) == 2


def test_a_passphrase_is_the_first_line_of_its_file(tmp_path: Path):
    file = tmp_path / "passphrase"
    file.write_text("长城万里长 correct horse\r\nanother\n", encoding="utf-8")
    file.chmod(0o600)
    assert passphrase_in(file).bytes.decode() == "长城万里长 correct horse"
    file.chmod(0o644)
    with pytest.raises(OpenKeyFileError):
        passphrase_in(file)


@pytest.mark.parametrize("text", [b"", b"short", b"\xff" * 20, b"x" * 1025])
def test_what_is_no_passphrase_is_refused_without_showing_it(text: bytes):
    with pytest.raises(ConfigurationError, match="not a passphrase") as refused:
        checked(text, given="what was typed")
    assert "short" not in str(refused.value)


def test_a_file_of_a_passphrase_that_is_not_there_is_told_as_such(tmp_path: Path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(NotFoundError, match=r"with a passphrase.*SHANHAI_PASSPHRASE_FILE"):
            passphrase_in(path)
