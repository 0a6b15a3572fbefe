"""From an ODCS v3.1.0 file to a `Contract`; whatever is wrong is refused with its file and line."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Any

from shanhai.contracts import check, standard
from shanhai.contracts.model import Contract
from shanhai.contracts.odcs import check_schema
from shanhai.contracts.read_columns import read_column
from shanhai.contracts.read_properties import SPELLED, read_custom_properties
from shanhai.contracts.read_queries import read_queries
from shanhai.contracts.reader import Reader
from shanhai.contracts.yamlfile import PathInFile, parse_yaml, read_text
from shanhai.errors import ConfigurationError, ContractError, as_typed
from shanhai.ids import DatasetId

SUFFIX = ".odcs.yml"
_TABLE: PathInFile = ("schema", 0)


def load_contract(path: Path, *, shown_as: str | None = None, dataset: DatasetId | None = None) -> Contract:
    """Read and check one contract.

    Args:
        path: a file `<district>/<dataset>.odcs.yml`.
        shown_as: what errors call the file; the path by default.
        dataset: of a file that is not called as its dataset is.

    Raises:
        ContractError: it is called as no dataset can be, is no valid ODCS v3.1.0, or says something that
            Shanhai does not know.
    """
    name = shown_as or str(path)
    dataset = dataset or dataset_of(path, name)
    return _loaded(path, read_text(path, name), name, dataset)


def dataset_of(path: Path, shown_as: str) -> DatasetId:
    """The dataset that a contract declares: by its folder and its name.

    Raises:
        ContractError: it is called as no dataset can be.
    """
    try:
        if path.name.endswith(SUFFIX):
            return DatasetId(path.parent.name, path.name.removesuffix(SUFFIX))
    except ConfigurationError:
        pass
    raise ContractError(
        "a contract is called after its dataset",
        file=shown_as,
        given=as_typed(f"{path.parent.name}/{path.name}"),
        allowed=f"<district>/<dataset>{SUFFIX}, both of a to z, 0 to 9 and _",
        hint="give it another name",
    )


@functools.lru_cache(maxsize=1024)
def _loaded(path: Path, text: str, name: str, dataset: DatasetId) -> Contract:
    """The contract of a text, kept: a process opens its federation often, and seldom is it another."""
    reader = Reader(parse_yaml(path, text, name), name)
    check_schema(reader)
    return _contract(reader, dataset)


def _contract(reader: Reader, dataset: DatasetId) -> Contract:
    data = reader.file.data
    table = _only_table(reader, dataset)
    reader.check_keys(table, standard.TABLE, _TABLE)
    properties = table.get("properties") or []
    custom = read_custom_properties(reader)
    fields = {
        "dataset": dataset,
        "version": data["version"],
        "status": data["status"],
        "description": " ".join((data.get("description") or {}).get("purpose", "").split()),
        "columns": tuple(
            read_column(reader, item, [*_TABLE, "properties", position])
            for position, item in enumerate(properties)
        ),
        "queries": read_queries(reader, table, _TABLE),
        "key": _key(properties),
        "path": reader.file.path,
        "digest": hashlib.sha256(reader.file.text.encode()).hexdigest(),
        "title": data.get("name") or dataset.name,
        **custom,
    }
    contract = reader.build(Contract, fields, ["customProperties"], spelled=SPELLED)
    check.check_contract(contract, reader.error)
    return contract


def _only_table(reader: Reader, dataset: DatasetId) -> dict[str, Any]:
    tables: list[dict[str, Any]] = reader.file.data.get("schema", [])
    if len(tables) != 1:
        raise reader.error("a contract declares one dataset", ["schema"], given=len(tables), allowed="1")
    stated = tables[0]["name"]
    if stated != dataset.name:
        raise reader.error(
            "the schema is called as the file is", [*_TABLE, "name"], given=stated, allowed=dataset.name
        )
    return tables[0]


def _key(properties: list[dict[str, Any]]) -> tuple[str, ...]:
    members = [item for item in properties if item.get("primaryKey")]
    members.sort(key=lambda item: item.get("primaryKeyPosition") or 1)
    return tuple(item["name"] for item in members)
