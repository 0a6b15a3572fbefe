"""The list of durable writes is whole: each name that is made, moved or removed in a home belongs to one."""

from __future__ import annotations

import importlib
import pathlib
import re

import pytest
from clean_walk import Clean
from durable_writes import IN_A_BUCKET, WRITES, Write, unexplained
from watched_home import watched

DOCUMENT = pathlib.Path(__file__).parents[3] / "docs" / "reference" / "faults.md"


def test_no_name_below_the_home_is_touched_by_another_write(clean: Clean):
    assert len(clean.seen) > 200
    assert unexplained(clean.seen) == []


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.name)
def test_every_listed_write_was_seen(clean: Clean, write: Write):
    assert [one for one in clean.seen if write.covers(*one)]


@pytest.mark.parametrize("write", [*WRITES, *IN_A_BUCKET], ids=lambda write: write.name)
def test_the_function_around_a_write_is_python_of_that_name(write: Write):
    module, _, name = write.function.partition(":")
    found = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    # A kill waits for a frame: it has the names of its function and of the module where that stands.
    assert found.__code__.co_qualname == name
    assert found.__globals__["__name__"] == module


def test_a_name_that_nobody_listed_is_noticed(tmp_path: pathlib.Path):
    (tmp_path / "lake" / "acounty" / "events").mkdir(parents=True)
    with watched(tmp_path) as found:
        (tmp_path / "lake" / "acounty" / "events" / "cache.bin").write_bytes(b"x")
        (tmp_path / "lake" / "acounty" / "events" / "cache.bin").rename(tmp_path / "fate")
    acts = {line.partition(":")[0] for line in unexplained(found.seen)}
    assert acts == {"appears", "moves away", "moves here"}


def test_a_commit_that_goes_is_noticed():
    log = "lake/acounty/events/_delta_log/00000000000000000001.json"
    assert unexplained([("appears", log)]) == []
    assert unexplained([("goes", log), ("moves away", log)]) == [f"goes: {log}", f"moves away: {log}"]


def test_the_document_lists_the_same_writes_at_the_same_places():
    text = DOCUMENT.read_text(encoding="utf-8")
    section = re.search(r"^## Every durable write\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    assert section
    rows = [line.split("|")[1:-1] for line in section[1].splitlines() if line.startswith("| ")][1:]
    told = {row[0].strip(): set(re.findall(r"`([^`]+)`", row[2])) for row in rows}
    writes = (*WRITES, *IN_A_BUCKET)
    listed = {write.name: {*write.makes, *write.replaces, *write.removes} for write in writes}
    assert told.keys() == listed.keys()
    for name, paths in listed.items():
        # A log entry and a data file are written beside their name first; the document tells that once.
        assert told[name] == {path for path in paths if not path.endswith("#1")}, name
