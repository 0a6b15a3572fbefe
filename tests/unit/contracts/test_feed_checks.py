"""Feeds are read as one or as a list, and refused where they are wrong, with the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from shanhai.contracts.load import load_contract
from shanhai.contracts.model import Contract
from shanhai.errors import ContractError

HEAD = """\
apiVersion: v3.1.0
kind: DataContract
id: urn:test:air
name: air
version: 1.0.0
status: active
schema:
  - name: air
    logicalType: object
    properties:
      - {name: station, logicalType: string, required: true}
      - {name: day, logicalType: date, required: true}
      - {name: state, logicalType: string}
      - name: pm
        logicalType: number
        customProperties: [{property: unit, value: ug/m3}]
      - {name: co, logicalType: number}
customProperties:
  - {property: level, value: city}
  - {property: shareClass, value: unconditional}
  - {property: source, value: {connector: files, endpoint: data, options: {path: a.csv}}}
  - {property: format, value: {kind: csv}}
  - property: feeds
    value:
"""
ONE = """\
      shape: reading
      columns: {sensor_id: {column: station}, observed_at: {column: day}}
      readings: {pm2_5: {column: pm}}
"""
LIST = """\
      - shape: subject
        columns:
          subject_id: {column: station}
          kind: {value: building}
          area_code: {column: station}
      - shape: reading
        columns: {sensor_id: {column: station}, observed_at: {column: day}}
        readings: {pm2_5: {column: pm}}
"""


def load(folder: Path, feeds: str) -> Contract:
    file = folder / "air.odcs.yml"
    file.write_text(HEAD + feeds, encoding="utf-8")
    return load_contract(file, shown_as="air.odcs.yml")


def test_one_feed_and_a_list_of_feeds(tmp_path):
    assert [feed.shape for feed in load(tmp_path, ONE).feeds] == ["reading"]
    assert [feed.shape for feed in load(tmp_path, LIST).feeds] == ["subject", "reading"]


CASES = {
    "unknown shape": (ONE, "shape: reading", "shape: sensors", 24, "unknown shape"),
    "unknown column of the shape": (ONE, "sensor_id:", "sensor:", 24, "no such column"),
    "unknown column": (ONE, "column: day", "column: date", 24, "observed_at names no column"),
    "unknown key": (ONE, "readings:", "reading:", 27, "reading"),
    "unknown quantity": (ONE, "pm2_5:", "pm25:", 24, "unknown quantity"),
    "no unit": (ONE, "{pm2_5: {column: pm}}", "{co: {column: co}}", 24, "co is not in the unit of co"),
    "another unit": (ONE, "pm2_5:", "noise_laeq:", 24, "pm is not in the unit of noise_laeq"),
    "a condition on nothing": (
        ONE,
        "{column: pm}",
        "{column: pm, when: {column: flag, in: [ok]}}",
        24,
        "pm2_5 names no column",
    ),
    "a condition without codes": (
        ONE,
        "{column: pm}",
        "{column: pm, when: {column: state, in: []}}",
        27,
        "readings.pm2_5.when.in",
    ),
    "value and readings": (ONE, "{sensor_id:", "{value: {column: pm}, sensor_id:", 24, "already say it"),
    "readings of another shape": (ONE, "shape: reading", "shape: area", 24, "no such column"),
    "needs nothing": (ONE, "readings:", "needs: [place]\n      readings:", 24, "no such column"),
    "in the second of a list": (LIST, "observed_at: {column: day}", "quality: {value: fine}", 30, "needs"),
    "of the first of a list": (LIST, "value: building", "value: house", 25, "kind has a closed list"),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_wrong_feed_is_refused_where_it_is_wrong(tmp_path, case):
    feeds, old, new, line, told = CASES[case]
    assert feeds.count(old) == 1
    with pytest.raises(ContractError) as caught:
        load(tmp_path, feeds.replace(old, new))
    assert told in str(caught.value)
    assert caught.value.line == line, str(caught.value)
