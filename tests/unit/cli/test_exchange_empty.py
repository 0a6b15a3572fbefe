"""The verbs of releasing on a home that never had a partner: they say so, and make nothing."""

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
)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    return calling(capsys, "--home", str(tmp_path))


@pytest.mark.parametrize("verb", LOOKING, ids=" ".join)
def test_an_empty_home_is_told_and_stays_empty(call, tmp_path: Path, verb: tuple[str, ...]):
    code, out, error = call(*verb)
    assert (code, out) == (0, "")
    assert error.endswith(".\n")
    code, out, _ = call(*verb, "--format", "json")
    assert code == 0
    assert not [value for value in _values(json.loads(out)) if value]
    assert list(tmp_path.iterdir()) == []


def _values(document: object) -> list[object]:
    if isinstance(document, dict):
        return [value for name, value in document.items() if name != "quiet"]
    return document if isinstance(document, list) else [document]


def test_nothing_is_released_where_nobody_is_known(call, tmp_path: Path):
    code, _, error = call("release", "gongshu.noise", "--to", "longyou", "--by", "Li Wei", "--dry-run")
    assert (code, "no such partner" in error) == (78, True)
    assert list(tmp_path.iterdir()) == []


def test_another_relay_is_for_one_partner(call):
    code, _, error = call("ship", "--relay", "tar:/tmp/a.tar")
    assert (code, "for one partner" in error) == (78, True)


def test_nothing_is_shipped_to_nobody(call, tmp_path: Path):
    code, out, error = call("ship", "longyou")
    assert (code, out, "no such partner" in error) == (78, "", True)
    assert list(tmp_path.iterdir()) == []
