"""A process watched while it runs: how it and its children are listed, and what files come and go."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile

_PAUSE_SECONDS = 0.005


@dataclass
class Watched:
    """What was seen of one run.

    Attributes:
        code: how it ended.
        output, errors: what it printed.
        arguments, environment: of it and its children, as /proc told them at any moment.
        passing: names and contents of files in the folders, also of those that were gone at the end.
    """

    code: int = -1
    output: bytes = b""
    errors: bytes = b""
    arguments: set[bytes] = field(default_factory=set)
    environment: set[bytes] = field(default_factory=set)
    passing: dict[tuple[str, int, int], bytes] = field(default_factory=dict)


def watched(
    command: Sequence[str], *, environment: Mapping[str, str], cwd: Path, folders: Sequence[Path]
) -> Watched:
    """Run a command to its end, and look at it all the while.

    Args:
        folders: whose files are read whenever they change.
    """
    seen = Watched()
    with TemporaryFile() as output, TemporaryFile() as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=environment, cwd=cwd
        )
        while process.poll() is None:
            for pid in _tree(process.pid):
                seen.arguments.add(_told(pid, "cmdline"))
                seen.environment.add(_told(pid, "environ"))
            _read(folders, seen.passing)
            time.sleep(_PAUSE_SECONDS)
        _read(folders, seen.passing)
        for file in (output, errors):
            file.seek(0)
        seen.code, seen.output, seen.errors = process.returncode, output.read(), errors.read()
    return seen


def _tree(pid: int) -> list[int]:
    """A process and all below it; none of what is gone."""
    found = [pid]
    for task in _names(Path(f"/proc/{pid}/task")):
        children = _told(pid, f"task/{task}/children").split()
        found += [one for child in children for one in _tree(int(child))]
    return found


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []


def _told(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        # It is gone, or it is hidden from all but root.
        return b""


def _read(folders: Sequence[Path], passing: dict[tuple[str, int, int], bytes]) -> None:
    for path in _files(folders):
        try:
            told = path.stat()
            mark = (str(path), told.st_size, told.st_mtime_ns)
            if mark not in passing:
                passing[mark] = path.read_bytes()
        except OSError:
            continue


def _files(folders: Sequence[Path]) -> Iterator[Path]:
    """What `os.walk` finds: unlike `Path.rglob` it goes on where a folder is gone when its turn comes."""
    for folder in folders:
        for place, _, names in os.walk(folder):
            yield from (Path(place, name) for name in names)
