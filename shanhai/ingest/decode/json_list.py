"""Where the list of records lies in a JSON document: found by scanning, without holding the document.

Only the brackets and the keys on the way are understood here; the records are parsed, and wrong ones found,
by the reader that gets the list.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import BinaryIO, NoReturn

from shanhai.errors import UnreadableError
from shanhai.ingest.decode.encoding import UTF8_MARK
from shanhai.ingest.decode.headings import shown

DEEPEST = 512
"""How many brackets may be open at once: more than any data has, less than any reader of JSON bears."""

_BLOCK_BYTES = 1 << 20
_NEARER_BYTES = (1 << 15, 1 << 10)
_KEYS_SHOWN = 20
_QUICK_ROUNDS = 16  # of striking out pairs, each of which goes through all brackets
_LAYERS_OF_A_ROUND = 2  # objects go before lists, so a list around objects goes with them
# Python before 3.11.5 matches wrongly where a group is repeated possessively; atomic groups are right in all.
_STRING = rb'"[^"\\]*+(?>(?:\\.[^"\\]*+)*)"'
_TOKEN = re.compile(rb"\s*+(?:(" + _STRING + rb")|([\[\]{}:,])|([^\s\[\]{}:,\"]+))", re.DOTALL)
_WHOLE_STRINGS = re.compile(rb'(?>(?:[^"]++|' + _STRING + rb")*)", re.DOTALL)
_STRINGS = re.compile(_STRING, re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_OPENING, _CLOSING = b"[{", b"]}"


def find_list(path: Path, keys: tuple[str, ...], body: str, longest: int) -> tuple[int, int]:
    """The first and the last-plus-one byte of the list under `keys` (empty: the document itself).

    Args:
        longest: bytes that one text or number may have.

    Raises:
        UnreadableError: no JSON, cut off, nested too deeply, no such key, or no list there.
    """
    with path.open("rb") as stream:
        return _Scanner(stream, body, longest).find(keys)


def find_members(path: Path, wanted: tuple[str, ...], body: str, longest: int) -> dict[str, tuple[int, int]]:
    """The first and the last-plus-one byte of values in the object that a document is, by key.

    Args:
        wanted: keys to look for.
        longest: bytes that one text or number may have.

    Raises:
        UnreadableError: no JSON, no object, cut off, nested too deeply, or a wanted key stands twice.
    """
    with path.open("rb") as stream:
        return _Scanner(stream, body, longest).members(wanted)


class _Scanner:
    def __init__(self, stream: BinaryIO, body: str, longest: int) -> None:
        self._stream = stream
        self._body = body
        self._longest = longest
        self._ended = False
        self._buffer = b""
        self._position = 0
        self._before = 0  # bytes of the document before the buffer
        self._more()
        if self._buffer.startswith(UTF8_MARK):
            self._position = len(UTF8_MARK)

    def find(self, keys: tuple[str, ...]) -> tuple[int, int]:
        for depth, key in enumerate(keys):
            self._enter(key, ".".join(keys[:depth]) or "the document")
        token = self._token()
        if token != b"[":
            where = ".".join(keys) or "the top"
            self._refuse("no list of records", given=_kind(token), allowed=f"a list at {where}")
        start = self._before + self._position - 1
        self._skip_rest(1)
        end = self._before + self._position
        if keys:
            self._skip_rest(len(keys))
        if not self._at_end():
            self._refuse("something follows the JSON document", given=_kind(self._token()), allowed="nothing")
        return start, end

    def members(self, wanted: tuple[str, ...]) -> dict[str, tuple[int, int]]:
        token = self._token()
        if token != b"{":
            self._refuse("no object", given=_kind(token), allowed="an object")
        found: dict[str, tuple[int, int]] = {}
        while (token := self._token()) != b"}":
            if token == b",":
                continue
            key = self._key(token)
            first = self._token()
            start = self._before + self._position - len(first)
            self._skip_value(first)
            if key in found:
                self._refuse(f"the key {key} stands twice", allowed="each key once")
            if key in wanted:
                found[key] = start, self._before + self._position
        if not self._at_end():
            self._refuse("something follows the JSON document", given=_kind(self._token()), allowed="nothing")
        return found

    def _key(self, token: bytes) -> str:
        key = _text(token)
        if key is None or self._token() != b":":
            self._broken(f"{_kind(token)} where a key is expected")
        return key

    def _enter(self, wanted: str, where: str) -> None:
        """Go to the value of a key of the object that begins here."""
        token = self._token()
        if token != b"{":
            self._refuse("no object", given=f"{_kind(token)} at {where}", allowed=f"an object with {wanted}")
        seen: list[str] = []
        while True:
            token = self._token()
            if token == b"}":
                keys = ", ".join(shown(key, number) for number, key in enumerate(seen[:_KEYS_SHOWN], start=1))
                self._refuse(f"the key {wanted} is missing", given=keys, allowed=wanted)
            if token == b",":
                continue
            key = self._key(token)
            if key == wanted:
                return
            seen.append(key)
            self._skip_value(self._token())

    def _skip_value(self, token: bytes) -> None:
        """Go behind the value that begins with `token`."""
        if token in (b"[", b"{"):
            self._skip_rest(1)
        elif token in (b"]", b"}", b",", b":"):
            self._broken(f"{_kind(token)} where a value is expected")

    def _skip_rest(self, depth: int) -> None:
        """Go behind the bracket that closes the `depth`-th of the open ones."""
        while True:
            depth, is_near = self._skip_pieces(depth, len(self._buffer))
            if is_near:
                break
            if not self._more():
                self._cut_off()
        for size in _NEARER_BYTES:
            depth, _ = self._skip_pieces(depth, size)
        while depth:
            token = self._token()
            depth += (token in (b"[", b"{")) - (token in (b"]", b"}"))
            if depth > DEEPEST:
                self._too_deep()

    def _skip_pieces(self, depth: int, size: int) -> tuple[int, bool]:
        """Skip pieces of `size` bytes up to the one with the closing bracket, or to the end of the buffer.

        A piece is judged by its brackets alone: without texts and with pairs struck out, what is left closes
        and then opens.

        Returns:
            the depth, and whether the bracket is in the next piece.
        """
        while found := _WHOLE_STRINGS.match(self._buffer, self._position, self._position + size):
            left, most = _unpaired(_STRINGS.sub(b"", found.group()).translate(None, _NO_BRACKETS), depth)
            closing = len(left) - len(left.lstrip(_CLOSING))
            if closing >= depth:
                return depth, True
            if left[closing:].strip(_OPENING):
                self._broken("brackets that do not match")
            if most > DEEPEST:
                self._too_deep()
            if found.end() == self._position:
                break
            depth += len(left) - 2 * closing
            self._position = found.end()
        return depth, False

    def _token(self) -> bytes:
        while True:
            found = _TOKEN.match(self._buffer, self._position)
            # A number at the end of the buffer may go on in the next block.
            if found and (found.end() < len(self._buffer) or not found.group(3) or self._ended):
                self._position = found.end()
                return found.group().lstrip()
            if self._ended:
                self._cut_off()
            self._more()

    def _at_end(self) -> bool:
        while not self._buffer[self._position :].strip():
            self._position = len(self._buffer)
            if not self._more():
                return True
        return False

    def _more(self) -> bool:
        """Read on, forgetting what lies before the position; False: the document has ended."""
        self._before += self._position
        self._buffer = self._buffer[self._position :]
        self._position = 0
        if len(self._buffer) > self._longest:
            self._refuse("a text or number is too long", given=f"more than {self._longest} bytes")
        block = self._stream.read(max(_BLOCK_BYTES, len(self._buffer)))
        self._ended = not block
        self._buffer += block
        return bool(block)

    def _cut_off(self) -> NoReturn:
        nothing = self._before == 0 and not self._buffer.strip()
        if nothing:
            self._refuse("empty", allowed="a JSON document", hint="pull it again")
        self._refuse("the JSON document is cut off", given="brackets left open", hint="pull it again")

    def _too_deep(self) -> NoReturn:
        where = self._before + self._position
        self._refuse(
            "values are nested too deeply",
            given=f"more than {DEEPEST} brackets open, after byte {where}",
            allowed=f"{DEEPEST} brackets",
            hint="ask the source what the value is meant to be",
        )

    def _broken(self, given: str) -> NoReturn:
        where = self._before + self._position
        self._refuse("not JSON", given=f"{given}, near byte {where}", allowed="valid JSON")

    def _refuse(self, message: str, *, given: str = "", allowed: str = "", hint: str = "") -> NoReturn:
        raise UnreadableError(
            f"{self._body}: {message}", given=given or None, allowed=allowed or None, hint=hint
        )


def is_too_deep(text: bytes) -> bool:
    """Whether one JSON value is nested deeper than `DEEPEST`; of what is no JSON, either."""
    if len(text) <= 2 * DEEPEST:
        return False
    return _unpaired(_STRINGS.sub(b"", text).translate(None, _NO_BRACKETS), 0)[1] > DEEPEST


def _unpaired(brackets: bytes, depth: int) -> tuple[bytes, int]:
    """Brackets without their pairs, and how many are open at once.

    Args:
        depth: how many are open before.

    Returns:
        what is left, and the number; where it is no more than `DEEPEST`, that.
    """
    pairs = brackets
    for rounds in range(_QUICK_ROUNDS):
        fewer = pairs.replace(b"{}", b"").replace(b"[]", b"")
        if len(fewer) == len(pairs):
            if depth + len(pairs.lstrip(_CLOSING)) + _LAYERS_OF_A_ROUND * rounds > DEEPEST:
                break
            return pairs, DEEPEST
        pairs = fewer
    return _unpaired_one_by_one(brackets, depth)


def _unpaired_one_by_one(brackets: bytes, depth: int) -> tuple[bytes, int]:
    """The same in one pass, which costs as much however deep they are."""
    closed, opened, most = bytearray(), bytearray(), depth
    for bracket in brackets:
        if bracket in _OPENING:
            opened.append(bracket)
            most = max(most, depth - len(closed) + len(opened))
        elif not opened:
            closed.append(bracket)
        elif (
            bracket - opened.pop() != 2
        ):  # of both kinds the code that closes is two after the one that opens
            return b"[}", most
    return bytes(closed + opened), most


def _text(token: bytes) -> str | None:
    """The text of a string token; escapes matter only where a key is written with them."""
    if not token.startswith(b'"'):
        return None
    try:
        return str(json.loads(token))
    except ValueError:
        return None


def _kind(token: bytes) -> str:
    """What a token is, without showing a value."""
    match token[:1]:
        case b"{":
            return "an object"
        case b"[":
            return "a list"
        case b'"':
            return "a text"
        case b"]" | b"}" | b":" | b",":
            return f"'{token.decode()}'"
        case _:
            return "a number" if token[:1].isdigit() or token[:1] == b"-" else "a word"
