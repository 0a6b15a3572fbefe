"""Portals of public data on loopback: Open311, CKAN and Socrata, as far as their connectors ask."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.conformance.far_side import Asked, Reply
from tests.conformance.rows import Rows

_AFTER = re.compile(r":id > 'row-(\d+)'")


def as_json(document: Any, **headers: str) -> Reply:
    return Reply(json.dumps(document).encode(), media_type="application/json", headers=headers)


@dataclass
class Open311City:
    """GeoReport v2: `requests` by the second they were made, newest last; or very many of one day."""

    requests: Mapping[str, str] | Rows
    most_days: int = 90
    between: Callable[[], None] = lambda: None

    def answer(self, asked: Asked) -> Reply:
        start, end = asked.query["start_date"], asked.query["end_date"]
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", start):
            return Reply(b'[{"code": 400, "description": "start_date"}]', status=400)
        size = int(asked.query.get("page_size", 1000))
        first = (int(asked.query.get("page", 1)) - 1) * size
        if isinstance(self.requests, Rows):
            rows = self.requests.slice(first, size)
            return as_json([row | {"service_request_id": str(row["id"])} for row in rows])
        found = [
            {"service_request_id": key, "requested_datetime": made}
            for key, made in self.requests.items()
            if start <= made <= end
        ]
        self.between()
        return as_json(found[first : first + size])


@dataclass
class CkanPortal:
    """The action API: one dataset with files, one resource in the datastore, a catalogue."""

    rows: Rows = field(default_factory=Rows)
    files: dict[str, bytes] = field(default_factory=dict)
    resources: list[dict[str, Any]] = field(default_factory=list)
    most: int = 32_000

    def answer(self, asked: Asked) -> Reply:
        action = asked.path.rpartition("/")[2]
        if "/api/3/action/" not in asked.path:
            content = self.files.get(asked.path)
            return Reply(status=404) if content is None else Reply(content, media_type="text/csv")
        match action:
            case "package_show" if asked.query["id"] == "trees":
                return self.success({"name": "trees", "resources": self.resources})
            case "datastore_search" if asked.query["resource_id"] == "table":
                return self.success(self._slice(asked, "offset", "limit", "total", "records", "_id"))
            case "package_search":
                return self.success(self._slice(asked, "start", "rows", "count", "results", "id asc"))
            case _:
                # With status 200, as behind some proxies.
                return self.failure("Not Found Error")

    def success(self, result: Any) -> Reply:
        return as_json({"help": "…", "success": True, "result": result})

    def failure(self, kind: str) -> Reply:
        return as_json({"help": "…", "success": False, "error": {"__type": kind, "message": "not told"}})

    def _slice(self, asked: Asked, start: str, count: str, total: str, records: str, order: str) -> Any:
        if asked.query["sort"] != order:
            return {total: 0, records: []}
        announced = len(self.rows.ids)
        rows = self.rows.slice(int(asked.query[start]), min(int(asked.query[count]), self.most))
        return {total: announced, records: [row | {"_id": row["id"], "id": str(row["id"])} for row in rows]}


@dataclass
class SocrataPortal:
    """SODA 2.1: one dataset, its rows in no order unless one is asked for."""

    rows: Rows = field(default_factory=Rows)

    def answer(self, asked: Asked) -> Reply:
        if asked.path.endswith("/api/catalog/v1"):
            return self._catalogue(asked)
        name, _, form = asked.path.rpartition("/")[2].partition(".")
        if name != "ydr8-5enu":
            return Reply(b'{"code": "dataset.missing", "error": true}', status=404)
        limit = int(asked.query.get("$limit", 1000))
        if asked.query.get("$order") not in (":id", ":updated_at,:id"):
            rows = self.rows.slice(0, limit)[::-1]
        elif "$offset" in asked.query:
            rows = self.rows.slice(int(asked.query["$offset"]), limit)
        else:
            after = _AFTER.search(asked.query.get("$where", ""))
            rows = self.rows.after(int(after[1]) if after else -1, limit)
        shown = [row | {":id": f"row-{row['id']}", ":updated_at": row["stamp"]} for row in rows]
        return _as_csv(shown) if form == "csv" else as_json(shown)

    def _catalogue(self, asked: Asked) -> Reply:
        rows = self.rows.slice(int(asked.query["offset"]), int(asked.query["limit"]))
        results = [{"resource": {"id": f"aaaa-{row['id']}"}, "text": row.get("text", "")} for row in rows]
        return as_json({"results": results, "resultSetSize": len(self.rows.ids)})


def _as_csv(rows: list[dict[str, Any]]) -> Reply:
    text = io.StringIO()
    columns = list(rows[0]) if rows else [":id", ":updated_at", "id"]
    writer = csv.DictWriter(text, columns, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return Reply(text.getvalue().encode(), media_type="text/csv")
