"""The peers' environments: made from their locks, below `.venvs`, which is no part of the repository."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

from benchmarks.peers.catalogue import Subject

_HERE = Path(__file__).parent
_MADE = ".made-from"


def interpreter(environment: str | None) -> Path:
    """The Python of an environment, whether it exists or not; of the project without a name."""
    return Path(sys.executable) if environment is None else _folder(environment) / "bin" / "python"


def missing(subject: Subject) -> tuple[str, ...]:
    """Environments that a subject needs and that are not there, or older than their lock."""
    return tuple(name for name in _needed(subject) if not _is_current(name))


def make(subject: Subject, uv: Path) -> None:
    """Make what is missing.

    Raises:
        subprocess.CalledProcessError: it could not be installed.
    """
    for name in missing(subject):
        python = interpreter(name).as_posix()
        subprocess.run([uv, "venv", "-q", "--clear", "--python", sys.executable, _folder(name)], check=True)
        subprocess.run(
            [uv, "pip", "sync", "-q", "--python", python, "--require-hashes", _lock(name)], check=True
        )
        (_folder(name) / _MADE).write_text(_digest(name), encoding="ascii")


def versions(subject: Subject) -> dict[str, str]:
    """Of the packages that a subject shows, by its lock."""
    if subject.environment is None:
        return {}
    lock = _lock(subject.environment).read_text(encoding="utf-8")
    pinned = re.findall(r"^([\w.-]+)==([^ ;\\]+)", lock, re.MULTILINE)
    return {name: version for name, version in pinned if name in subject.shows}


def _needed(subject: Subject) -> tuple[str, ...]:
    return subject.needs if subject.environment is None else (subject.environment, *subject.needs)


def _is_current(name: str) -> bool:
    made = _folder(name) / _MADE
    return made.is_file() and made.read_text(encoding="ascii") == _digest(name)


def _digest(name: str) -> str:
    return hashlib.sha256(_lock(name).read_bytes()).hexdigest()


def _folder(name: str) -> Path:
    return _HERE / ".venvs" / name


def _lock(name: str) -> Path:
    return _HERE / name / "requirements.lock"
