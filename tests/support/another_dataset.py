"""A second dataset beside that of `one_city`, of the same columns, with a delivery of its own."""

from __future__ import annotations

from typing import Any

import yaml
from one_city import City

from shanhai.contracts import render_suite
from shanhai.contracts.federation import open_federation
from shanhai.ids import DatasetId

OTHERS = DatasetId("acity", "others")


def declare_another(city: City, rows: str, **properties: Any) -> None:
    """Declare it, and put one file for it that nobody has pulled yet.

    Args:
        rows: the file.
        properties: of its contract, in the place of those of the first.
    """
    folder = city.root / "districts" / "acity"
    document = yaml.safe_load(
        (folder / "events.odcs.yml").read_text(encoding="utf-8").replace("events", "others")
    )
    others = {"delivery": {"per": "file", "partition": {"by": "none"}}, **properties}
    for one in document["customProperties"]:
        if one["property"] == "source":
            one["value"]["options"] = {"path": "others/*.csv"}
        one["value"] = others.get(one["property"], one["value"])
    (folder / "others.odcs.yml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    for path, suite in render_suite.render(open_federation(city.root)).items():
        (city.root / path).write_text(suite, encoding="utf-8")
    (city.data / "others").mkdir()
    city.put("others/o.csv", rows)
