"""The verbs of the exchange where nobody was ever met, or there is no home: they say so, and make nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from called import calling

LOOKING = (
    ("ship",),
    ("receipts",),
    ("exchange", "status"),
    ("exchange", "releases"),
    ("application", "list"),
    ("pair", "show"),
    ("grant", "list"),
    ("parcel", "show"),
    ("keys", "list"),
)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    (tmp_path / "lake").mkdir()
    return calling(capsys, "--home", str(tmp_path))


@pytest.mark.parametrize("verb", LOOKING, ids=" ".join)
@pytest.mark.parametrize("form", ["table", "json"])
def test_no_home_is_not_told_as_an_empty_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, verb: tuple[str, ...], form: str
):
    for home in (tmp_path / "typo", tmp_path):
        code, out, error = calling(capsys, "--home", str(home))(*verb, "--format", form)
        assert (code, out, "there is no home of a node" in error) == (78, "", True)
    assert list(tmp_path.iterdir()) == []


def test_a_home_begins_with_its_keys(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """A node that has only keys is one whose exchange is empty."""
    (tmp_path / "keyring").mkdir()
    code, out, _ = calling(capsys, "--home", str(tmp_path))("pair", "show", "--format", "json")
    assert (code, json.loads(out)) == (0, [])


@pytest.mark.parametrize("verb", LOOKING, ids=" ".join)
def test_an_empty_home_is_told_and_stays_empty(call, tmp_path: Path, verb: tuple[str, ...]):
    code, out, error = call(*verb)
    assert (code, out) == (0, "")
    assert error.endswith(".\n")
    code, out, _ = call(*verb, "--format", "json")
    assert code == 0
    assert not [value for value in _values(json.loads(out)) if value]
    assert _left(tmp_path) == []


def _left(home: Path) -> list[Path]:
    return [*(home / "lake").iterdir(), *(one for one in home.iterdir() if one.name != "lake")]


def _values(document: object) -> list[object]:
    if isinstance(document, dict):
        return [value for name, value in document.items() if name != "quiet"]
    return document if isinstance(document, list) else [document]


def test_nothing_is_released_where_nobody_is_known(call, tmp_path: Path):
    code, _, error = call("release", "gongshu.noise", "--to", "longyou", "--by", "Li Wei", "--dry-run")
    assert (code, "no such partner" in error) == (78, True)
    assert _left(tmp_path) == []


def test_another_relay_is_for_one_partner(call):
    code, _, error = call("ship", "--relay", "tar:/tmp/a.tar")
    assert (code, "for one partner" in error) == (78, True)


def test_nothing_is_shipped_to_nobody(call, tmp_path: Path):
    code, out, error = call("ship", "longyou")
    assert (code, out, "no such partner" in error) == (78, "", True)
    assert _left(tmp_path) == []
