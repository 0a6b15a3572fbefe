"""No key, passphrase or withheld value is in what receiving leaves or prints; planted ones are found."""

from __future__ import annotations

import base64
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
from admitted_parcels import with_a_contract
from locked_node import NODE_PASSPHRASE, ROOT_PASSPHRASE, passphrase_files
from sent_parcels import grant_of, parcel_of, say, seal, upload
from sentinels import found
from two_nodes import Two
from watched_process import Watched, watched

from shanhai.exchange.parquet.encrypt import Packing

GRANTED = [f"拱墅区上塘路的卫生站 {n}" for n in range(40)]
WITHHELD = ["张三的病历在此", "Mishixiang-sentinel-0423"]
VALUES = ("exchange/opened", "exchange/incoming", "snapshots", "staged", "lake", "quarantine", "scratch")
"""Where granted values belong."""

RUN = """
import ctypes, sys
from shanhai.cli import main
code = main(sys.argv[1:])
print("dumpable", ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), file=sys.stderr)
sys.exit(code)
"""
LEAKS = """
import base64, os, subprocess, sys, tempfile, time
from pathlib import Path
import pyarrow.parquet as pq
from shanhai.courier import cell, receiving
from shanhai.keyring import keyring, passphrases

secret = Path(os.environ["SHANHAI_PASSPHRASE_FILE"]).read_text().strip()
keyring.forbid_core_dumps = passphrases.forbid_core_dumps = lambda: None
cell._ENVIRONMENT["LEAK"] = secret
open_set = receiving.open_set

class Leaking(subprocess.Popen):
    def __init__(self, arguments, **options):
        super().__init__([arguments[0], "-X", f"leak={secret}", *arguments[1:]], **options)

def leaking(sealed, folder, room):
    key = next(iter(sealed.keys.values())).bytes
    print(key.hex(), flush=True)
    made = open_set(sealed, folder, room)
    print(pq.read_table(made.path)["id"][0], file=sys.stderr)
    with tempfile.NamedTemporaryFile() as file:
        file.write(base64.b64encode(key))
        file.flush()
        time.sleep(3)
    (folder.parents[2] / "leak").write_text(secret.encode("utf-16-le").hex())
    return made

subprocess.Popen = Leaking
receiving.open_set = leaking
"""


@dataclass(frozen=True)
class Secrets:
    """What nobody may find: keys of the set and of the node as bytes, texts that open or were withheld."""

    keys: list[bytes]
    texts: list[str]

    def in_(self, content: bytes) -> list[str | bytes]:
        return [*found(content, self.keys), *found(content, self.texts)]


@pytest.fixture
def secrets(two: Two, tmp_path: Path) -> Secrets:
    """Of a parcel that waits at the relay, and of its recipient."""
    with_a_contract(two, tmp_path / "federation")
    grant = grant_of(two)
    say(two.longyou, "gongshu", grant)
    numbers = range(len(GRANTED))
    table = pa.table({"id": GRANTED, "n": numbers, "note": [WITHHELD[n % 2] for n in numbers]})
    sealed = seal(two.longyou, table, packing=Packing(compression="none", dictionaries=False))
    say(two.longyou, "gongshu", *parcel_of(sealed, grant))
    upload(two.longyou, "gongshu", sealed)
    seeds = re.findall(rb'"seed": ?"([^"]+)"', two.gongshu.holdings.document().bytes)
    assert len(seeds) > 3
    keys = [key.bytes for key in sealed.keys.values()] + [base64.b64decode(seed) for seed in seeds]
    return Secrets(keys, [NODE_PASSPHRASE, ROOT_PASSPHRASE, "AGE-SECRET-KEY", *WITHHELD])


@dataclass(frozen=True)
class Runner:
    """The command line in processes of their own, at the recipient."""

    home: Path
    folder: Path

    def run(self, *arguments: str, script: str = RUN) -> Watched:
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        places = ["--home", str(self.home), "--federation", str(self.folder / "federation")]
        variables = passphrase_files(self.folder / "passphrases")
        return watched(
            [sys.executable, "-c", script, "-vv", *places, *arguments],
            environment={"PATH": os.environ["PATH"], "TMPDIR": str(temporary), **variables},
            cwd=temporary,
            folders=[temporary, self.home / "exchange" / "incoming", self.home / "logs"],
        )


@pytest.fixture
def runner(two: Two, tmp_path: Path) -> Runner:
    return Runner(two.gongshu.home, tmp_path)


def findings(seen: Watched, runner: Runner, secrets: Secrets) -> dict[str, object]:
    """What was found, by where; nothing of what is as it should be."""
    printed = seen.output + seen.errors
    files = files_in(runner.home)
    belong = tuple(f"{folder}/" for folder in VALUES)
    temporary = str(runner.folder / "tmp")
    told = {
        "arguments": secrets.in_(b"\0".join(seen.arguments)),
        "environment": secrets.in_(b"\0".join(seen.environment)),
        "output": secrets.in_(seen.output),
        "errors": secrets.in_(seen.errors),
        "values printed": found(printed, GRANTED),
        "passing files": secrets.in_(b"\0".join(seen.passing.values())),
        "values in passing files": [
            name
            for (name, *_), data in seen.passing.items()
            if name.startswith(temporary) and found(data, GRANTED)
        ],
        "files": {name: there for name, data in files.items() if (there := secrets.in_(data))},
        "values in files": [
            name for name, data in files.items() if not name.startswith(belong) and found(data, GRANTED)
        ],
        "core": re.findall(rb"dumpable [^0]", seen.errors),
    }
    return {where: what for where, what in told.items() if what}


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_nothing_that_receiving_leaves_or_prints_tells(runner: Runner, secrets: Secrets):
    seen = runner.run("receive", "longyou")
    assert seen.code == 0, seen.errors.decode()
    assert b"dumpable 0" in seen.errors
    # It was watched: the parser among its children, and the private copy that it read.
    assert any(b"shanhai.courier.inside" in one for one in seen.arguments)
    assert any("/incoming/" in name for name, *_ in seen.passing)
    assert findings(seen, runner, secrets) == {}
    assert list((runner.folder / "tmp").iterdir()) == []
    for call in (("parcel", "show"), ("exchange", "status"), ("ship",)):
        later = runner.run(*call)
        assert later.code == 0, later.errors.decode()
        told = findings(later, runner, secrets)
        # No keys were opened: such a process may be dumped.
        told.pop("core", None)
        assert told == {}, call


def test_and_each_of_these_looks_finds_what_was_planted(runner: Runner, secrets: Secrets):
    seen = runner.run("receive", "longyou", script=LEAKS + RUN)
    assert seen.code == 0, seen.errors.decode()
    told = findings(seen, runner, secrets)
    assert told.keys() >= {
        *("arguments", "environment", "output", "values printed", "passing files", "files", "core")
    }
    assert told["arguments"] == told["environment"] == [NODE_PASSPHRASE]
    assert told["files"] == {"exchange/leak": [NODE_PASSPHRASE]}
