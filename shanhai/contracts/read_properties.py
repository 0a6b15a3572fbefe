"""The custom properties of a contract: what Shanhai asks of it beyond the standard."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from shanhai.contracts.model import (
    CsvFormat,
    Delivering,
    Feed,
    GeoJsonFormat,
    JsonFormat,
    NdjsonFormat,
    ParquetFormat,
    Schedule,
    Source,
    Tolerance,
    Versions,
    WorkbookFormat,
)
from shanhai.contracts.reader import Reader
from shanhai.contracts.refusals import NOTHING
from shanhai.contracts.retention import Retention
from shanhai.contracts.yamlfile import PathInFile

_MODELS: dict[str, type[BaseModel]] = {
    "source": Source,
    "delivery": Delivering,
    "versions": Versions,
    "tolerance": Tolerance,
    "schedule": Schedule,
    "retention": Retention,
}
_VALUES = {
    "title": "title",
    "level": "level",
    "shareClass": "share_class",
    "licence": "licence",
    "timeZone": "time_zone",
    "duplicates": "duplicates",
    "ignored": "ignored",
}
_FORMATS: dict[str, type[BaseModel]] = {
    "csv": CsvFormat,
    "json": JsonFormat,
    "ndjson": NdjsonFormat,
    "geojson": GeoJsonFormat,
    "xlsx": WorkbookFormat,
    "xls": WorkbookFormat,
    "ods": WorkbookFormat,
    "parquet": ParquetFormat,
}
_REQUIRED = ("source", "format", "level", "shareClass")

CONTRACT_KEYS = (*_MODELS, *_VALUES, "format", "feeds")
SPELLED = {field: (key,) for key, field in _VALUES.items()}
"""The fields of a contract that its custom properties call otherwise."""


def read_custom_properties(reader: Reader) -> dict[str, Any]:
    """The fields of a contract that its custom properties fill.

    Raises:
        ContractError: one is unknown, stands twice, is missing, or is not what it should be.
    """
    fields: dict[str, Any] = {}
    for position, entry in enumerate(reader.file.data.get("customProperties") or []):
        key = entry["property"]
        path: list[str | int] = ["customProperties", position, "value"]
        if key not in CONTRACT_KEYS:
            raise reader.error(
                "unknown custom property", [*path[:-1], "property"], given=key, allowed=CONTRACT_KEYS
            )
        field = _VALUES.get(key, key)
        if field in fields:
            raise reader.error("a custom property stands twice", path, given=key, allowed="each once")
        fields[field] = _value(reader, key, entry["value"], path)
    for key in _REQUIRED:
        if _VALUES.get(key, key) not in fields:
            raise reader.error(
                f"the custom property {key} is missing",
                ["customProperties"],
                given=list(fields) or NOTHING,
                allowed=f"{', '.join(_REQUIRED)}, and others",
            )
    return fields


def _value(reader: Reader, key: str, value: Any, path: PathInFile) -> Any:
    if key == "format":
        return _format(reader, value, path)
    if key == "feeds":
        return _feeds(reader, value, path)
    if key in _MODELS:
        return reader.build(_MODELS[key], value, path)
    return tuple(value) if isinstance(value, list) else value


def _format(reader: Reader, value: Any, path: PathInFile) -> Any:
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind not in _FORMATS:
        raise reader.error("unknown format", [*path, "kind"], given=kind, allowed=_FORMATS)
    return reader.build(_FORMATS[kind], value, path)


def _feeds(reader: Reader, value: Any, path: PathInFile) -> tuple[Feed, ...]:
    """One feed, or a list of them."""
    if isinstance(value, list):
        return tuple(reader.build(Feed, entry, [*path, position]) for position, entry in enumerate(value))
    return (reader.build(Feed, value, path),)
