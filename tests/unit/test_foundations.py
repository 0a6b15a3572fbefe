"""Ids, errors, settings and alerts: what everything else stands on."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shanhai import errors
from shanhai.errors import ConfigurationError, ContractError, ShanhaiError, as_typed
from shanhai.ids import DatasetId, DeliveryId
from shanhai.notify import facts_of, notify
from shanhai.settings import read_settings
from tests.conformance.far_side import Asked, FarSide, Reply

SHA = "ab" * 32


@settings(deadline=None)
@given(partition=st.from_regex(r"[0-9A-Za-z][0-9A-Za-z._:+-]{0,40}", fullmatch=True))
def test_a_delivery_id_reads_back(partition: str):
    delivery = DeliveryId(DatasetId("longyou", "events"), partition, SHA)
    assert DeliveryId.parse(str(delivery)) == delivery
    assert len(delivery.key) == 32


@pytest.mark.parametrize(
    "text",
    ["", "events", "longyou.events/p", "Longyou.events/p/" + SHA, "longyou.events/../" + SHA, "a.b/p/12"],
)
def test_what_is_no_delivery_is_refused(text: str):
    with pytest.raises(ConfigurationError):
        DeliveryId.parse(text)


def test_an_error_says_what_was_given_what_is_allowed_and_what_to_do():
    error = ConfigurationError("unknown format", given="dbf", allowed=("csv", "json"), hint="see the guide")
    assert str(error) == "unknown format; given: dbf; allowed: csv, json; hint: see the guide"
    assert error.as_dict()["recovery"] == "fix the configuration"


def test_every_error_class_says_how_to_recover_and_has_an_exit_code():
    classes = [
        one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, ShanhaiError)
    ]
    assert len(classes) > 10
    for one in classes:
        assert one.recovery in ("retry", "fix the configuration", "fix the data", "denied", "report")
        assert (one.exit_code == 75) == (one.recovery == "retry")


@pytest.mark.parametrize(
    "error",
    [ConfigurationError("a", given=1, allowed=[1, 2], hint="h"), ContractError("b", file="f.yml", line=3)],
)
def test_errors_cross_process_borders(error: ShanhaiError):
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (type(copy), str(copy), copy.as_dict()) == (type(error), str(error), error.as_dict())


def test_a_secret_comes_from_the_environment_or_its_file_and_never_shows(tmp_path: Path, monkeypatch):
    settings = read_settings(home=tmp_path)
    with pytest.raises(ConfigurationError, match="SHANHAI_SECRET_TOKEN"):
        settings.secret("token")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "token").write_text("from-file\n")
    assert settings.secret("token").get_secret_value() == "from-file"
    monkeypatch.setenv("SHANHAI_SECRET_TOKEN", "from-environment")
    found = settings.secret("token")
    assert found.get_secret_value() == "from-environment"
    assert "environment" not in repr(found)


def test_a_wrong_setting_names_its_variable(monkeypatch):
    monkeypatch.setenv("SHANHAI_THREADS", "many")
    with pytest.raises(ConfigurationError, match="SHANHAI_THREADS"):
        read_settings()


@pytest.mark.parametrize("name", ["run[1]", "run*", "run?", "run#1", "run%41", "run\\1", "run\n1"])
def test_a_home_that_would_be_taken_for_another_folder_is_refused(tmp_path: Path, name: str):
    with pytest.raises(ConfigurationError, match="SHANHAI_HOME: a path that cannot be used"):
        read_settings(home=tmp_path / name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/media/中 继", "/media/中 继"),
        ("übung", "übung"),
        ("a\x1b[2Jb", "'a\\x1b[2Jb'"),
        ("a\u202eb", "'a\\u202eb'"),
        ("拱墅\x1b[2J", "'拱墅\\x1b[2J'"),
        ("\udcff", "'\\udcff'"),
        ("", "''"),
        (" ", "' '"),
    ],
)
def test_a_text_is_shown_as_it_was_typed_unless_it_would_do_something(text: str, shown: str):
    assert as_typed(text) == shown


def test_a_path_that_is_refused_is_shown_as_it_was_typed(tmp_path: Path):
    with pytest.raises(ConfigurationError) as met:
        read_settings(home=tmp_path / "中 继*")
    assert met.value.given == str(tmp_path / "中 继*")


def test_a_home_may_have_blanks_quotes_and_chinese_characters(tmp_path: Path):
    assert read_settings(home=tmp_path / "o'clock 山海 (1)").home.name == "o'clock 山海 (1)"


def test_settings_know_which_fields_were_given(tmp_path: Path, monkeypatch):
    monkeypatch.delenv("SHANHAI_HOME", raising=False)
    assert "home" not in read_settings().model_fields_set
    assert read_settings().home.is_absolute()
    monkeypatch.setenv("SHANHAI_HOME", str(tmp_path / "a" / ".." / "b"))
    settings = read_settings()
    assert (settings.home, "home" in settings.model_fields_set) == (tmp_path / "b", True)


def test_an_endpoint_is_overridden_by_file_then_by_variable(tmp_path: Path, monkeypatch):
    (tmp_path / "endpoints.yml").write_text("longyou.portal: http://a\ngongshu.api: http://b\n")
    monkeypatch.setenv("SHANHAI_ENDPOINT_LONGYOU__PORTAL", "http://c")
    monkeypatch.setenv("SHANHAI_ENDPOINT_ST_LOUIS__OPEN_DATA", "http://d")
    overrides = read_settings(home=tmp_path).endpoint_overrides()
    assert overrides == {
        "longyou.portal": "http://c",
        "gongshu.api": "http://b",
        "st_louis.open_data": "http://d",
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("longyou.portal: http://a\na: [", "endpoints.yml:2"),
        ("longyou.portal: 5", "longyou.portal"),
        ("longyou.portal:", "longyou.portal"),
        ("longyou: {portal: http://li:s3cret@a}", "longyou"),
        ("portal: http://li:s3cret@a", "portal"),
        ("- http://li:s3cret@a", "endpoints.yml"),
        ("http://li:s3cret@a", "endpoints.yml"),
        ("longyou.portal: \x80", "endpoints.yml"),
    ],
)
def test_a_file_of_endpoints_that_states_none_is_refused(tmp_path: Path, text: str, told: str):
    (tmp_path / "endpoints.yml").write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"allowed: .*<district>\.<endpoint>") as caught:
        read_settings(home=tmp_path).endpoint_overrides()
    assert told in str(caught.value.given)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "# none\n", "{}"])
def test_a_file_of_endpoints_may_state_none(tmp_path: Path, text: str):
    (tmp_path / "endpoints.yml").write_text(text)
    assert read_settings(home=tmp_path).endpoint_overrides() == {}


def test_an_endpoint_variable_without_two_underscores_is_refused(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("SHANHAI_ENDPOINT_LONGYOU_PORTAL", "http://c")
    with pytest.raises(ConfigurationError, match=r"SHANHAI_ENDPOINT_LONGYOU_PORTAL; allowed: .*__<ENDPOINT>"):
        read_settings(home=tmp_path).endpoint_overrides()


def test_an_alert_has_the_text_of_our_own_errors_only():
    ours = facts_of(ContractError("wrong", file="a.yml", line=3, given="x"))
    assert ours["message"] == "a.yml:3: wrong"
    assert (ours["given"], ours["recovery"], "hint" in ours) == ("x", "fix the configuration", False)
    assert facts_of(ValueError("330825194910011234")) == {"error": "ValueError"}


def test_an_alert_is_posted_as_json_and_logged(tmp_path: Path, caplog):
    heard: list[Asked] = []

    def listen(asked: Asked) -> Reply:
        heard.append(asked)
        return Reply(b"ok")

    with FarSide(listen) as far:
        assert notify(read_settings(home=tmp_path, notify_url=far.address), "held", delivery="x", rows_in=3)
    assert "notify event=held" in caplog.text
    assert len(heard) == 1
    assert json.loads(heard[0].body) == {"event": "held", "delivery": "x", "rows_in": 3}


def test_a_deaf_address_breaks_nothing(tmp_path: Path, caplog):
    assert not notify(read_settings(home=tmp_path, notify_url="http://127.0.0.1:9"), "late", dataset="x")
    assert "notify_failed" in caplog.text
