"""Reference registers for the rules that look one up: the pinned file, after its digest is checked."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import duckdb

from shanhai.contracts.federation import Federation, Register
from shanhai.contracts.model import Contract
from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.errors import ConfigurationError
from shanhai.quality.identifiers import REGISTER_TABLE

AREA_CODES = "area_code"
"""The name in registers.yml of the register of administrative codes."""

_LOOKED_UP = {"area_code", "gb28181_id"}
"""The validators that look it up."""


def attach_registers(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    federation: Federation,
    *,
    catalogues: Sequence[str] = ("main",),
) -> None:
    """Create in `con` the table of each register that a rule of `contract` looks up; none, nothing.

    Args:
        catalogues: where to create it. Staging looks it up in its session, the gate in the scratch file.

    Raises:
        ConfigurationError: the federation has no such register, its file is missing, has another
            digest than pinned, or lacks the column.
    """
    if not any(_LOOKED_UP & set(column.validators) for column in contract.columns):
        return
    register = federation.register(AREA_CODES)
    if register is None:
        raise ConfigurationError(
            f"{contract.dataset} looks up a register that the federation lacks",
            given=AREA_CODES,
            allowed="an entry in districts/registers.yml",
        )
    _check_digest(register)
    code = f"trim({quote_identifier(register.column)})"
    source = f"read_csv({quote_literal(str(register.file))}, all_varchar = true, header = true)"
    try:
        for catalogue in catalogues:
            con.execute(
                f"CREATE OR REPLACE TABLE {catalogue}.{REGISTER_TABLE} AS "
                f"SELECT DISTINCT rpad({code}, 12, '0') AS code FROM {source} "
                f"WHERE regexp_full_match({code}, '[0-9]{{2,12}}')"
            )
    except (duckdb.BinderException, duckdb.InvalidInputException) as error:
        raise ConfigurationError(
            f"the register {AREA_CODES} cannot be read",
            given=register.file,
            allowed=f"a CSV file with a column {register.column}",
        ) from error


def _check_digest(register: Register) -> None:
    found = _digest(register.file)
    if found != register.sha256:
        raise ConfigurationError(
            f"the register {AREA_CODES}, edition {register.edition}, is not the pinned file",
            given=f"{register.file.name} with sha256 {found}",
            allowed=f"sha256 {register.sha256}",
            hint="restore the file, or pin the new edition in districts/registers.yml",
        )


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ConfigurationError(
            f"the register {AREA_CODES} cannot be read", given=file, allowed="a readable file"
        ) from error
