"""What each of the three systems answers to a request: bytes and a status, no sockets."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.simulator import catalogue
from infra.simulator.datasets import longyou_events
from infra.simulator.deliveries import Delivery
from infra.simulator.encode import csv_bytes, json_records, xlsx_bytes

JSON = "application/json; charset=utf-8"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MAX_PAGE = 5000

PAGED = {
    "/api/v1/events": "gongshu.events",
    "/api/v1/grids": "gongshu.grids",
    "/api/v1/catalogue": "gongshu.resource_catalogue",
}
CURSORED = {"/api/v1/noise": "gongshu.noise", "/api/v1/heartbeats": "gongshu.link_heartbeats"}
CSV_FOLDERS = {"events": "longyou.events", "water": "longyou.water_meters", "hazards": "longyou.hazards"}
XLSX_FOLDERS = {"events": "zhaohua.events", "villages": "zhaohua.villages", "buildings": "zhaohua.buildings"}


@dataclass(frozen=True)
class Request:
    """What a system may look at: the path, the first value of each query field, the Authorization header."""

    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    authorization: str = ""


@dataclass(frozen=True)
class Answer:
    """Status, media type and body; `headers` beside the usual ones."""

    status: int
    media_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def gongshu(request: Request, token: str) -> Answer:
    """The paged REST API: bearer token, page or cursor, one day a request."""
    if not request.authorization:
        return _error(401, "token required", {"WWW-Authenticate": "Bearer"})
    if not secrets.compare_digest(request.authorization.encode(), f"Bearer {token}".encode()):
        return _error(403, "token not accepted")
    name = PAGED.get(request.path) or CURSORED.get(request.path)
    if name is None:
        return _error(404, "no such resource")
    delivery = _delivery(name, request.query.get("date", ""))
    if delivery is None:
        return _error(404, "no data for this date")
    try:
        return _page(delivery, request) if request.path in PAGED else _slice(delivery, request)
    except ValueError as error:
        return _error(400, str(error))


def longyou(request: Request) -> Answer:
    """The open-data portal: `/opendata/<folder>/<window>.csv`."""
    return _file(request, r"/opendata/(?P<folder>\w+)/(?P<name>[0-9-]+)\.csv", CSV_FOLDERS)


def zhaohua(request: Request) -> Answer:
    """The export page: `/export/<folder>/<window>.xlsx`, the evening's edition as `<window>.r2.xlsx`."""
    return _file(request, r"/export/(?P<folder>\w+)/(?P<name>[0-9-]+(\.r2)?)\.xlsx", XLSX_FOLDERS)


@functools.lru_cache(maxsize=64)
def file_bytes(name: str, delivery: str) -> bytes:
    """The file of one delivery of a dataset of Longyou or Zhaohua.

    Raises:
        KeyError: there is no such dataset or delivery.
    """
    dataset = catalogue.dataset(name)
    rows = dataset.delivery(delivery).rows
    if name.startswith("longyou."):
        return csv_bytes(dataset.columns, rows, longyou_events.ENCODING)
    return xlsx_bytes(dataset.columns, rows, "数据")


def file_of(name: str, delivery: str) -> str | None:
    """The path under which a delivery is served as a file; None for the REST datasets."""
    for prefix, folders, suffix in (("/opendata", CSV_FOLDERS, "csv"), ("/export", XLSX_FOLDERS, "xlsx")):
        for folder, dataset in folders.items():
            if dataset == name:
                return f"{prefix}/{folder}/{delivery}.{suffix}"
    return None


def _file(request: Request, pattern: str, folders: Mapping[str, str]) -> Answer:
    match = re.fullmatch(pattern, request.path)
    name = folders.get(match["folder"]) if match else None
    delivery = _edition(name, match["name"]) if match and name else None
    if delivery is None:
        return _error(404, "no such file")
    body = file_bytes(delivery.dataset, delivery.name)
    kind = f"text/csv; charset={longyou_events.ENCODING}" if folders is CSV_FOLDERS else XLSX
    return Answer(200, kind, body, {"ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"'})


def _page(delivery: Delivery, request: Request) -> Answer:
    page, size = _number(request, "page", 1), _number(request, "size", 500)
    rows = delivery.rows[(page - 1) * size : page * size]
    records = json_records(catalogue.dataset(delivery.dataset).columns, rows)
    total = len(delivery.rows)
    data = {"total": total, "pages": -(-total // size), "page": page, "size": size, "records": records}
    return _json({"code": 0, "data": data})


def _slice(delivery: Delivery, request: Request) -> Answer:
    limit, start = _number(request, "limit", 1000), _start(request.query.get("cursor", ""))
    rows = delivery.rows[start : start + limit]
    following = start + limit
    cursor = _cursor(following) if following < len(delivery.rows) else None
    return _json(
        {"items": json_records(catalogue.dataset(delivery.dataset).columns, rows), "nextCursor": cursor}
    )


def _number(request: Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_PAGE * 100:
        raise ValueError(f"{name} is no number")
    return min(int(text), MAX_PAGE) if name != "page" else int(text)


def _cursor(start: int) -> str:
    return base64.urlsafe_b64encode(f"after:{start}".encode()).decode()


def _start(cursor: str) -> int:
    if not cursor:
        return 0
    text = base64.urlsafe_b64decode(cursor.encode()).decode(errors="replace")
    if not re.fullmatch(r"after:\d+", text):
        raise ValueError("not a cursor of this system")
    return int(text.removeprefix("after:"))


def _delivery(dataset: str, name: str) -> Delivery | None:
    try:
        return catalogue.dataset(dataset).delivery(name)
    except KeyError:
        return None


def _edition(dataset: str, name: str) -> Delivery | None:
    """The delivery of that name; a second edition that was never made is the first one again."""
    return _delivery(dataset, name) or _delivery(dataset, name.removesuffix(".r2"))


def _json(document: Any) -> Answer:
    return Answer(200, JSON, json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    body = json.dumps({"code": status, "message": message}).encode()
    return Answer(status, JSON, body, headers or {})
