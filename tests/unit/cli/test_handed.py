"""Files that others handed over: no pipe is waited for, and nothing is read without an end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from called import calling

CALLS = {
    "parcel": "parcel verify FILE --keyset FILE",
    "disclosure": f"audit verify --disclosure FILE --keyset FILE --fingerprint {'0' * 64}",
}


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    return calling(capsys, "--home", str(tmp_path / "home"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("line", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("given", ["pipe", "endless"])
def test_a_pipe_or_a_device_is_no_file(call, line: str, given: str):
    os.mkfifo("pipe")
    Path("endless").symlink_to("/dev/zero")
    code, _, told = call(*line.replace("FILE", given).split())
    assert (code, "a pipe or a device" in told, given in told) == (78, True, True)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("line", CALLS.values(), ids=CALLS)
def test_a_file_that_is_too_large_is_not_read_to_its_end(call, line: str):
    """A terabyte, of which there is nothing on the disk."""
    with Path("huge").open("wb") as huge:
        huge.truncate(1 << 40)
    code, _, told = call(*line.replace("FILE", "huge").split())
    assert (code, "message-too-big" in told) == (77, True)
