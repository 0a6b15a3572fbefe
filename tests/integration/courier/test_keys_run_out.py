"""Keys that run out soon are told from thirty days on, ours and a partner's, until there are new ones."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from called import calling, told
from locked_node import passphrase_files
from two_nodes import PASSPHRASES, PEOPLE, NodeHome, Two, hand_over, pair, unlock_nodes

from shanhai.clock import system_clock
from shanhai.courier.own_keys import create_node
from shanhai.courier.status import Expiring, status
from shanhai.keyring.rotation import VALID, Policy

STATUS = ("exchange", "status")
AGE = timedelta(days=340)
THIRTY_DAYS = timedelta(days=30)


@pytest.fixture
def old(tmp_path: Path) -> Two:
    """Two nodes, paired today, whose keys were made 340 days ago."""
    for name, who in PEOPLE.items():
        create_node(tmp_path / name, name, PASSPHRASES, Policy(), who=who, now=system_clock() - AGE)
    two = unlock_nodes(tmp_path)
    (tmp_path / "relay").mkdir()
    pair(two)
    return two


def every_key(node: NodeHome, whose: str) -> set[tuple[str, str, str]]:
    """Whose, use and algorithm of all keys of a node."""
    return {(whose, key.use, key.key.alg) for key in node.keyset.keys}


def listed(document: Any) -> set[tuple[str, str, str]]:
    return {(one["whose"], one["use"], one["alg"]) for one in document["expiring"]}


def table_of(shown: str) -> list[str]:
    """Whose keys the table for people lists, a word a row."""
    lines = shown.partition("Keys that run out")[2].splitlines()
    return [line.split()[0] for line in lines if line.split()[:1] in (["ours"], ["longyou"])]


def test_they_are_told_until_both_have_new_ones_and_the_partner_s_came(
    old: Two, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for variable, file in passphrase_files(tmp_path / "passphrases").items():
        monkeypatch.setenv(variable, file)
    ours, theirs = (calling(capsys, "--home", str(node.home)) for node in (old.gongshu, old.longyou))
    of_us, of_them = every_key(old.gongshu, ""), every_key(old.longyou, "longyou")
    assert len(of_us) == len(of_them) > 3
    seen = told(ours(*STATUS, "--format", "json"))
    assert (listed(seen), seen["quiet"]) == (of_us | of_them, False)
    ends = {datetime.fromisoformat(one["until"]) for one in seen["expiring"]}
    assert ends == {key.not_after for node in (old.gongshu, old.longyou) for key in node.keyset.keys}
    code, shown, error = ours(*STATUS)
    assert (code, sorted(table_of(shown))) == (0, ["longyou"] * len(of_them) + ["ours"] * len(of_us)), error

    told(ours("keys", "rotate", "--by", "Li Wei", "--format", "json"))
    assert listed(told(ours(*STATUS, "--format", "json"))) == of_them
    assert set(table_of(ours(*STATUS)[1])) == {"longyou"}

    told(theirs("keys", "rotate", "--by", "Chen Mei", "--format", "json"))
    assert listed(told(ours(*STATUS, "--format", "json"))) == of_them
    renewed = unlock_nodes(old.gongshu.home.parent)
    hand_over(renewed.longyou, renewed.gongshu)
    seen = told(ours(*STATUS, "--format", "json"))
    assert (seen["expiring"], seen["quiet"]) == ([], True)
    assert "Keys that run out" not in ours(*STATUS)[1]


def test_they_are_told_from_thirty_days_before_they_end(paired: Two):
    with paired.gongshu.desk() as desk:
        made = max(key.not_before for key in paired.gongshu.keyset.keys)
        other = max(key.not_before for key in paired.longyou.keyset.keys)

        def at(moment: datetime) -> tuple[Expiring, ...]:
            return status(desk.home, desk.connection, moment).expiring

        second = timedelta(seconds=1)
        assert at(min(made, other) + VALID - THIRTY_DAYS) == ()
        assert {one.whose for one in at(max(made, other) + VALID - THIRTY_DAYS + second)} == {"", "longyou"}
