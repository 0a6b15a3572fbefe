"""On a terminal the commands that take long tell how far they are; elsewhere they say nothing."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import pytest
from called import calling
from locked_node import passphrase_files
from seller import TABLE as VISITS
from seller import Seller
from sent_parcels import TABLE, grant_of, parcel_of, say, seal, upload
from two_nodes import Two

from shanhai.audit.database import transaction
from shanhai.cli.progress import _Line
from shanhai.courier.own_keys import keyring_of
from shanhai.courier.progress import metered


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, int, int]]:
    """What the line of a terminal is told."""
    for variable, file in passphrase_files(tmp_path / "passphrases").items():
        monkeypatch.setenv(variable, file)
    heard: list[tuple[str, int, int]] = []
    tell = _Line.tell

    def listen(line: _Line, what: str, done: int, of: int) -> None:
        heard.append((what, done, of))
        tell(line, what, done, of)

    monkeypatch.setattr(_Line, "tell", listen)
    return heard


def look(monkeypatch: pytest.MonkeyPatch, *, somebody: bool) -> None:
    """Let standard error be a terminal, or none; pytest makes it anew for the body of a test."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: somebody)


def begun_and_done(heard: list[tuple[str, int, int]]) -> set[str]:
    """What was told from nothing to all, of as much as there was; forgets it."""
    found = {what for what, done, of in heard if done == of > 1}
    assert {what for what, done, of in heard if done == 0 and of > 1} == found
    heard.clear()
    return found


def test_to_release_and_to_ship(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    told: list[tuple[str, int, int]],
    seller: Seller,
):
    look(monkeypatch, somebody=True)
    call = calling(capsys, "--home", str(seller.home), "--federation", str(seller.city.root))
    seller.grant("village", "n")
    code, out, _ = call("release", VISITS, "--to", "longyou", "--by", "Li Wei", "--format", "json")
    assert (code, out[0], out[-2]) == (0, "{", "}"), "it is on standard error alone"
    assert begun_and_done(told) >= {"rows sealed", "bytes read back"}
    assert call("ship")[0] == 0
    assert begun_and_done(told) == {"bytes taken to the relay"}


def test_to_receive_to_verify_and_to_open_again(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    told: list[tuple[str, int, int]],
    pair: Two,
    tmp_path: Path,
):
    look(monkeypatch, somebody=True)
    grant, sealed = grant_of(pair), seal(pair.longyou)
    say(pair.longyou, "gongshu", grant)
    with pair.longyou.desk() as desk, transaction(desk.connection):
        desk.connection.execute("UPDATE partner SET state = 'active'")
    message = say(pair.longyou, "gongshu", *parcel_of(sealed, grant))
    upload(pair.longyou, "gongshu", sealed)
    call = calling(capsys, "--home", str(pair.gongshu.home))
    assert call("receive", "--no-admit")[0] == 0
    assert {("rows opened", TABLE.num_rows, TABLE.num_rows)} <= set(told)
    assert begun_and_done(told) == {"bytes fetched", "rows opened"}
    target = ("--to", str(tmp_path / "again.parquet"), "--by", "Li Wei")
    code, out, error = call("parcel", "open", message.digest[:8], *target)
    assert (code, out.strip()) == (0, str(tmp_path / "again.parquet")), error
    assert begun_and_done(told) == {"bytes fetched", "rows opened"}
    assert "The same bytes as then." in error

    files = tmp_path / "files"
    files.mkdir()
    for sha256, content in sealed.files.items():
        (files / sha256).write_bytes(content)
    written = {
        "message": message.envelope,
        "set": sealed.envelope,
        "keyset": keyring_of(pair.longyou.home).envelope,
    }
    for name, data in written.items():
        (tmp_path / name).write_bytes(data)
    named = [str(tmp_path / name) for name in written]
    verify = ("parcel", "verify", named[0], "--set", named[1], "--keyset", named[2], "--files", str(files))
    assert call(*verify)[0] == 0
    assert begun_and_done(told) == {"bytes read"}
    look(monkeypatch, somebody=False)
    assert call(*verify)[0] == 0
    assert told == []


@pytest.mark.parametrize("of", [0, 3])
def test_what_is_left_early_is_not_told_for_ever(of: int):
    line = _Line()
    with contextlib.suppress(ValueError), metered(line.tell, "bytes", of) as add:
        add(1)
        assert line.told == {"bytes": (1, of)}
        raise ValueError
    assert line.told == {}
