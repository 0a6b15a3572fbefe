"""The Open Data Contract Standard's own schema, which every contract keeps before it is read."""

from __future__ import annotations

import functools
import importlib.resources
import json

import jsonschema

from shanhai.contracts.reader import Reader, shortened

API_VERSION = "v3.1.0"


@functools.cache
def validator() -> jsonschema.protocols.Validator:
    """The schema as the standard's package brings it."""
    text = importlib.resources.files("open_data_contract_standard").joinpath("schema.json").read_text("utf-8")
    return jsonschema.Draft201909Validator(json.loads(text))


def check_schema(reader: Reader) -> None:
    """Return if a file is a contract of the standard, in the version that is read here.

    Raises:
        ContractError: it breaks the schema, or is of another version.
    """
    error = jsonschema.exceptions.best_match(validator().iter_errors(reader.file.data))
    if error is not None:
        where = ".".join(str(step) for step in error.absolute_path) or "the document"
        raise reader.error(
            f"{where} breaks ODCS {API_VERSION}: {shortened(error.message)}", list(error.absolute_path)
        )
    stated = reader.file.data["apiVersion"]
    if stated != API_VERSION:
        raise reader.error(
            "another version of the standard", ["apiVersion"], given=stated, allowed=API_VERSION
        )
