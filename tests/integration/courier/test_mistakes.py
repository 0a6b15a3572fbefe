"""The same mistake ends with the same code in every verb of the exchange, as the guide says."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from called import Called, calling
from locked_node import passphrase_files
from seller import TABLE, Seller

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "operate-the-exchange.md"
NOBODY, NOTHING = "nobody", "ffffffff"
BY = ("--by", "Li Wei")
RELEASE = ("release", TABLE, "--to", "longyou", *BY, "--dry-run")
GRANT = ("grant", "add", TABLE, "--to", "longyou", *BY, "--purpose", "trial", "--until", "2099-01-01")
GRANT = (*GRANT, "--retention-days", "9")
UNKNOWN = (
    ("release", TABLE, "--to", NOBODY, *BY, "--dry-run"),
    ("release", "acity.nothing", "--to", "longyou", *BY, "--dry-run"),
    ("release", "marts.nothing", "--to", "longyou", *BY, "--dry-run"),
    (*RELEASE, "--column", NOBODY),
    (*RELEASE, "--people", NOBODY),
    (*RELEASE, "--grant", NOTHING),
    (*RELEASE, "--version", "999"),
    ("grant", "add", "acity.nothing", *GRANT[3:]),
    (*GRANT[:4], NOBODY, *GRANT[5:]),
    (*GRANT, "--column", NOBODY),
    (*GRANT, "--mask", "n=nothing"),
    (*GRANT, "--mask", f"{NOBODY}=replace-with-null"),
    (*GRANT, "--rows", f"{NOBODY} > 1"),
    (*GRANT, "--revises", NOTHING),
    ("grant", "revoke", NOTHING, *BY),
    ("grant", "list", "--partner", NOBODY),
    ("pair", "show", NOBODY),
    ("pair", "suspend", NOBODY, *BY),
    ("pair", "resume", NOBODY, *BY),
    ("pair", "end", NOBODY, *BY),
    ("pair", "move", NOBODY, "--relay", "tar:/media/usb/a.tar"),
    ("ship", NOBODY),
    ("receive", NOBODY),
    ("receipts", "--to", NOBODY),
    ("exchange", "releases", "--to", NOBODY),
    ("parcel", "show", NOTHING),
    ("parcel", "show", "--from", NOBODY),
    ("parcel", "open", NOTHING, "--to", "again.parquet", *BY),
    ("application", "adopt", NOTHING, *BY, "--reason", "read it"),
    ("application", "retire", NOTHING, *BY, "--reason", "over"),
    ("keys", "rotate", *BY, "--compromised", NOTHING),
)


@pytest.fixture
def call(
    seller: Seller, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Called]:
    for variable, file in passphrase_files(tmp_path / "passphrases").items():
        monkeypatch.setenv(variable, file)
    return calling(capsys, "--home", str(seller.home), "--federation", str(seller.city.root))


def codes() -> dict[str, int]:
    """What the guide says: the mistake, and the code with which it ends."""
    section = (
        GUIDE.read_text(encoding="utf-8").partition("## What the exit code says")[2].partition("\n## ")[0]
    )
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return {row[0]: int(row[1]) for row in rows if row[1].isdigit()}


def test_a_name_that_is_none_is_to_be_typed_again(call: Callable[..., Called]):
    found = {" ".join(verb): call(*verb) for verb in UNKNOWN}
    said = codes()["a name that is none"]
    assert {verb: done for verb, done in found.items() if (done[0], done[1]) != (said, "")} == {}


def foreign(seller: Seller, tmp_path: Path) -> Iterator[tuple[str, ...]]:
    """Verbs with bytes that somebody else should have made, and did not."""
    keyset = str(seller.home / "keyring" / "keyset.json")
    message = tmp_path / "message.json"
    message.write_bytes(seller.messages()[0].envelope)
    for name, data in (
        ("garbage", b"\x00\xff garbage"),
        ("empty", b""),
        ("cut", message.read_bytes()[:-40]),
        ("other", message.read_bytes()),
    ):
        file = tmp_path / name
        file.write_bytes(data)
        accept = ("pair", "accept", str(file), "--name", "zhaohua", "--to", f"{file}.back")
        yield (*accept, "--relay", seller.two.relay, *BY)
        yield ("pair", "confirm", "longyou", str(file), *BY, "--number", "1")
        yield ("pair", "renew", "longyou", str(file), *BY)
        yield ("parcel", "verify", str(message), "--keyset", str(file))
        if name != "other":
            yield ("parcel", "verify", str(message), "--keyset", keyset, "--after", str(file))
            yield ("parcel", "verify", str(file), "--keyset", keyset)


def test_what_a_partner_should_have_signed_is_denied(
    call: Callable[..., Called], seller: Seller, tmp_path: Path
):
    seller.grant("n")
    found = {" ".join(verb): call(*verb) for verb in foreign(seller, tmp_path)}
    said = codes()["bytes that a partner should have signed, and did not"]
    assert {verb: done for verb, done in found.items() if done[0] != said} == {}
    unnamed = {verb: done for verb, done in found.items() if "given" not in done[2]}
    assert unnamed == {}


def test_what_is_ours_and_damaged_is_to_be_put_back(call: Callable[..., Called], seller: Seller):
    seller.grant("n")
    seller.release()
    said = codes()["something of this node that is damaged"]
    (sealed,) = (seller.home / "exchange" / "outgoing").glob("*/*.parquet")
    for file, verb in (
        (sealed, ("ship", "longyou")),
        (seller.home / "keyring" / "keyset.json", ("exchange", "retire", *BY)),
        (seller.home / "keyring" / "node.age", ("exchange", "retire", *BY)),
        (seller.home / "exchange" / "exchange.db", ("exchange", "status")),
    ):
        whole = file.with_name(f"{file.name}.whole")
        shutil.copy2(file, whole)
        data = bytearray(file.read_bytes())
        data[: len(data) // 2] = bytes(len(data) // 2)
        file.write_bytes(data)
        code, _, error = call(*verb)
        assert (code, "given" in error) == (said, True), (file, error)
        whole.rename(file)
