"""Delimited text in another encoding or dialect than stated, or with its headings in another line."""

from __future__ import annotations

import codecs
import csv
import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

from shanhai.contracts.encodings import likely_encodings
from shanhai.contracts.model import CsvFormat
from shanhai.contracts.proposals import SetFormat
from shanhai.ingest.decode import BodyFile
from shanhai.ingest.decode.decoded import UNDECODABLE
from shanhai.ingest.drift.look import Look, matched
from shanhai.ingest.drift.trial import Trial, sample_of, with_format
from shanhai.quality.difference import Certainty, Difference, Kind, differs

_DELIMITERS = (",", ";", "\t", "|")
_QUOTES = ('"', "'")
_LINES = 30
"""Lines at the top among which headings are looked for."""
_LONGEST_LINE = 1 << 15
"""Longer ones are no headings: each line is split in a dozen ways."""
_TRIED_CHARACTERS = 1 << 16
_NAMED = {"\t": "TAB", " ": "blank", "": "nothing"}


@dataclass(frozen=True)
class _Reading:
    """One way to read a body."""

    encoding: str
    delimiter: str
    quote: str
    skip_lines: int


def dialect_differences(look: Look, stated: CsvFormat) -> tuple[Difference, ...]:
    """What of encoding, delimiter, quote and place of the headings another reading of a body explains.

    The reading that finds the most headings of the contract wins; without headings, the one under which the
    most rows break no rule. One that explains no more than the stated one is none.
    """
    for body in look.bodies:
        start = look.start(body)
        found = tuple(_by_headings(look, body, stated, start) if stated.header else ()) or tuple(
            _by_values(look, body, stated, start)
        )
        if found:
            return found
    return ()


def encoding_difference(look: Look, encoding: str) -> Difference | None:
    """Another encoding of text that has no dialect: bytes that do not decode as stated, and do otherwise."""
    for body in look.bodies:
        start = look.start(body)
        likely = next(iter(likely_encodings(start)), encoding)
        if _is_mojibake(start, encoding) and likely != encoding:
            return _told("encoding", "encoding", encoding, likely, None, certainty="guess")
    return None


def _by_headings(look: Look, body: BodyFile, stated: CsvFormat, start: bytes) -> Iterator[Difference]:
    best, most, usual = None, 0, _Reading(stated.encoding, stated.delimiter, stated.quote, 0)
    for encoding in dict.fromkeys((stated.encoding, *likely_encodings(start))):
        lines = [line[:_LONGEST_LINE] for line in _text(start, encoding).splitlines()[:_LINES]]
        first = _first_line(lines, stated)
        for reading in _readings(stated, encoding, first, len(lines)):
            count = matched(look, _cells(lines[reading.skip_lines], reading))
            if count > most:
                best, most = reading, count
        usual = replace(usual, skip_lines=first) if encoding == stated.encoding else usual
    if best is None:
        likely = next(iter(likely_encodings(start)), stated.encoding)
        if _is_mojibake(start, stated.encoding):
            yield _told("encoding", "encoding", stated.encoding, likely, None, certainty="guess")
        else:
            yield differs("header_moved", "lost", allowed=str(usual.skip_lines + 1))
    elif best != usual and most >= min(2, len(look.sources)):
        trial = _trial(look, body, stated, best, _text(start, best.encoding))
        yield from _changes(usual, best, trial, stated)


def _readings(stated: CsvFormat, encoding: str, first: int, lines: int) -> Iterator[_Reading]:
    """All readings, those nearest to the stated one first."""
    numbers = sorted(range(lines), key=lambda number: abs(number - first))
    delimiters = dict.fromkeys((stated.delimiter, *_DELIMITERS))
    quotes = dict.fromkeys((stated.quote, *_QUOTES))
    for number, delimiter, quote in itertools.product(numbers, delimiters, quotes):
        yield _Reading(encoding, delimiter, quote, number)


