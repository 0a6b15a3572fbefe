"""Folders of the settings that cannot be looked at: told with their path, and not by a bare error."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from shanhai.errors import ConfigurationError
from shanhai.settings import read_settings


@pytest.fixture
def as_nobody():
    """Act as an account without rights, also when root tests."""
    if os.geteuid() == 0:
        os.seteuid(65534)
        yield
        os.seteuid(0)
    else:
        yield


@pytest.fixture
def closed():
    """A folder that nobody may enter, below one that everybody may."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        inner = Path(folder) / "closed"
        inner.mkdir(mode=0)
        yield inner
        inner.chmod(0o700)


@pytest.mark.parametrize("name", ["home", "federation", "dbt_project"])
def test_a_folder_below_one_that_may_not_be_entered_is_told(
    monkeypatch: pytest.MonkeyPatch, closed: Path, as_nobody: None, name: str
):
    # The other folders are looked at, too, from where the process stands: the clone may lie anywhere.
    monkeypatch.chdir(closed.parent)
    with pytest.raises(ConfigurationError) as refused:
        read_settings(**{"home": closed.parent / "home", name: closed / "node"})
    told = str(refused.value)
    assert f"setting SHANHAI_{name.upper()}: a folder that cannot be looked at" in told
    assert str(closed / "node") in told
    assert "may enter" in told


@pytest.mark.parametrize("path", ["x" * 300, "x/" * 5000])
def test_who_may_enter_is_no_hint_where_a_path_is_too_long(tmp_path: Path, path: str):
    with pytest.raises(ConfigurationError, match=r"SHANHAI_HOME: a folder that cannot") as refused:
        read_settings(home=tmp_path / path)
    assert refused.value.allowed == "a path as long as this system takes"
    assert refused.value.hint == "choose shorter names, or another folder"


@pytest.mark.parametrize("path", ["x" * 300, "~nobody-of-that-name/node"])
def test_a_path_that_leads_nowhere_is_told(path: str):
    with pytest.raises(ConfigurationError, match="SHANHAI_HOME") as refused:
        read_settings(home=Path(path))
    assert path[:200] in str(refused.value.given)


def test_a_link_that_leads_to_itself_is_told(tmp_path: Path):
    (tmp_path / "home").symlink_to("home")
    with pytest.raises(ConfigurationError, match="SHANHAI_HOME"):
        read_settings(home=tmp_path / "home")
