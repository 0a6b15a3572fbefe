"""How far a call has come is told on a terminal once it takes long, and nowhere else."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

CALL = """
import time
from shanhai.cli.output import say
from shanhai.cli.progress import telling

with telling() as tell:
    # Rounds, not seconds: where the machine is busy there is as much to draw, and it takes longer.
    for done in range(64):
        tell("deliveries staged", 1, 32)
        tell("rounds", done, 1_000)
        time.sleep(0.05)
        if done == 52:
            say("one could not be read")
print("done")
"""


def _on_a_terminal() -> str:
    """What the call writes on a terminal."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "80"}
    with subprocess.Popen(
        [sys.executable, "-c", CALL], stderr=theirs, stdout=subprocess.DEVNULL, env=environment
    ) as process:
        os.close(theirs)
        text = b""
        while True:
            try:
                text += os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
    os.close(ours)
    assert process.returncode == 0
    return text.decode()


def test_a_long_call_tells_how_far_it_is_after_two_seconds() -> None:
    text = _on_a_terminal()
    told = re.findall(r"(\d+) s · deliveries staged: 1 of 32 · rounds: (\d+) of 1,000", text)
    rounds = [int(done) for _, done in told]
    assert len(rounds) > 2
    assert rounds == sorted(rounds)
    assert int(told[0][0]) >= 2, "a call that is short says nothing"
    assert re.search(r"\r\x1b\[Kone could not be read\r?\n", text), "what is said stands on a line of its own"
    assert text.endswith("\r\x1b[K"), "the line is taken away at the end"


def test_nothing_is_told_where_nobody_looks() -> None:
    ended = subprocess.run([sys.executable, "-c", CALL], capture_output=True, text=True, check=True)
    assert ended.stdout == "done\n"
    assert ended.stderr == "one could not be read\n"