def _by_values(look: Look, body: BodyFile, stated: CsvFormat, start: bytes) -> Iterator[Difference]:
    """Another encoding, if bytes do not decode; another delimiter or quote, if it makes most rows good."""
    encoding = stated.encoding
    if look.is_many(look.staging.malformed.get(UNDECODABLE, 0)):
        encoding = next(iter(likely_encodings(start)), stated.encoding)
    usual = _Reading(stated.encoding, stated.delimiter, stated.quote, stated.skip_lines)
    text = _text(start, encoding)[:_TRIED_CHARACTERS]
    delimiters = (stated.delimiter,) if stated.header else (stated.delimiter, *_DELIMITERS)
    readings = [
        replace(usual, encoding=encoding, delimiter=delimiter, quote=quote)
        for delimiter, quote in itertools.product(dict.fromkeys(delimiters), (stated.quote, *_QUOTES))
        if delimiter in text and (quote == stated.quote or quote in text)
    ]
    tried = [(reading, _trial(look, body, stated, reading, text)) for reading in dict.fromkeys(readings)]
    ranked = sorted(tried, key=lambda pair: -(pair[1].good if pair[1] else 0))
    if not ranked or ranked[0][0] == usual:
        return
    best, trial = ranked[0]
    if trial is not None and trial.good * 2 > trial.rows:
        yield from _changes(usual, best, trial, stated)


def _trial(look: Look, body: BodyFile, stated: CsvFormat, reading: _Reading, text: str) -> Trial | None:
    settings = asdict(reading)
    if stated.escape == stated.quote:
        settings["escape"] = reading.quote
    if stated.header is False:
        settings["skip_lines"] = stated.skip_lines
    return sample_of(look, body, with_format(look.contract, **settings), text)


def _changes(usual: _Reading, best: _Reading, trial: Trial | None, stated: CsvFormat) -> Iterator[Difference]:
    kinds: dict[str, Kind] = {
        "encoding": "encoding",
        "delimiter": "delimiter",
        "quote": "quote",
        "skip_lines": "header_moved",
    }
    for key, kind in kinds.items():
        was, is_now = getattr(usual, key), getattr(best, key)
        if was != is_now:
            yield _told(kind, key, was, is_now, trial)


def _told(
    kind: Kind,
    key: str,
    was: str | int,
    is_now: str | int,
    trial: Trial | None,
    certainty: Certainty = "seen",
) -> Difference:
    return differs(
        kind,
        given=_named(is_now),
        allowed=_named(was),
        rows=trial.good if trial else None,
        of_rows=trial.rows if trial else None,
        certainty=certainty,
        proposal=SetFormat(settings={key: is_now}),
    )


def _named(value: str | int) -> str:
    if isinstance(value, int):
        return str(value + 1)
    return _NAMED.get(value, value)


def _first_line(lines: list[str], stated: CsvFormat) -> int:
    """Where the headings stand by the contract: the first line not skipped, empty or a remark."""
    for number in range(stated.skip_lines, len(lines)):
        line = lines[number]
        if line and not (stated.comment and line.startswith(stated.comment)):
            return number
    return stated.skip_lines


def _cells(line: str, reading: _Reading) -> list[str]:
    if len(reading.delimiter) != 1:
        return line.split(reading.delimiter)
    try:
        if not reading.quote:
            return next(csv.reader([line], delimiter=reading.delimiter, quoting=csv.QUOTE_NONE), [])
        return next(csv.reader([line], delimiter=reading.delimiter, quotechar=reading.quote), [])
    except csv.Error:
        return []


def _is_mojibake(start: bytes, encoding: str) -> bool:
    """Whether bytes do not decode as stated."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(start)
    except (LookupError, UnicodeError):
        return True
    return False


def _text(start: bytes, encoding: str) -> str:
    # A character may be cut off at the end: an incremental decoder leaves it out.
    try:
        return codecs.getincrementaldecoder(encoding)("replace").decode(start).removeprefix("\ufeff")
    except (LookupError, UnicodeError):
        return ""
