"""A home whose exchange was lost, or put back from an old copy, goes no further and says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from called import calling
from locked_node import passphrase_files
from two_nodes import Two

from shanhai.audit.database import FILE, transaction
from shanhai.audit.failures import EvidenceError
from shanhai.clock import system_clock
from shanhai.courier.database import open_state
from shanhai.courier.own_keys import publish_log
from shanhai.report.adopted import read_adopted


@pytest.fixture(autouse=True)
def passphrases(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable, file in passphrase_files(tmp_path / "passphrases").items():
        monkeypatch.setenv(variable, file)


def contents(folder: Path) -> dict[str, bytes]:
    files = sorted(one for one in folder.rglob("*") if one.is_file() and one.name != ".lock")
    return {str(one.relative_to(folder)): one.read_bytes() for one in files}


LISTINGS = (
    "pair show",
    "exchange status",
    "exchange releases",
    "receipts",
    "grant list",
    "application list",
    "audit log",
)
WRITING = (
    "pair offer --name quzhou --relay {relay} --by Li --to {out}",
    "ship",
    "receive",
    "exchange retire --by Li",
    "keys rotate --by Li",
    "audit disclose 0 --out {out}",
)


def test_a_home_whose_exchange_is_lost_says_so_and_nothing_is_written(
    paired: Two, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    home, out = paired.gongshu.home, tmp_path / "written.json"
    publish_log(home, paired.gongshu.holdings, now=system_clock())
    shutil.rmtree(home / "exchange")
    before = contents(home)
    call = calling(capsys, "--home", str(home))
    for verb in (*LISTINGS, *WRITING):
        code, _, error = call(*verb.format(relay=paired.relay, out=out).split())
        assert (code, "log-shortened" in error, "put exchange/ back" in error) == (65, True, True), (
            verb,
            error,
        )
    assert contents(home) == before
    assert not (home / "exchange").exists()
    assert not out.exists()
    assert read_adopted(home) is None


def test_an_older_copy_of_the_exchange_is_not_written_on(paired: Two, tmp_path: Path):
    home, holdings = paired.gongshu.home, paired.gongshu.holdings
    older = shutil.copytree(home / "exchange", tmp_path / "older")
    with paired.gongshu.desk() as desk, transaction(desk.connection):
        desk.record("suspend", pairing=paired.gongshu.partner("longyou").pairing)
    publish_log(home, holdings, now=system_clock())
    open_state(home).close()
    shutil.rmtree(home / "exchange")
    shutil.copytree(older, home / "exchange")
    with pytest.raises(EvidenceError, match="log-shortened"):
        open_state(home)


def test_an_empty_database_beside_keys_is_a_lost_one(two: Two):
    home = two.gongshu.home
    for file in (home / FILE).parent.glob("exchange.db*"):
        file.unlink()
    (home / FILE).touch(mode=0o600)
    with pytest.raises(EvidenceError, match="log-shortened"):
        open_state(home)
