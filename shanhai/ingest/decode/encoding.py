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


def to_utf8(source: Path, target: Path, encoding: str) -> None:
    """Write `source` to `target` in UTF-8 without a byte order mark; undecodable bytes are carried along."""
    decoder = codecs.getincrementaldecoder(encoding)("shanhai.carry")
    first = True
    with source.open("rb") as given, target.open("wb") as taken:
        while True:
            block = given.read(_BLOCK_BYTES)
            text = decoder.decode(block, final=not block)
            if first and text:
                text, first = text.removeprefix("\ufeff"), False
            taken.write(text.encode("utf-8", "surrogatepass"))
            if not block:
                return


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
