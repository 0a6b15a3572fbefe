"""What a page says, as far as paging needs it: values at dotted paths of a JSON document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from shanhai.errors import SourceError

ABSENT = object()
"""Stands where a document has nothing."""


def parsed(content: bytes, where: str) -> Any:
    """The document.

    Raises:
        SourceError: it is no JSON, or not all of it.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        # Not chained: the decoder's error holds the document.
        raise SourceError(f"{where} does not answer with JSON", given=f"{len(content)} bytes") from None


def at(document: Any, path: str) -> Any:
    """The value at a dotted path; a number in it is an index into a list. `ABSENT` if there is none."""
    value = document
    for part in path.split(".") if path else ():
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return ABSENT
    return value


def records_at(document: Any, path: str, where: str) -> list[Any]:
    """The list of records at a path.

    Raises:
        SourceError: there is none.
    """
    records = at(document, path)
    if not isinstance(records, list):
        raise unlike(where, path or "the document", records, "a list of records")
    return records


def integer_at(document: Any, path: str, where: str) -> int:
    """The whole number at a path; some systems send it as text.

    Raises:
        SourceError: there is none.
    """
    value = at(document, path)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise unlike(where, path, value, "a whole number")
    return value


def flag_at(document: Any, path: str, where: str) -> bool:
    """The boolean at a path.

    Raises:
        SourceError: there is none.
    """
    value = at(document, path)
    if not isinstance(value, bool):
        raise unlike(where, path, value, "true or false")
    return value


def cursor_at(document: Any, path: str, where: str) -> str | None:
    """The cursor at a path; None where it is null, empty or left out.

    Raises:
        SourceError: it is no text or number, or what surrounds it is not there.
    """
    cursor = at(document, path)
    if cursor is ABSENT and not isinstance(at(document, path.rpartition(".")[0]), dict):
        # Its last name may be left out on the last page; what surrounds it may not, or a typing error
        # in the options would pass for a source with one page.
        raise unlike(where, path, cursor, "a cursor, or null on the last page")
    if cursor is ABSENT or cursor is None or cursor is False or cursor == "":
        return None
    if isinstance(cursor, (dict, list, bool)):
        raise unlike(where, path, cursor, "a text or a number")
    return str(cursor)


def key_at(record: Any, path: str, where: str) -> str:
    """What a record is known by.

    Raises:
        SourceError: it is no text or number.
    """
    key = at(record, path)
    if not isinstance(key, (str, int, float)) or isinstance(key, bool) or key == "":
        raise unlike(where, f"{path} of a record", key, "a text or a number")
    return str(key)


def check_expected(document: Any, expected: Mapping[str, str | int | bool], where: str) -> None:
    """Return if the document has all the values that it should.

    Raises:
        SourceError: it has not: an error of a system that answers all with status 200.
    """
    for path, value in expected.items():
        found = at(document, path)
        if found != value or isinstance(found, bool) != isinstance(value, bool):
            given = str(found) if isinstance(found, (bool, int)) else type(found).__name__
            raise SourceError(
                f"{where} answers with an error",
                given="nothing" if found is ABSENT else given,
                allowed=f"{value} at {path}",
            )


def unlike(where: str, path: str, value: object, allowed: str) -> SourceError:
    """The error for a document that has something else at a path; of the value only its type is told."""
    given = "nothing" if value is ABSENT else type(value).__name__
    return SourceError(f"{where} has something else at {path}", given=given, allowed=allowed)
