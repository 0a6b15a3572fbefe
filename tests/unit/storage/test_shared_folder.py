"""A folder that two accounts use: what one of them makes, the other can read, and can add to."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from shanhai.errors import NotFoundError, StoreError
from shanhai.storage import LocalStore
from shanhai.storage.modes import modes_of

ONE, OTHER, GROUP = 61_001, 61_002, 61_100


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder that any account can reach: those of pytest are for their owner alone."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    (made / "relay").mkdir()
    yield made / "relay"
    shutil.rmtree(made)


def as_account(uid: int, root: Path, writes: str, reads: str = "") -> None:
    """Write and read as that account, in a fork: the account itself may not reach the interpreter."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([GROUP])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            os.umask(0o077)
            used(root, writes, reads)
            code = 0
        except AssertionError:
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def used(root: Path, writes: str, reads: str) -> None:
    store = LocalStore(root, modes=modes_of(root))
    assert store.put(f"pair/{writes}/m/0", [writes.encode()], if_absent=True).created
    if reads:
        assert list(store.list(f"pair/{reads}")) == [f"pair/{reads}/m/0"]
        with store.open(f"pair/{reads}/m/0") as found:
            assert found.read() == reads.encode()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as two accounts")
@pytest.mark.parametrize("mode", [0o777, 0o3770, 0o2770, 0o770])
def test_two_accounts_write_and_read_one_relay(root: Path, mode: int):
    os.chown(root, ONE, GROUP)
    root.chmod(mode)
    as_account(ONE, root, "1")
    as_account(OTHER, root, "2", "1")
    as_account(ONE, root, "3", "2")


def test_what_is_made_has_the_modes_of_the_folder_whatever_the_umask(tmp_path: Path):
    root = tmp_path / "relay"
    root.mkdir()
    root.chmod(0o750)
    before = os.umask(0o077)
    try:
        LocalStore(root, modes=modes_of(root)).put("a/b", [b"x"])
    finally:
        os.umask(before)
    assert stat.S_IMODE((root / "a").stat().st_mode) == 0o750
    assert stat.S_IMODE((root / "a/b").stat().st_mode) == 0o640
    assert stat.S_IMODE((root / f".incoming-{os.geteuid()}").stat().st_mode) == 0o700


def test_a_folder_whose_maker_was_killed_is_opened_by_it_later(tmp_path: Path):
    root = tmp_path / "relay"
    root.mkdir()
    root.chmod(0o777)
    (root / "a").mkdir(mode=0o700)
    LocalStore(root, modes=modes_of(root)).put("a/b", [b"x"])
    assert stat.S_IMODE((root / "a").stat().st_mode) == 0o777


def shared_store(tmp_path: Path) -> tuple[LocalStore, Path]:
    """A store in a folder that others use, and a folder of this account alone beside it."""
    root, home = tmp_path / "relay", tmp_path / "home"
    root.mkdir()
    root.chmod(0o2770)
    home.mkdir(mode=0o700)
    return LocalStore(root, modes=modes_of(root)), home


@pytest.mark.parametrize("below", ["a", "a/b", "a/b/c"])
def test_a_link_in_the_place_of_a_folder_opens_nothing_that_is_not_shared(tmp_path: Path, below: str):
    """Whoever shares the root puts it there after the key was looked at: a race that it wins in the end."""
    store, home = shared_store(tmp_path)
    (home / "b" / "c").mkdir(parents=True, mode=0o700)
    before = {path: path.stat().st_mode for path in (home, home / "b", home / "b/c")}
    (store.root / "a").symlink_to(home)
    modes_of(store.root).folder_made(store.root, store.root / below)
    assert {path: path.stat().st_mode for path in before} == before


def test_what_others_put_among_the_incoming_files_is_neither_waited_for_nor_followed(tmp_path: Path):
    store, home = shared_store(tmp_path)
    (home / "kept").write_bytes(b"x")
    incoming = store.root / f".incoming-{os.geteuid()}"
    incoming.mkdir()
    os.mkfifo(incoming / "pipe")
    (incoming / "link").symlink_to(home / "kept")
    (incoming / "orphan").write_bytes(b"x")
    assert swept_in_time(store)
    assert sorted(path.name for path in incoming.iterdir()) == ["link", "pipe"]
    assert (home / "kept").exists()


def test_nothing_is_swept_where_a_link_leads(tmp_path: Path):
    store, home = shared_store(tmp_path)
    (home / "kept").write_bytes(b"x")
    (store.root / f".incoming-{os.geteuid()}").symlink_to(home)
    with pytest.raises(StoreError):
        store.put("a/b", [b"x"])
    assert [path.name for path in home.iterdir()] == ["kept"]


def test_a_pipe_is_no_object(tmp_path: Path):
    store, _ = shared_store(tmp_path)
    (store.root / "a").mkdir()
    os.mkfifo(store.root / "a" / "b")
    with pytest.raises(NotFoundError):
        store.open("a/b")


def swept_in_time(store: LocalStore) -> bool:
    """Whether a first write ends, in a process of its own: where it waits, it can only be killed."""
    child = os.fork()
    if child == 0:
        signal.alarm(120)
        os._exit(0 if store.put("a/b", [b"x"]).created else 1)
    return os.waitpid(child, 0)[1] == 0
