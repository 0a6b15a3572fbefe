"""Which bodies of a source a sample is made of, what they are, and what is said of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shanhai.contracts.encodings import likely_encodings
from shanhai.contracts.formats import Format
from shanhai.errors import UnreadableError, as_typed
from shanhai.ingest.decode import BodyFile
from shanhai.ingest.infer.no_table import ALLOWED, NoTableError
from shanhai.ingest.infer.people import is_of_people
from shanhai.ingest.infer.recognise import Recognised, recognise

Tell = Callable[[str, int, int], None]
_PROGRESS = "bodies looked at"
_HARMLESS = {"quote", "escape", "ends"}
"""Settings that may be others; by any other, values would be taken for headings, or nothing be found."""
_LOOK_BYTES = 1 << 20


@dataclass(frozen=True)
class Bodies:
    """Bodies that are read alike.

    Attributes:
        told: what most of them are.
        readable: those that are read, each with what it is by itself.
        notes: of each that is left out or looks otherwise, a line that names it.
    """

    told: Recognised
    readable: tuple[tuple[BodyFile, Recognised], ...]
    notes: tuple[str, ...]


def look_at(bodies: Sequence[BodyFile], work: Path, tell: Tell) -> Bodies:
    """Tell what bodies are.

    Raises:
        UnreadableError: none of them is anything that a contract can state, or most are other things.
    """
    found: list[tuple[BodyFile, Recognised]] = []
    notes: list[str] = []
    refused: UnreadableError | None = None
    no_tables = 0
    for number, body in enumerate(bodies):
        tell(_PROGRESS, number, len(bodies))
        folder = work / f"looked-at-{number}"
        folder.mkdir()
        try:
            found.append((body, recognise(body, folder)))
        except UnreadableError as error:
            refused = refused or error
            no_tables += isinstance(error, NoTableError)
            notes.append(not_read(body, error))
    tell(_PROGRESS, len(bodies), len(bodies))
    if refused is not None and not found:
        raise refused
    if no_tables > len(found):
        raise NoTableError(
            "most of what lies there is no table",
            given=f"{no_tables:,} of {len(bodies):,} that were looked at; {'; '.join(notes)}",
            allowed=ALLOWED,
            hint="name the tables among them by a glob in quotes: 'folder/*.csv'",
        )
    told = _commonest([one for _, one in found])
    readable = []
    for body, one in found:
        unlike = _unlike(one, told)
        is_readable = unlike.keys() <= _HARMLESS
        if is_readable:
            readable.append((body, one))
        if unlike:
            listed = ", ".join(_shown(key, value) for key, value in unlike.items())
            treated = "read as most are, though" if is_readable else "not read, since"
            notes.append(f"{as_typed(body.name)}: {treated} by itself it looks like {listed}")
    return Bodies(told, tuple(readable), tuple(notes))


def _shown(key: str, value: object) -> str:
    """A setting for a note; a key or a sheet that is called as a person is not told."""
    return f"{key} of another name" if is_of_people(str(value)) else f"{key} {value!r}"


def not_read(body: BodyFile, error: UnreadableError) -> str:
    """The note of a body that is left out, with its name as a terminal may show it."""
    what = error.message.removeprefix(f"{body.name}: ")
    return f"{as_typed(body.name)}: {what}, not read: {error.given}"


def _commonest(found: Sequence[Recognised]) -> Recognised:
    """What most bodies are; text that is nothing but ASCII does not speak for an encoding."""
    telling = [one for one in found if not one.is_ascii] or found
    count = Counter(one.format.model_dump_json() for one in telling)
    return next(one for one in telling if one.format.model_dump_json() == count.most_common(1)[0][0])


def _unlike(one: Recognised, told: Recognised) -> dict[str, object]:
    """The settings of a format that are others than those of most bodies."""
    own, others = _settings(one.format), _settings(told.format)
    if own["kind"] != others["kind"]:
        return {"kind": own["kind"]}
    encoding = others.get("encoding")
    if own.get("encoding") != encoding and (one.is_ascii or encoding in _encodings(one)):
        own["encoding"] = encoding
    return {key: value for key, value in own.items() if value != others.get(key)}


def _encodings(one: Recognised) -> tuple[str, ...]:
    with one.plain.open("rb") as stream:
        return likely_encodings(stream.read(_LOOK_BYTES))


def _settings(stated: Format) -> dict[str, object]:
    return stated.model_dump(exclude={"compression", "member"})
