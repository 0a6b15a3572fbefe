"""The columns of a contract: what the standard states of each, and what its custom properties add."""

from __future__ import annotations

import re
from typing import Any

from shanhai.contracts import standard
from shanhai.contracts.model import Column
from shanhai.contracts.reader import Reader
from shanhai.contracts.yamlfile import PathInFile
from shanhai.errors import ContractError

COLUMN_KEYS = {
    "source": "source",
    "aliases": "aliases",
    "formats": "formats",
    "timeZone": "time_zone",
    "unit": "unit",
    "crs": "crs",
    "personal": "personal",
    "validators": "validators",
    "fullWidth": "full_width",
    "nullTokens": "null_tokens",
    "since": "since",
}
"""The custom properties of a column, and the fields that they fill."""
OPTION_KEYS = {
    "pattern": "pattern",
    "minLength": "min_length",
    "maxLength": "max_length",
    "minimum": "minimum",
    "maximum": "maximum",
}
"""The options of a type, and the fields that they fill."""
_TEXTS = ("source", "since")
_SPELLED = {
    **{field: (key,) for key, field in COLUMN_KEYS.items()},
    **{field: ("logicalTypeOptions", key) for key, field in OPTION_KEYS.items()},
    "precision": ("physicalType",),
}


def read_column(reader: Reader, item: dict[str, Any], path: PathInFile) -> Column:
    """One column.

    Raises:
        ContractError: it says something that is not known, or not followed.
    """
    reader.check_keys(item, standard.COLUMN, path)
    fields = {
        "name": item["name"],
        "source": item["name"],
        "type": item.get("logicalType"),
        "title": item.get("businessName") or "",
        "description": item.get("description") or "",
        "required": bool(item.get("required") or item.get("primaryKey")),
        "classification": item.get("classification", "general"),
        "precision": _precision(reader, item, path),
        "codes": _codes(reader, item, path),
        **_options(reader, item, path),
        **_custom_properties(reader, item, path),
    }
    return reader.build(Column, fields, path, spelled=_SPELLED)


def _options(reader: Reader, item: dict[str, Any], path: PathInFile) -> dict[str, Any]:
    options = item.get("logicalTypeOptions") or {}
    for key in options:
        if key not in OPTION_KEYS:
            where = [*path, "logicalTypeOptions", key]
            raise reader.error("unknown type option", where, given=key, allowed=OPTION_KEYS)
    return {OPTION_KEYS[key]: value for key, value in options.items()}


def _custom_properties(reader: Reader, item: dict[str, Any], path: PathInFile) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for position, entry in enumerate(item.get("customProperties") or []):
        key, value = entry["property"], entry["value"]
        where = [*path, "customProperties", position]
        if key not in COLUMN_KEYS:
            raise reader.error(
                "unknown custom property", [*where, "property"], given=key, allowed=COLUMN_KEYS
            )
        if COLUMN_KEYS[key] in fields:
            raise reader.error("a custom property stands twice", where, given=key, allowed="each once")
        fields[COLUMN_KEYS[key]] = reader.text(value, [*where, "value"]) if key in _TEXTS else value
    return fields


def _precision(reader: Reader, item: dict[str, Any], path: PathInFile) -> tuple[int, int] | None:
    physical = item.get("physicalType")
    if physical is None:
        return None
    match = re.fullmatch(r"DECIMAL\(([0-9]{1,4}),\s*([0-9]{1,4})\)", str(physical), re.IGNORECASE)
    if match is None or item.get("logicalType") != "number":
        raise reader.error(
            "physicalType is only for exact numbers",
            [*path, "physicalType"],
            given=physical,
            allowed="DECIMAL(digits,decimals) of a number",
        )
    return int(match[1]), int(match[2])


def _codes(reader: Reader, item: dict[str, Any], path: PathInFile) -> tuple[str, ...]:
    """The only values of a column; its queries are read by `read_queries`."""
    codes: tuple[str, ...] = ()
    for position, entry in enumerate(item.get("quality") or []):
        if entry.get("type") == "sql":
            continue
        where = [*path, "quality", position]
        reader.check_keys(entry, standard.QUALITY, where)
        if codes:
            raise _no_list_of_codes(reader, entry, where)
        codes = _list_of_codes(reader, entry, where)
    return codes


def _list_of_codes(reader: Reader, entry: dict[str, Any], path: PathInFile) -> tuple[str, ...]:
    arguments = entry.get("arguments") or {}
    if entry.get("metric") != "invalidValues" or set(arguments) != {"validValues"}:
        raise _no_list_of_codes(reader, entry, path)
    if entry.get("mustBe", 0) != 0:
        raise reader.error(
            "codes allow no exception; tolerance is the contract's",
            [*path, "mustBe"],
            given=entry["mustBe"],
            allowed="0",
        )
    stated = [*path, "arguments", "validValues"]
    return tuple(reader.text(code, [*stated, place]) for place, code in enumerate(arguments["validValues"]))


def _no_list_of_codes(reader: Reader, entry: dict[str, Any], path: PathInFile) -> ContractError:
    return reader.error(
        "a column's quality is one list of codes, and queries",
        path,
        given=entry.get("metric"),
        allowed="metric: invalidValues, mustBe: 0, arguments: {validValues: [...]}",
        hint="other rules are type options; plausibility is in expectations/",
    )
