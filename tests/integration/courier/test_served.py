"""The nodes of `nodes.yml`: each with its own name, its own place for snapshots, and its own secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from shanhai.audit.database import FILE
from shanhai.courier.served import exchanges, served
from shanhai.errors import ConfigurationError
from shanhai.settings import read_settings

BUCKET = "s3://archive/gongshu"


def written(home: Path, **nodes: dict[str, Any]) -> Path:
    home.mkdir(exist_ok=True)
    (home / "nodes.yml").write_text(yaml.safe_dump({"gongshu": {"home": "."}, **nodes}))
    return home


def test_two_underscores_in_a_name_are_refused(tmp_path: Path):
    """Node `a` with the partner `b__c` would have the DAGs of node `a__b` with the partner `c`."""
    written(tmp_path, long__you={"home": "longyou"})
    with pytest.raises(ConfigurationError, match="two underscores") as wrong:
        served(read_settings(home=tmp_path))
    assert "long__you" in str(wrong.value.given)


def test_a_neighbour_says_where_its_snapshots_are_where_the_own_ones_are_in_a_bucket(tmp_path: Path):
    written(tmp_path, longyou={"home": "longyou"})
    assert served(read_settings(home=tmp_path))["longyou"].settings.snapshots == ""
    settings = read_settings(home=tmp_path, snapshots=BUCKET)
    with pytest.raises(ConfigurationError, match="snapshots") as wrong:
        served(settings)
    assert "longyou" in str(wrong.value.given)


@pytest.mark.parametrize("stated", ["s3://archive/longyou", ""])
def test_what_it_says_holds_for_it_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stated: str):
    monkeypatch.setenv("SHANHAI_SNAPSHOTS", BUCKET)
    written(tmp_path, longyou={"home": "longyou", "snapshots": stated})
    known = served(read_settings(home=tmp_path))
    assert {name: one.settings.snapshots for name, one in known.items()} == {
        "gongshu": BUCKET,
        "longyou": stated,
    }


@pytest.mark.parametrize("stated", [BUCKET, f"{BUCKET}/", f"{BUCKET}/longyou", "s3://archive"])
def test_no_two_nodes_have_their_snapshots_in_one_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stated: str
):
    monkeypatch.setenv("SHANHAI_SNAPSHOTS", BUCKET)
    written(tmp_path, longyou={"home": "longyou", "snapshots": stated})
    with pytest.raises(ConfigurationError, match="in one place") as wrong:
        served(read_settings(home=tmp_path))
    assert {"gongshu", "longyou"} == set(str(wrong.value.given).split(", "))


def test_a_home_that_is_not_among_the_nodes_has_its_place_too(tmp_path: Path):
    """Its datasets are walked, and their snapshots kept and purged, whether or not it has partners."""
    (tmp_path / "nodes.yml").write_text(yaml.safe_dump({"longyou": {"home": "longyou", "snapshots": BUCKET}}))
    with pytest.raises(ConfigurationError, match="in one place") as wrong:
        served(read_settings(home=tmp_path, snapshots=BUCKET))
    assert "longyou" in str(wrong.value.given)
    assert list(served(read_settings(home=tmp_path, snapshots="s3://archive/other"))) == ["longyou"]


def test_where_the_own_snapshots_are_is_no_matter_of_the_file(tmp_path: Path):
    home = written(tmp_path, gongshu={"home": ".", "snapshots": "s3://other/place"})
    with pytest.raises(ConfigurationError) as wrong:
        served(read_settings(home=home))
    assert wrong.value.allowed == "SHANHAI_SNAPSHOTS"


def test_a_secret_of_the_environment_is_the_own_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SHANHAI_SECRET_RELAY_SECRET_KEY", "of-gongshu")
    known = served(read_settings(home=written(tmp_path, longyou={"home": "longyou"})))
    own, other = (known[name].settings for name in ("gongshu", "longyou"))
    assert own.secret("relay_secret_key").get_secret_value() == "of-gongshu"
    with pytest.raises(ConfigurationError, match="a secret is missing") as missing:
        other.secret("relay_secret_key")
    assert "SHANHAI_SECRET" not in str(missing.value.allowed)
    (other.home / "secrets").mkdir(parents=True)
    (other.home / "secrets" / "relay_secret_key").write_text("of-longyou\n")
    assert other.secret("relay_secret_key").get_secret_value() == "of-longyou"
    assert own.secret("relay_secret_key").get_secret_value() == "of-gongshu"


def test_whoever_asks_for_the_own_node_looks_into_no_other_home(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    settings = read_settings(home=written(tmp_path, longyou={"home": "longyou"}))
    damaged = tmp_path / "longyou" / FILE
    damaged.parent.mkdir(parents=True, mode=0o700)
    damaged.write_bytes(b"no database" * 1000)
    damaged.chmod(0o600)
    assert exchanges(settings, own=True) == ()
    assert caplog.text == ""
    assert exchanges(settings) == ()
    assert "longyou is not served" in caplog.text
