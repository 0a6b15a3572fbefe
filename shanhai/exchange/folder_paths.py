"""Which paths a folder that crosses may hold: each the same file on every system, inside the folder."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from shanhai.exchange.failures import Refused

MOST_NAME_BYTES = 255
MOST_PATH_BYTES = 1024

_UNSEEN = re.compile(
    # Beside the categories below: what Unicode calls default ignorable, and the empty braille pattern.
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_WINDOWS_CHARACTERS = re.compile('[<>"|?*]')
_WINDOWS_NAMES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])[ ]*(\..*)?", re.IGNORECASE)


def check_path(path: str) -> None:
    """One path by itself: relative, in NFC, parted by `/`.

    Raises:
        Refused: `path-wrong`; its field names the rule: `unseen`, `nfc`, `long`, `backslash`, `colon`,
            `absolute`, `empty`, `dots`, `edge`, `windows`. Never the path, which is content.
    """
    if (rule := _broken(path)) is not None:
        raise Refused("path-wrong", field=rule)


def check_together(paths: Iterable[str]) -> None:
    """Paths beside each other, each of which passed `check_path`.

    Case does not tell two files or two folders apart, since it does not on some systems, and a file is no
    folder.

    Raises:
        Refused: `path-twice`.
    """
    files: set[str] = set()
    folders: dict[str, str] = {}
    for path in paths:
        folded = _folded(path)
        if folded in files:
            raise Refused("path-twice", field="case" if path not in files else "path")
        files.add(folded)
        names = path.split("/")
        for depth in range(1, len(names)):
            folder = "/".join(names[:depth])
            if folders.setdefault(_folded(folder), folder) != folder:
                raise Refused("path-twice", field="case")
    if files & set(folders):
        raise Refused("path-twice", field="folder")


def _broken(path: str) -> str | None:
    if _UNSEEN.search(path) or any(_is_unseen(one) for one in path):
        return "unseen"
    if not unicodedata.is_normalized("NFC", path):
        return "nfc"
    if len(path.encode("utf-8")) > MOST_PATH_BYTES:
        return "long"
    if "\\" in path:
        return "backslash"
    if ":" in path:
        return "colon"
    if path.startswith("/"):
        return "absolute"
    broken = (_broken_name(name) for name in path.split("/"))
    return next((rule for rule in broken if rule is not None), None)


def _is_unseen(character: str) -> bool:
    """Controls, formats, private and unassigned characters, and every blank but the blank."""
    return character != " " and unicodedata.category(character)[0] in "CZ"


def _broken_name(name: str) -> str | None:
    if not name:
        return "empty"
    if name in (".", ".."):
        return "dots"
    if len(name.encode("utf-8")) > MOST_NAME_BYTES:
        return "long"
    if name[-1] in ". " or name[0] == " ":
        return "edge"
    if _WINDOWS_CHARACTERS.search(name) or _WINDOWS_NAMES.fullmatch(name):
        return "windows"
    return None


def _folded(path: str) -> str:
    """Equal for paths that some system takes for the same: folded case, and compatible characters as one."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", path).casefold())
