"""One node with keys for many tests: locking takes about a second a file, so it is made once and copied."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

NODE_PASSPHRASE = "correct horse battery staple"
ROOT_PASSPHRASE = "a longer one for the root keys"


def passphrase_files(folder: Path) -> dict[str, str]:
    """Both passphrases in files of their own, and the variables that name them."""
    folder.mkdir(mode=0o700, exist_ok=True)
    named = {}
    for variable, text in (("", NODE_PASSPHRASE), ("ROOT_", ROOT_PASSPHRASE)):
        file = folder / f"{variable.lower()}passphrase"
        file.write_text(text + "\n", encoding="utf-8")
        file.chmod(0o600)
        named[f"SHANHAI_{variable}PASSPHRASE_FILE"] = str(file)
    return named


def shanhai(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A call of the command line in a process of its own, with these variables and `PATH` only."""
    return subprocess.run(
        [sys.executable, "-m", "shanhai.cli", "--home", str(home), *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        stdin=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], **variables},
    )


def told(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    """The JSON that a call printed."""
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    assert isinstance(value, dict)
    return value


def typed(command: Sequence[str], lines: Sequence[str], **variables: str) -> tuple[int, str]:
    """Run a command at a terminal of its own and type a line whenever it asks.

    Returns:
        Its exit code, and everything that the terminal showed.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(command[0], list(command), {"PATH": os.environ["PATH"], **variables})  # noqa: S606
    shown, waiting, deadline = b"", list(lines), time.monotonic() + 600
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            some = os.read(terminal, 4096)
        except OSError:
            break
        if not some:
            break
        shown += some
        if waiting and shown.rstrip().endswith(b":") and not some.isspace():
            os.write(terminal, waiting.pop(0).encode() + b"\n")
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode(errors="replace")
