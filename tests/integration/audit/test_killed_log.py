"""A log whose writer is killed anywhere: what it said to be committed is there, and the next run finishes."""

from __future__ import annotations

import contextlib
import itertools
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from event_log import ORIGIN

from shanhai.audit.checkpoints import LogKey
from shanhai.audit.database import open_database
from shanhai.audit.log import EventLog
from shanhai.audit.projection import project, published
from shanhai.audit.verify import Expected, verify_log

ROUNDS = 8
SEED = 20261121
WRITER = """
import sys
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from shanhai.audit.checkpoints import LogKey
from shanhai.audit.database import open_database, transaction
from shanhai.audit.events import happened
from shanhai.audit.log import EventLog
from shanhai.audit.projection import project
from shanhai.clock import system_clock

home, origin, seed = Path(sys.argv[1]), sys.argv[2], bytes.fromhex(sys.argv[3])
private = Ed25519PrivateKey.from_private_bytes(seed)
key = LogKey(origin, private.public_key().public_bytes_raw(), private.sign)
connection = open_database(home / "exchange.db")
log = EventLog(connection)
print("begun", flush=True)
while True:
    with transaction(connection):
        for _ in range(41):
            leaf = log.append(happened("end", who="system", at=system_clock(), pairing="ab"))
    print(leaf, flush=True)
    project(connection, home / "audit", key, [key.public])
"""


def test_what_was_committed_is_there_and_the_rest_follows(tmp_path: Path):
    print("seed", SEED)
    chance = random.Random(SEED)
    private = Ed25519PrivateKey.generate()
    key = LogKey(ORIGIN, private.public_key().public_bytes_raw(), private.sign)
    reached = 0
    for number in itertools.count():
        # Where the machine is busy, the first rounds may be over before anything is committed.
        if number >= ROUNDS and (reached > 41 or number > 20 * ROUNDS):
            break
        told = _killed(tmp_path, private.private_bytes_raw().hex(), after=chance.uniform(0, 0.4))
        with contextlib.closing(open_database(tmp_path / "exchange.db")) as connection:
            log = EventLog(connection)
            assert log.size > told
            before = published(tmp_path / "audit", ORIGIN, [key.public])
            assert before is None or before.root == log.root(before.size)
            project(connection, tmp_path / "audit", key, [key.public])
            found = verify_log(log, tmp_path / "audit", Expected(ORIGIN, [key.public]))
            assert (found.wrong, found.events, found.tail) == ((), log.size, 0)
            reached = log.size
    assert reached > 41


def _killed(home: Path, seed: str, *, after: float) -> int:
    """Start the writer, kill it some time after its first words, and give the last leaf that it told of."""
    command = [sys.executable, "-c", WRITER, str(home), ORIGIN, seed]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "begun\n"
        time.sleep(after)
        writer.send_signal(signal.SIGKILL)
        lines = [line for line in writer.stdout if line.endswith("\n")]
    return int(lines[-1]) if lines else -1
