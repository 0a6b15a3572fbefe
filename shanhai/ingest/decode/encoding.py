"""Text of any stated encoding becomes UTF-8, streaming; bytes that do not decode stay visible.

An undecodable byte travels as the lone surrogate U+DC00 + byte. That is no valid UTF-8, so no parser takes it
for text: the line is found malformed, and `readable` shows the byte as it was.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from shanhai.contracts.model import Contract
from shanhai.errors import ContractError, UnreadableError

UTF8_MARK = codecs.BOM_UTF8
_BLOCK_BYTES = 1 << 20
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
_LONGEST_MARK = 4
_SURELY_UTF8 = 8  # characters of several bytes, all valid: text of another encoding has no such luck
_CARRIED = re.compile("[\udc00-\udcff]")


def _carry(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in wrong), error.end


codecs.register_error("shanhai.carry", _carry)


def is_utf8(contract: Contract) -> bool:
    """Whether the contract's bodies are UTF-8 already, with or without a byte order mark.

    Raises:
        ContractError: no such encoding.
    """
    name = getattr(contract.format, "encoding", "utf-8")
    try:
        "".encode(name)
        return codecs.lookup(name).name in ("utf-8", "utf-8-sig")
    except LookupError as error:
        raise ContractError(
            "no such encoding",
            file=str(contract.path),
            given=name,
            allowed="utf-8, gb18030, utf-16, latin-1 and the other encodings of Python",
        ) from error


def check_stated(path: Path, encoding: str, body: str) -> None:
    """Check that a body does not begin with the mark of another encoding than the stated one.

    Raises:
        UnreadableError: it does; what came out would be mojibake.
    """
    with path.open("rb") as stream:
        start = stream.read(_LONGEST_MARK)
    name = codecs.lookup(encoding).name
    found = next((family for mark, family in _MARKS if start.startswith(mark)), None)
    if found is not None and name not in (found, found.rpartition("-")[0]):
        raise _other_encoding(body, found, encoding)


def to_utf8(source: Path, target: Path, encoding: str, body: str) -> None:
    """Write `source` to `target` in UTF-8 without a byte order mark; undecodable bytes are carried along.

    Raises:
        UnreadableError: the body is plainly UTF-8, or the codec can do nothing with it.
    """
    decoder = codecs.getincrementaldecoder(encoding)("shanhai.carry")
    witness = _Utf8Witness()
    first = True
    with source.open("rb") as given, target.open("wb") as taken:
        while True:
            block = given.read(_BLOCK_BYTES)
            text = decoder.decode(block, final=not block)
            witness.see(block)
            if first and text:
                text, first = text.removeprefix("\ufeff"), False
            taken.write(text.encode("utf-8", "surrogatepass"))
            if not block:
                break
    if witness.is_utf8:
        raise _other_encoding(body, "utf-8", encoding)


class _Utf8Witness:
    """Whether bytes are valid UTF-8 throughout, with enough characters beyond ASCII to be sure."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._is_valid = True
        self._beyond_ascii = 0

    def see(self, block: bytes) -> None:
        """Look at the next bytes; none: the last ones were the end."""
        if not self._is_valid:
            return
        try:
            text = self._decoder.decode(block, final=not block)
        except UnicodeDecodeError:
            self._is_valid = False
            return
        if self._beyond_ascii < _SURELY_UTF8 and not text.isascii():
            self._beyond_ascii += sum(not character.isascii() for character in text)

    @property
    def is_utf8(self) -> bool:
        return self._is_valid and self._beyond_ascii >= _SURELY_UTF8


def _other_encoding(body: str, found: str, stated: str) -> UnreadableError:
    return UnreadableError(
        f"{body}: text in another encoding",
        given=found,
        allowed=stated,
        hint="state the encoding that the source uses in the contract",
    )


def check_decodable(path: Path, encoding: str, body: str) -> None:
    """Check that a body in UTF-8 is valid throughout, for formats without lines to blame.

    Raises:
        UnreadableError: it is not.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    done = 0
    with path.open("rb") as stream:
        while True:
            block = stream.read(_BLOCK_BYTES)
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                raise UnreadableError(
                    f"{body}: bytes that are not {encoding}",
                    given=f"near byte {done + error.start}",
                    allowed=encoding,
                    hint="state the encoding that the source uses in the contract",
                ) from None
            if not block:
                return
            done += len(block)


def readable(line: bytes) -> str:
    r"""A line for people: carried and invalid bytes written as \xNN."""
    try:
        text = line.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return line.decode("utf-8", "backslashreplace")
    text = _CARRIED.sub(lambda match: f"\\x{ord(match.group()) - 0xDC00:02x}", text)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
