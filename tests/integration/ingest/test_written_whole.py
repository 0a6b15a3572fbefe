"""What is written for people is whole or as it was: contracts, drafts, and what follows from contracts."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from one_city import HEADER, City
from small_disk import LimitedFiles

from shanhai.cli import main
from shanhai.errors import DiskFullError
from shanhai.storage.durable import replace_text

ROOM = 300
KILLED = """
import os, signal, sys
from pathlib import Path
from shanhai.storage import durable
real = os.fsync
def killed(file):
    os.kill(os.getpid(), signal.SIGKILL)
os.fsync = killed
durable.replace_text(Path(sys.argv[1]), "new " * 1000)
"""


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[LimitedFiles]:
    disk = LimitedFiles(tmp_path)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        yield disk
    finally:
        disk.clear()
        signal.signal(signal.SIGXFSZ, before)


@contextmanager
def full_once_written_in(folder: Path, disk: LimitedFiles) -> Iterator[None]:
    """Files may not grow beyond `ROOM` once one is opened for writing in a folder, whoever does it."""
    watching = True

    def see(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event == "open" and isinstance(arguments[2], int):
            writes = arguments[2] & (os.O_WRONLY | os.O_RDWR)
            if writes and isinstance(arguments[0], str) and Path(arguments[0]).parent == folder:
                disk.leave(ROOM)

    sys.addaudithook(see)
    try:
        yield
    finally:
        watching = False
        disk.clear()


def run(city: City, *words: str) -> int:
    return main(["--federation", str(city.root), "--home", str(city.root / "home"), *words])


def differing(city: City) -> Path:
    """A city whose last delivery has a heading that its contract does not know; gives the contract's file."""
    city.declare()
    city.put("a.csv", HEADER + "".join(f"k{n},{n},2024-01-01\n" for n in range(40)))
    city.walk()
    more = "".join(f"m{n},{n},2024-01-01,x{n % 3}\n" for n in range(40))
    city.put("b.csv", f"{HEADER.strip()},colour\n{more}")
    city.walk()
    return city.root / "districts" / "acity" / "events.odcs.yml"


def test_a_contract_is_whole_when_a_proposal_finds_no_room(city, limited, capsys):
    file = differing(city)
    file.chmod(0o640)
    before = file.read_bytes()
    assert len(before) > ROOM
    with full_once_written_in(file.parent, limited):
        assert run(city, "contract", "propose", "acity.events/b", "--write") == 75
    assert "full" in capsys.readouterr().err
    assert file.read_bytes() == before
    assert sorted(one.name for one in file.parent.iterdir() if one.name.startswith(".")) == []
    assert run(city, "contract", "propose", "acity.events/b", "--write") == 0
    assert file.read_bytes() != before
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_draft_is_whole_or_the_one_before(tmp_path, limited, capsys):
    source, output = tmp_path / "visits.csv", tmp_path / "visits.odcs.yml"
    source.write_text("a,b\n" + "".join(f"{n},{n}\n" for n in range(30)))
    output.write_text("mine " * 500)
    called = ["--home", str(tmp_path / "home"), "contract", "infer", str(source), "--output", str(output)]
    with full_once_written_in(tmp_path, limited):
        assert main([*called, "--force"]) == 75
    assert "full" in capsys.readouterr().err
    assert output.read_text() == "mine " * 500


def test_what_follows_from_contracts_is_whole_or_as_it_was(city, limited, capsys):
    city.declare()
    assert run(city, "generate") == 0
    files = {one: one.read_text() for one in sorted(city.root.rglob("*.json"))}
    large = max(files, key=lambda one: len(files[one]))
    assert len(files[large]) > 2 * ROOM
    large.write_text(files[large] + "\n")
    limited.leave(ROOM)
    try:
        code = run(city, "generate")
    finally:
        limited.clear()
    assert code == 75
    assert large.read_text() == files[large] + "\n"
    assert list(city.root.rglob(".*.new")) == []
    assert run(city, "generate") == 0
    assert large.read_text() == files[large]


def test_a_file_survives_whoever_is_killed_while_it_is_replaced(tmp_path):
    file = tmp_path / "events.odcs.yml"
    file.write_text("old " * 1000)
    done = subprocess.run([sys.executable, "-c", KILLED, str(file)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert file.read_text() == "old " * 1000
    assert [one.suffix for one in tmp_path.iterdir() if one != file] == [".new"]


def test_mode_link_and_pipe_stay_what_they_are(tmp_path, limited):
    file, link, pipe = tmp_path / "a.yml", tmp_path / "link.yml", tmp_path / "pipe"
    file.write_text("old")
    file.chmod(0o604)
    link.symlink_to(file)
    replace_text(link, "new")
    assert (link.is_symlink(), file.read_text(), stat.S_IMODE(file.stat().st_mode)) == (True, "new", 0o604)
    before = os.umask(0o027)
    try:
        replace_text(tmp_path / "b.yml", "made")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "b.yml").stat().st_mode) == 0o640
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    replace_text(pipe, "through")
    assert (os.read(reader, 99), stat.S_ISFIFO(pipe.stat().st_mode)) == (b"through", True)
    os.close(reader)
    limited.leave(2)
    with pytest.raises(DiskFullError):
        replace_text(file, "longer")
    limited.clear()
    assert file.read_text() == "new"
