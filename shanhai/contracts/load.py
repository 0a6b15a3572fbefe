"""From an ODCS v3.1.0 file to a `Contract`; whatever is wrong is refused with its file and line."""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
import json
import re
from pathlib import Path
from typing import Any, TypeVar

import jsonschema
from pydantic import BaseModel, ValidationError

from shanhai.contracts import check, standard
from shanhai.contracts.model import (
    Column,
    Contract,
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
from shanhai.contracts.queries import Query, query_fields
from shanhai.contracts.retention import Retention
from shanhai.contracts.yamlfile import PathInFile, YamlFile, parse_yaml, read_text
from shanhai.errors import ContractError
from shanhai.ids import DatasetId

Model = TypeVar("Model", bound=BaseModel)

API_VERSION = "v3.1.0"
SUFFIX = ".odcs.yml"

_COLUMN_KEYS = {
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
_TEXTS = ("source", "since")
_OPTION_KEYS = {
    "pattern": "pattern",
    "minLength": "min_length",
    "maxLength": "max_length",
    "minimum": "minimum",
    "maximum": "maximum",
}
_CONTRACT_MODELS: dict[str, type[BaseModel]] = {
    "source": Source,
    "delivery": Delivering,
    "versions": Versions,
    "tolerance": Tolerance,
    "schedule": Schedule,
    "retention": Retention,
}
_CONTRACT_VALUES = {
    "title": "title",
    "level": "level",
    "shareClass": "share_class",
    "licence": "licence",
    "timeZone": "time_zone",
    "duplicates": "duplicates",
    "ignored": "ignored",
}
_CONTRACT_KEYS = (*_CONTRACT_MODELS, *_CONTRACT_VALUES, "format", "feeds")
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


def load_contract(path: Path, *, shown_as: str | None = None, dataset: DatasetId | None = None) -> Contract:
    """Read and check one contract.

    Args:
        path: a file `<district>/<dataset>.odcs.yml`.
        shown_as: what errors call the file; the path by default.
        dataset: of a file that is not called as its dataset is.

    Raises:
        ContractError: it is no valid ODCS v3.1.0, or says something that Shanhai does not know.
    """
    name = shown_as or str(path)
    dataset = dataset or DatasetId(path.parent.name, path.name.removesuffix(SUFFIX))
    return _loaded(path, read_text(path, name), name, dataset)


@functools.lru_cache(maxsize=1024)
def _loaded(path: Path, text: str, name: str, dataset: DatasetId) -> Contract:
    """The contract of a text, kept: a process opens its federation often, and seldom is it another."""
    reader = _Reader(parse_yaml(path, text, name), name, dataset)
    reader.validate_schema()
    return reader.contract()


@functools.cache
def _validator() -> jsonschema.protocols.Validator:
    text = importlib.resources.files("open_data_contract_standard").joinpath("schema.json").read_text("utf-8")
    return jsonschema.Draft201909Validator(json.loads(text))


class _Reader:
    """One file being read: knows how to raise with the line of a value."""

    def __init__(self, file: YamlFile, name: str, dataset: DatasetId) -> None:
        self.file = file
        self.name = name
        self.dataset = dataset

    def error(self, message: str, path: PathInFile, **facts: Any) -> ContractError:
        return ContractError(message, file=self.name, line=self.file.line(self._positions(path)), **facts)

    def _positions(self, path: PathInFile) -> PathInFile:
        """The path with a custom property's name replaced by its position in the list."""
        if len(path) < 2 or path[0] != "customProperties" or isinstance(path[1], int):
            return path
        entries = self.file.data.get("customProperties") or []
        places = [place for place, entry in enumerate(entries) if entry["property"] == path[1]]
        return ["customProperties", *places[:1], "value", *path[2:]] if places else path[:1]

    def validate_schema(self) -> None:
        error = jsonschema.exceptions.best_match(_validator().iter_errors(self.file.data))
        if error is not None:
            where = ".".join(str(step) for step in error.absolute_path) or "the document"
            raise self.error(
                f"{where} breaks ODCS {API_VERSION}: {_short(error.message)}", list(error.absolute_path)
            )
        if self.file.data["apiVersion"] != API_VERSION:
            raise self.error(
                "another version of the standard",
                ["apiVersion"],
                given=self.file.data["apiVersion"],
                allowed=API_VERSION,
            )

    def contract(self) -> Contract:
        data = self.file.data
        if len(data.get("schema", [])) != 1:
            raise self.error(
                "a contract declares one dataset", ["schema"], given=len(data.get("schema", [])), allowed="1"
            )
        table = data["schema"][0]
        if table["name"] != self.dataset.name:
            raise self.error(
                "the schema is called as the file is",
                ["schema", 0, "name"],
                given=table["name"],
                allowed=self.dataset.name,
            )
        self._check_keys(table, standard.TABLE, ["schema", 0])
        fields = self._custom_properties()
        columns = tuple(
            self._column(item, ["schema", 0, "properties", position])
            for position, item in enumerate(table.get("properties") or [])
        )
        contract = self._build(
            Contract,
            {
                "dataset": self.dataset,
                "version": data["version"],
                "status": data["status"],
                "description": " ".join((data.get("description") or {}).get("purpose", "").split()),
                "columns": columns,
                "queries": self._queries(table),
                "key": _key(table.get("properties") or []),
                "path": self.file.path,
                "digest": hashlib.sha256(self.file.text.encode()).hexdigest(),
                "title": data.get("name") or self.dataset.name,
                **fields,
            },
            ["customProperties"],
        )
        check.check_contract(contract, self.error)
        return contract

    def _check_keys(self, item: dict[str, Any], keys: standard.Keys, path: PathInFile) -> None:
        """Refuse keys of the standard that look like rules and that nothing here follows."""
        for key, hint in keys.rules_not_followed(item):
            raise self.error(
                f"{key} of {keys.of} is not followed",
                [*path, key],
                given=_short(str(item[key])),
                allowed=keys.accepted,
                hint=hint,
            )

    def _custom_properties(self) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for position, entry in enumerate(self.file.data.get("customProperties") or []):
            key, value = entry["property"], entry["value"]
            path: list[str | int] = ["customProperties", position, "value"]
            if key not in _CONTRACT_KEYS:
                raise self.error(
                    "unknown custom property", [*path[:-1], "property"], given=key, allowed=_CONTRACT_KEYS
                )
            if key in fields:
                raise self.error("a custom property stands twice", path, given=key)
            if key == "format":
                fields[key] = self._format(value, path)
            elif key == "feeds":
                fields[key] = self._feeds(value, path)
            elif key in _CONTRACT_MODELS:
                fields[key] = self._build(_CONTRACT_MODELS[key], value, path)
            else:
                fields[_CONTRACT_VALUES[key]] = tuple(value) if isinstance(value, list) else value
        for key in ("source", "format", "level", "shareClass"):
            if _CONTRACT_VALUES.get(key, key) not in fields:
                raise self.error(
                    f"the custom property {key} is missing", ["customProperties"], allowed=_CONTRACT_KEYS
                )
        return fields

    def _format(self, value: Any, path: PathInFile) -> Any:
        kind = value.get("kind") if isinstance(value, dict) else None
        if kind not in _FORMATS:
            raise self.error("unknown format", [*path, "kind"], given=kind, allowed=_FORMATS)
        return self._build(_FORMATS[kind], value, path)

    def _feeds(self, value: Any, path: PathInFile) -> tuple[Feed, ...]:
        """One feed, or a list of them."""
        if isinstance(value, list):
            return tuple(self._build(Feed, entry, [*path, position]) for position, entry in enumerate(value))
        return (self._build(Feed, value, path),)

    def _column(self, item: dict[str, Any], path: PathInFile) -> Column:
        self._check_keys(item, standard.COLUMN, path)
        fields: dict[str, Any] = {
            "name": item["name"],
            "source": item["name"],
            "type": item.get("logicalType"),
            "title": item.get("businessName") or "",
            "description": item.get("description") or "",
            "required": bool(item.get("required") or item.get("primaryKey")),
            "classification": item.get("classification", "general"),
            "precision": self._precision(item, path),
            "codes": self._codes(item, path),
        }
        for key, value in (item.get("logicalTypeOptions") or {}).items():
            if key not in _OPTION_KEYS:
                raise self.error(
                    "unknown type option", [*path, "logicalTypeOptions", key], given=key, allowed=_OPTION_KEYS
                )
            fields[_OPTION_KEYS[key]] = value
        seen: set[str] = set()
        for position, entry in enumerate(item.get("customProperties") or []):
            key, where = entry["property"], [*path, "customProperties", position]
            if key not in _COLUMN_KEYS:
                raise self.error(
                    "unknown custom property", [*where, "property"], given=key, allowed=_COLUMN_KEYS
                )
            if key in seen:
                raise self.error("a custom property stands twice", where, given=key)
            seen.add(key)
            value = entry["value"]
            fields[_COLUMN_KEYS[key]] = self._text(value, [*where, "value"]) if key in _TEXTS else value
        return self._build(Column, fields, path)

    def _text(self, value: Any, path: PathInFile) -> str:
        """A text, with or without quotes; what YAML makes another one of needs them."""
        written = self.file.written(path)
        if isinstance(value, str) or str(value) == written:
            return str(value)
        raise self.error(
            "YAML does not read this as the text that it is",
            path,
            given=written or type(value).__name__,
            allowed="a text",
            hint="quote it" if written is None else f"quote it: '{written}'",
        )

    def _precision(self, item: dict[str, Any], path: PathInFile) -> tuple[int, int] | None:
        physical = item.get("physicalType")
        if physical is None:
            return None
        match = re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", str(physical), re.IGNORECASE)
        if match is None or item.get("logicalType") != "number":
            raise self.error(
                "physicalType is only for exact numbers",
                [*path, "physicalType"],
                given=physical,
                allowed="DECIMAL(digits,decimals) of a number",
            )
        return int(match[1]), int(match[2])

    def _codes(self, item: dict[str, Any], path: PathInFile) -> tuple[str, ...]:
        codes: tuple[str, ...] = ()
        for position, entry in enumerate(item.get("quality") or []):
            if entry.get("type") == "sql":
                continue
            arguments = entry.get("arguments") or {}
            self._check_keys(entry, standard.QUALITY, [*path, "quality", position])
            if entry.get("metric") != "invalidValues" or set(arguments) != {"validValues"} or codes:
                raise self.error(
                    "a column's quality is one list of codes, and queries",
                    [*path, "quality", position],
                    given=entry.get("metric"),
                    allowed="metric: invalidValues, mustBe: 0, arguments: {validValues: [...]}",
                    hint="other rules are type options; plausibility is in expectations/",
                )
            if entry.get("mustBe", 0) != 0:
                raise self.error(
                    "codes allow no exception; tolerance is the contract's",
                    [*path, "quality", position, "mustBe"],
                    given=entry["mustBe"],
                    allowed="0",
                )
            stated = [*path, "quality", position, "arguments", "validValues"]
            codes = tuple(
                self._text(code, [*stated, place]) for place, code in enumerate(arguments["validValues"])
            )
        return codes

    def _queries(self, table: dict[str, Any]) -> tuple[Query, ...]:
        """The queries of the table, then those of each column."""
        path: PathInFile = ["schema", 0]
        places = [(None, table, path)]
        for position, item in enumerate(table.get("properties") or []):
            places.append((item["name"], item, [*path, "properties", position]))
        found: list[Query] = []
        for column, item, where in places:
            for position, entry in enumerate(item.get("quality") or []):
                at = [*where, "quality", position]
                if entry.get("type") == "sql":
                    found.append(self._query(entry, column, at))
                elif column is None:
                    raise self.error("a table's quality is queries", at, given=entry, allowed="type: sql")
                if len({query.name for query in found}) < len(found):
                    raise self.error("two queries have the same name", at, given=found[-1].name)
        return tuple(found)

    def _query(self, entry: dict[str, Any], column: str | None, path: PathInFile) -> Query:
        self._check_keys(entry, standard.QUERY, path)
        fields = query_fields(entry, column=column, line=self.file.line(path))
        return self._build(Query, fields, path)

    def _build(self, model: type[Model], value: Any, path: PathInFile) -> Model:
        try:
            return model.model_validate(value)
        except ValidationError as error:
            first = error.errors()[0]
            steps = [step for step in first["loc"] if isinstance(step, (str, int))]
            what = ".".join(str(step) for step in steps) or model.__name__
            raise self.error(
                f"{what}: {first['msg']}",
                self._nearest(path, steps),
                given=_given(first),
                allowed=_allowed(model, first),
            ) from error

    def _nearest(self, path: PathInFile, steps: list[str | int]) -> PathInFile:
        """Where a model's field stands in the file: the models' names differ from the standard's."""
        if not steps or not isinstance(steps[0], str):
            return [*path, *steps]
        field, rest = steps[0], steps[1:]
        if path == ["customProperties"]:
            return [*path, _spelled(_CONTRACT_VALUES, field), *rest]
        if field in _OPTION_KEYS.values():
            return [*path, "logicalTypeOptions", _spelled(_OPTION_KEYS, field), *rest]
        return [*path, _spelled(_COLUMN_KEYS, field), *rest]


def _key(properties: list[dict[str, Any]]) -> tuple[str, ...]:
    members = [item for item in properties if item.get("primaryKey")]
    members.sort(key=lambda item: item.get("primaryKeyPosition") or 1)
    return tuple(item["name"] for item in members)


def _spelled(names: dict[str, str], field: str) -> str:
    """The standard's name of a model's field."""
    return next((old for old, new in names.items() if new == field), field)


def _given(first: Any) -> str | None:
    value = first.get("input")
    return (
        None if isinstance(value, (dict, BaseModel)) and first["type"] == "missing" else _short(repr(value))
    )


def _allowed(model: type[BaseModel], first: Any) -> str | None:
    if first["type"] == "extra_forbidden":
        return ", ".join(model.model_fields)
    expected = (first.get("ctx") or {}).get("expected")
    return str(expected) if expected else None


def _short(text: str) -> str:
    return text if len(text) <= 160 else text[:157] + "..."
