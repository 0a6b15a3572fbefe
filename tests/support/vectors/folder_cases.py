"""The vectors of folders: paths, modes, parts, digests."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from vectors.vector import Vector, refused

NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
TEXT = b"print('hello')\n"
TWO = bytes(1 << 20) + b"end"


def listed(path: str, content: bytes = TEXT) -> dict[str, Any]:
    return {"path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def row(path: str, content: bytes = TEXT, *, mode: int = 0o644, part: int = 0) -> dict[str, Any]:
    """Zeros are told by their number, so that a vector stays small."""
    zeros = len(content) - len(content.lstrip(b"\0"))
    tail = base64.b64encode(content[zeros:]).decode("ascii")
    return {"path": path, "mode": mode, "part": part, "zeros": zeros, "content": tail}


def two(path: str) -> list[dict[str, Any]]:
    return [row(path, TWO[: 1 << 20], part=0), row(path, TWO[1 << 20 :], part=1)]


def of_files() -> Iterator[Vector]:
    def vector(name: str, about: str, listing: Any, rows: Any, expect: Any, field: str = "") -> Vector:
        expect = refused(expect, "contents") if isinstance(expect, str) else expect
        if field:
            expect = {**expect, "field": field}
        return Vector(name, "files", about, "folder", {"listing": listing, "rows": rows}, NOW, expect)

    whole = {"passes": {"files": 3}}
    listing = [listed("a.py"), listed("docs/空.md", b""), listed("two.bin", TWO)]
    rows = [row("a.py", mode=0o755), row("docs/空.md", b""), *two("two.bin")]
    yield vector(
        "folder-whole", "Three files: one that may run, an empty one, one of two parts.", listing, rows, whole
    )
    yield from _paths(vector)
    for name, mode in {"mode-setuid": 0o4755, "mode-link": 0o120777, "mode-world-writable": 0o666}.items():
        yield vector(
            name, "A mode other than 0644 and 0755.", [listed("a")], [row("a", mode=mode)], "mode-wrong"
        )
    yield from _parts(vector)


def _paths(vector: Any) -> Iterator[Vector]:
    wrong = {
        "path-dotdot": ("docs/../../a", "dots"),
        "path-dot": ("./a", "dots"),
        "path-absolute": ("/etc/passwd", "absolute"),
        "path-empty-name": ("docs//a", "empty"),
        "path-backslash": ("docs\\a", "backslash"),
        "path-drive": ("C:/a", "colon"),
        "path-stream": ("a.txt:hidden", "colon"),
        "path-nul-control-bidi": ("a\u202etxt.py", "unseen"),
        "path-nul-control-bidi.nul": ("a\x00b", "unseen"),
        "path-nul-control-bidi.newline": ("a\nb", "unseen"),
        "path-nul-control-bidi.soft-hyphen": ("RE\u00adADME", "unseen"),
        "path-nul-control-bidi.ignored": (".g\u206bit/config", "unseen"),
        "path-nul-control-bidi.filler": ("a\u3164", "unseen"),
        "path-nul-control-bidi.braille-blank": ("a\u2800", "unseen"),
        "path-nul-control-bidi.tag": ("a\U000e0041", "unseen"),
        "path-nul-control-bidi.variation": ("a\ufe0f", "unseen"),
        "path-nul-control-bidi.hard-blank": ("a\u00a0b", "unseen"),
        "path-nul-control-bidi.unassigned": ("a\u0378", "unseen"),
        "path-nul-control-bidi.private": ("a\ue000", "unseen"),
        "path-edge-blank.leading": (" a", "edge"),
        "path-nfd": ("caf\u0065\u0301", "nfc"),
        "path-edge-dot": ("docs./a", "edge"),
        "path-edge-blank": ("a ", "edge"),
        "path-windows-reserved": ("docs/nul.txt", "windows"),
        "path-windows-reserved.port": ("COM1", "windows"),
        "path-windows-reserved.character": ("what?", "windows"),
        "path-too-long": ("/".join(["a" * 200] * 6), "long"),
        "path-too-long.name": ("山" * 86, "long"),
        "path-too-deep": ("a/" * 32 + "a", "deep"),
    }
    for name, (path, field) in wrong.items():
        yield vector(name, "A path that is not allowed.", [listed(path)], [row(path)], "path-wrong", field)
    deep = "a/" * 31 + "a"
    about = "A path of as many names as one may have."
    yield vector("path-deep", about, [listed(deep)], [row(deep)], {"passes": {"files": 1}})
    together = {
        "path-casefold-duplicate": ("READ.me", "read.ME"),
        "path-casefold-duplicate.folder": ("Docs/a", "docs/b"),
        "path-casefold-duplicate.sharp-s": ("STRASSE", "straße"),
        "path-nfc-nfd-duplicate": ("caf\u00e9", "cafe\u0301"),
        "path-file-and-folder": ("docs", "docs/a"),
    }
    for name, paths in together.items():
        code = "path-wrong" if name == "path-nfc-nfd-duplicate" else "path-twice"
        about = "Two paths that are one file on some system, or a file that is a folder."
        yield vector(name, about, [listed(path) for path in paths], [row(path) for path in paths], code)


def _parts(vector: Any) -> Iterator[Vector]:
    one, both = listed("two.bin", TWO), two("two.bin")
    yield vector("part-missing", "The second of two parts.", [one], both[:1], "part-missing")
    yield vector("part-missing.file", "A whole file.", [listed("a"), one], both, "part-missing")
    yield vector(
        "part-duplicate", "The first part twice.", [one], [both[0], both[0], both[1]], "part-duplicate"
    )
    yield vector("part-reordered", "The second part first.", [one], both[::-1], "part-reordered")
    short = [row("two.bin", bytes(1000)), row("two.bin", TWO[1000:], part=1)]
    yield vector("part-short", "A part that is not full, and not the last.", [one], short, "part-wrong")
    other = [row("a", TEXT.replace(b"hello", b"HELLO"))]
    yield vector(
        "content-digest-wrong", "Other bytes of the same size.", [listed("a")], other, "content-digest-wrong"
    )
    stray = [row("a"), row("b")]
    yield vector(
        "file-not-listed", "A file that nobody promised.", [listed("a")], stray, "path-wrong", "listing"
    )
    huge = [{**listed(f"f{n:04d}"), "size": 1 << 40} for n in range(3)]
    less = [{**listed("a"), "size": -1}]
    yield vector("part-wrong", "A size below nothing, which would lower the sum.", less, [], "part-wrong")
    yield vector("too-many-files", "More bytes than any folder may have.", huge, [], "too-many-files")
    about = "Few files in more folders than a folder may have."
    branches = [listed(f"{n:03d}/" + "a/" * 30 + "a", b"") for n in range(323)]
    yield vector("too-many-files.folders", about, branches, [], "too-many-files", "folders")
