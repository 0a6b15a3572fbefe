"""Whether the engine understands a contract: its patterns, formats and time zones, tried on one row."""

from __future__ import annotations

import duckdb

from shanhai.contracts.model import Contract
from shanhai.contracts.sql import quote_identifier
from shanhai.errors import ConfigurationError, ContractError
from shanhai.quality.checked import CHECKED, checked_select
from shanhai.quality.identifiers import REGISTER_TABLE
from shanhai.quality.queries import check_queries
from shanhai.quality.rules import checked_violation, rules_for


def check_compiles(contract: Contract) -> None:
    """Bind every expression of a contract, so that a wrong one fails before there is any data.

    Raises:
        ContractError: the first rule, format, time zone or query that cannot be evaluated, or is not allowed.
    """
    names = ", ".join(f"'1' AS {quote_identifier(name)}" for name in contract.names)
    with duckdb.connect() as con:
        con.execute(f"CREATE TABLE raw AS SELECT {names}, '' AS _body, NULL::VARCHAR AS _malformed")
        con.execute(f"CREATE TABLE {REGISTER_TABLE} (code VARCHAR)")
        try:
            con.execute(f"CREATE VIEW {CHECKED} AS {checked_select(contract)}")
            for rule in rules_for(contract):
                _evaluate(con, contract, rule.name, checked_violation(rule, contract))
        except ContractError:
            raise
        except ConfigurationError as error:
            raise ContractError(
                error.message,
                file=str(contract.path),
                given=error.given,
                allowed=error.allowed,
                hint=error.hint,
            ) from error
    check_queries(contract)


def _evaluate(con: duckdb.DuckDBPyConnection, contract: Contract, rule: str, condition: str) -> None:
    try:
        con.execute(f"SELECT {condition} FROM {CHECKED}").fetchall()
    except duckdb.Error as error:
        column = contract.column(rule.partition(".")[0])
        raise ContractError(
            f"the rule {rule} cannot be evaluated",
            file=str(contract.path),
            given=column.pattern if rule.endswith(".pattern") else ", ".join(column.formats),
            allowed="a regular expression that RE2 knows, formats that strptime knows",
            hint=str(error).splitlines()[0],
        ) from error
