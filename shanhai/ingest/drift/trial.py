"""A trial: a body, or its beginning, read and checked in memory under a contract that is not in force."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shanhai.contracts.model import Contract, CsvFormat, NdjsonFormat
from shanhai.contracts.sql import quote_identifier
from shanhai.errors import ConfigurationError, UnreadableError
from shanhai.ingest.decode import BodyFile, decode
from shanhai.ingest.drift.look import SAMPLE_BYTES, Look
from shanhai.quality.checked import BROKEN, CHECKED, create_checked
from shanhai.quality.registers import attach_registers
from shanhai.quality.rules import checked_violation, rules_for
from shanhai.warehouse.session import duckdb_session

if TYPE_CHECKING:
    import duckdb

_MOST_BYTES = 32 << 20
"""Of a body that has no beginning to read alone: a JSON document, a workbook, a Parquet file."""


@dataclass(frozen=True)
class Trial:
    """What became of the rows.

    Attributes:
        rows: all of them; `malformed` are no record, `good` break no rule.
        given: by column, the rows that have a value.
        fit: by column, those whose value breaks no rule of the column.
        missing: headings that are not there.
    """

    rows: int
    malformed: int
    good: int
    given: Mapping[str, int]
    fit: Mapping[str, int]
    missing: tuple[str, ...]


def sample_of(look: Look, body: BodyFile, contract: Contract, text: str | None = None) -> Trial | None:
    """Try a contract on a body; None: it cannot be read so, or is too large to be read for that.

    Of text in lines the beginning is read, as many whole lines as it has.

    Args:
        text: that beginning, where it is known already; by default it is read in the stated encoding.
    """
    stated = contract.format
    if isinstance(stated, CsvFormat | NdjsonFormat):
        if text is None:
            with contextlib.suppress(LookupError, UnicodeError):
                text = look.start(body).decode(stated.encoding, "replace")
        if text is None:
            return None
        body = _as_file(look, body, text)
        contract = with_format(contract, encoding="utf-8", compression="none", member=None)
    elif body.path.stat().st_size > _MOST_BYTES:
        return None
    with duckdb_session(look.settings) as con, contextlib.suppress(UnreadableError, ConfigurationError):
        return _tried(look, con, contract, body)
    return None


def with_format(contract: Contract, **settings: Any) -> Contract:
    """The contract with some keys of its format replaced."""
    changed = type(contract.format).model_validate({**contract.format.model_dump(), **settings})
    return contract.model_copy(update={"format": changed})


def _as_file(look: Look, body: BodyFile, text: str) -> BodyFile:
    """The whole lines among the first of a text, as a body of their own."""
    path = look.work / "sample.text"
    text = text.removeprefix("\ufeff")
    whole = text if len(text.encode()) < SAMPLE_BYTES // 2 else text[: text.rfind("\n") + 1]
    path.write_text(whole, encoding="utf-8", newline="")
    return BodyFile(body.name, path)


def _tried(look: Look, con: duckdb.DuckDBPyConnection, contract: Contract, body: BodyFile) -> Trial:
    attach_registers(con, contract, look.federation)
    decoded = decode(con, contract, [body], look.work)
    create_checked(con, contract)
    names = contract.names
    broken = {name: ["FALSE"] for name in names}
    for rule in rules_for(contract):
        if rule.kind != "required":
            broken[rule.column].append(checked_violation(rule, contract))
    fits = [f"count({quote_identifier(name)}) FILTER (NOT ({' OR '.join(broken[name])}))" for name in names]
    given = [f"count({quote_identifier(name)})" for name in names]
    counted = con.execute(
        f"SELECT count(*) FILTER (NOT {BROKEN}), {', '.join((*given, *fits))} FROM {CHECKED}"
    ).fetchone()
    good, *numbers = counted or (0,) * (1 + 2 * len(names))
    return Trial(
        rows=decoded.rows,
        malformed=decoded.malformed,
        good=good,
        given=dict(zip(names, numbers[: len(names)], strict=True)),
        fit=dict(zip(names, numbers[len(names) :], strict=True)),
        missing=decoded.missing,
    )
