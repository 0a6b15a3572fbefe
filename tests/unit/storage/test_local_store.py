"""What the folder store adds to the promises: modes, dead writers, disks that refuse, links that lead out."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shanhai.errors import ConfigurationError, DeniedError, DiskFullError, StoreError
from shanhai.storage import LocalStore
from shanhai.storage.disk import disk_error, require_room

REPOSITORY = Path(__file__).resolve().parents[3]


def modes(root: Path) -> set[str]:
    return {
        f"{'d' if path.is_dir() else 'f'}{stat.S_IMODE(path.stat().st_mode):o}" for path in root.rglob("*")
    }


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_a_listing_has_the_names_of_one_folder_in_memory_and_says_where_there_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("shanhai.storage.local._MOST_IN_A_FOLDER", 2)
    for name in ("a/1", "a/2", "b/1", "b/2", "b/3"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    keys = LocalStore(tmp_path).list()
    assert [next(keys), next(keys)] == ["a/1", "a/2"]
    with pytest.raises(StoreError, match=r"too many names.*/b"):
        next(keys)


def test_a_listing_says_where_somebody_nested_folders_without_end(tmp_path: Path):
    deep = tmp_path / "a"
    deep.mkdir()
    folder = os.open(deep, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("a", dir_fd=folder)
        inner = os.open("a", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    (tmp_path / "0").touch()
    keys = LocalStore(tmp_path).list()
    assert next(keys) == "0"
    with pytest.raises(StoreError, match="nested too deep"):
        next(keys)
    # What removes the folders of tests follows them no deeper than Python calls itself.
    subprocess.run(["/bin/rm", "-r", deep], check=True)


@pytest.mark.parametrize("target", ["itself", "x" * 300, "nowhere"])
def test_a_link_that_leads_nowhere_stops_no_listing(tmp_path: Path, target: str):
    (tmp_path / "itself").symlink_to(target)
    (tmp_path / "kept").touch()
    assert list(LocalStore(tmp_path).list()) == ["itself", "kept"]


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_only_the_owner_may_read(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    store.put("sha256/ab/abc", [b"x"], if_absent=True)
    store.put("manifests/a.json", [b"x"])
    assert modes(tmp_path) == {"d700", "f600"}


def test_a_store_makes_nothing_before_it_is_used(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    assert list(store.list()) == []
    assert not store.exists("a")
    store.delete("a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("use", ["open", "exists", "stat", "delete"])
def test_a_link_out_of_the_root_is_refused(tmp_path: Path, use: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"secret")
    store = LocalStore(tmp_path / "store")
    store.put("k", [b"x"])
    (tmp_path / "store" / "out").symlink_to(tmp_path / "outside")
    with pytest.raises(DeniedError, match="leads out of the store"):
        getattr(store, use)("out/secret")
    with pytest.raises(DeniedError, match="leads out of the store"):
        store.put("out/new", [b"x"])
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["secret"]


@pytest.mark.parametrize("if_absent", [True, False])
def test_a_key_is_not_the_folder_of_another(tmp_path: Path, if_absent: bool) -> None:
    store = LocalStore(tmp_path)
    store.put("a/b", [b"x"])
    for key in ("a", "a/b/c"):
        with pytest.raises(ConfigurationError, match="folder of another"):
            store.put(key, [b"y"], if_absent=if_absent)
    assert list(store.list()) == ["a/b"]
    assert len(files(tmp_path)) == 1


def test_a_full_disk_is_seen_beforehand(tmp_path: Path) -> None:
    def never() -> Iterator[bytes]:
        raise AssertionError("the source was asked although there is no room")
        yield b""

    store = LocalStore(tmp_path, keep_free_bytes=2**62)
    with pytest.raises(DiskFullError, match=r"is full.*MiB free.*allowed: at least .* MiB free"):
        store.put("k", never())
    assert files(tmp_path) == []


def run(command: str, *arguments: str) -> bool:
    """Whether a system command is there and succeeds."""
    program = shutil.which(command)
    return program is not None and not subprocess.run([program, *arguments], capture_output=True).returncode


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MiB."""
    mount = tmp_path / "small"
    mount.mkdir()
    if not run("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(mount)):
        pytest.skip("this user may not mount a small disk")
    yield mount
    run("umount", str(mount))


def test_a_disk_that_is_really_full_keeps_what_it_has(small_disk: Path) -> None:
    store = LocalStore(small_disk / "store")
    store.put("kept", [b"x" * 1000])
    with pytest.raises(DiskFullError, match="make room"):
        store.put("large", (bytes(2**20) for _ in range(65)))
    assert list(store.list()) == ["kept"]
    assert len(files(small_disk)) == 1
    store.put("after", [b"y" * 1000])


def test_a_disk_that_fills_up_is_seen_on_the_way(small_disk: Path) -> None:
    store = LocalStore(small_disk, keep_free_bytes=40 * 2**20)
    with pytest.raises(DiskFullError, match="at least"):
        store.put("large", (bytes(2**20) for _ in range(60)))
    assert files(small_disk) == []


def test_a_read_only_disk_says_what_to_do(small_disk: Path) -> None:
    LocalStore(small_disk).put("kept", [b"x"])
    assert run("mount", "-o", "remount,ro", str(small_disk))
    store = LocalStore(small_disk)
    with pytest.raises(StoreError, match=r"cannot be written.*read-only"):
        store.put("k", [b"y"])
    with store.open("kept") as stream:
        assert stream.read() == b"x"


@pytest.mark.parametrize(
    ("number", "kind", "text"),
    [
        (errno.ENOSPC, DiskFullError, "is full"),
        (errno.EDQUOT, DiskFullError, "is full"),
        (errno.EROFS, StoreError, "read-only"),
        (errno.EACCES, StoreError, "who owns it"),
        (errno.EIO, StoreError, "failed"),
    ],
)
def test_what_the_system_says_becomes_an_error_that_helps(number: int, kind: type, text: str) -> None:
    error = disk_error(OSError(number, os.strerror(number)), Path("/state"))
    assert type(error) is kind
    assert text in str(error)
    assert "/state" in str(error)
    assert error.recovery == "retry"


def test_room_is_looked_for_where_a_folder_will_be(tmp_path: Path) -> None:
    require_room(tmp_path / "not" / "yet", 1)
    with pytest.raises(DiskFullError):
        require_room(tmp_path / "not" / "yet", 2**62)


DYING_WRITER = """
import os, signal, sys
from pathlib import Path
from shanhai.storage import LocalStore
def chunks():
    yield bytes(2**20)
    os.kill(os.getpid(), signal.SIGKILL)
LocalStore(Path(sys.argv[1])).put("k", chunks())
"""


def test_a_killed_writer_leaves_nothing_that_is_seen_and_is_swept_later(tmp_path: Path) -> None:
    died = subprocess.run([sys.executable, "-c", DYING_WRITER, str(tmp_path)], cwd=REPOSITORY, check=False)
    assert died.returncode == -signal.SIGKILL
    assert len(files(tmp_path)) == 1, "the orphan that this test is about"
    store = LocalStore(tmp_path)
    assert list(store.list()) == []
    store.put("other", [b"x"])
    assert files(tmp_path) == [tmp_path / "other"]


def test_a_living_writer_is_not_swept(tmp_path: Path) -> None:
    def while_another_begins() -> Iterator[bytes]:
        yield b"first"
        LocalStore(tmp_path).put("second", [b"second"])
        yield b" half"

    LocalStore(tmp_path).put("first", while_another_begins())
    assert (tmp_path / "first").read_bytes() == b"first half"
    assert (tmp_path / "second").read_bytes() == b"second"
