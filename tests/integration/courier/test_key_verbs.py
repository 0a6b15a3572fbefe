"""New keys at the command line: how long old ones stay, since when one is not believed, what must sign."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from called import calling, told
from locked_node import passphrase_files
from two_nodes import Two

from shanhai.clock import system_clock
from shanhai.exchange.keysets import SIGN


@pytest.fixture(autouse=True)
def passphrases(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable, file in passphrase_files(tmp_path / "passphrases").items():
        monkeypatch.setenv(variable, file)


def test_old_keys_stay_for_the_overlap_and_a_stolen_one_is_not_believed_since(
    two: Two, capsys: pytest.CaptureFixture[str]
):
    call = calling(capsys, "--home", str(two.gongshu.home))
    before = two.gongshu.keyset
    stolen = before.of_use(SIGN)[0]
    since = f"{stolen.not_before:%Y-%m-%dT%H:%M:%SZ}"
    rotating = ("keys", "rotate", "--by", "Li Wei", "--overlap-days", "3", "--days", "40")
    changed = told(call(*rotating, "--compromised", stolen.kid[:12], "--since", since, "--format", "json"))
    now, known = system_clock(), {one.kid for one in before.keys}
    ends = {row["kid"]: datetime.fromisoformat(row["not_after"]) for row in changed["keys"]}
    assert {kid for kid, end in ends.items() if end > now + timedelta(days=4)} == ends.keys() - known
    assert max(ends.values()) < now + timedelta(days=41)
    (one,) = [row for row in changed["keys"] if row["state"] == "compromised"]
    assert (one["kid"], datetime.fromisoformat(one["compromised_since"])) == (stolen.kid, stolen.not_before)


def test_who_gave_up_a_key_is_told_to_carry_the_new_ones(two: Two, capsys: pytest.CaptureFixture[str]):
    """No message brings them: what a partner does not believe yet would sign it."""
    call = calling(capsys, "--home", str(two.gongshu.home))
    stolen = two.gongshu.keyset.of_use(SIGN)[0].kid[:12]
    code, _, shown = call("keys", "rotate", "--by", "Li Wei", "--compromised", stolen)
    assert code == 0
    assert "compromised since 20" in shown
    assert "shanhai pair renew" in shown
    assert "with the next shanhai ship" not in shown


def test_nothing_is_rotated_where_it_is_not_sure_which_key_is_meant(
    two: Two, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """Nor for a moment without a key: the key that somebody has would be believed for the overlap."""
    call = calling(capsys, "--home", str(two.gongshu.home))
    rotate = ("keys", "rotate", "--by", "Li Wei")
    monkeypatch.setenv("SHANHAI_ROOT_PASSPHRASE_FILE", "/nowhere")
    code, _, error = call(*rotate, "--since", "2026-01-01T00:00:00Z")
    assert (code, "--compromised names it" in error) == (2, True), error
    for text, said in (("", "several keys"), ("zz", "no such key")):
        code, _, error = call(*rotate, "--compromised", text)
        assert (code, said in error) == (78, True), error
    assert len(told(call("keys", "list", "--format", "json"))) == len(two.gongshu.keyset.keys)


def test_a_node_that_signs_by_one_algorithm_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    call = calling(capsys, "--home", str(tmp_path / "home"))
    made = told(
        call("node", "init", "zhaohua", "--by", "Li Wei", "--signatures", "ed25519", "--format", "json")
    )
    assert made["require"] == ["ed25519"]
    kinds = {(row["use"], row["alg"]) for row in told(call("keys", "list", "--format", "json"))}
    assert {alg for use, alg in kinds if use == SIGN} == {"ed25519"}


def test_the_root_keys_are_named_where_they_were_moved_to(two: Two, capsys: pytest.CaptureFixture[str]):
    call = calling(capsys, "--home", str(two.gongshu.home))
    (two.gongshu.home / "keyring" / "root.age").unlink()
    code, _, error = call("keys", "rotate", "--by", "Li Wei")
    assert (code, "--root" in error) == (78, True), error


def test_root_and_node_have_passphrases_of_their_own(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Who learns the one that is used every day must not have the root keys by it."""
    one = passphrase_files(tmp_path / "passphrases")["SHANHAI_PASSPHRASE_FILE"]
    monkeypatch.setenv("SHANHAI_ROOT_PASSPHRASE_FILE", one)
    home = tmp_path / "home"
    code, _, error = calling(capsys, "--home", str(home))("node", "init", "zhaohua", "--by", "Li Wei")
    assert (code, "the same passphrase" in error) == (78, True), error
    assert not (home / "keyring").exists()


def test_the_root_keys_of_another_node_sign_nothing(two: Two, capsys: pytest.CaptureFixture[str]):
    """Both have the same passphrase here, so that the file opens."""
    call, before = calling(capsys, "--home", str(two.gongshu.home)), two.gongshu.keyset
    other = two.longyou.home / "keyring" / "root.age"
    code, _, error = call("keys", "rotate", "--by", "Li Wei", "--root", str(other))
    assert (code, "these root keys are not those of this node" in error) == (78, True), error
    for node in (two.gongshu, two.longyou):
        assert all(root.kid in error for root in node.keyset.roots)
    assert two.gongshu.keyset == before
