"""Which paths a folder that crosses may hold: each the same file on every system, inside the folder."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator

from shanhai.exchange.failures import Refused

MOST_NAME_BYTES = 255
MOST_PATH_BYTES = 1024
MOST_NAMES = 32
"""Of one path, its own and those of the folders above it."""
MOST_FILES = 100_000
MOST_FOLDERS = 10_000
"""Each is made and synced, and a few kilobytes of paths could ask for thousands of them."""

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
            `absolute`, `deep`, `empty`, `dots`, `edge`, `windows`. Never the path, which is content.
    """
    if (rule := _broken(path)) is not None:
        raise Refused("path-wrong", field=rule)


class Beside:
    """Paths beside each other, told one after the other, so that nothing is kept of those after the limit.

    Case does not tell two files or two folders apart, since it does not on some systems, and a file is no
    folder.
    """

    def __init__(self) -> None:
        self._files: set[bytes] = set()
        self._folders: set[bytes] = set()
        self._spelled: set[str] = set()

    def add(self, path: str) -> None:
        """One more path.

        Raises:
            Refused: as `check_path`; `path-twice`; `too-many-files`, its field `files` or `folders`. After
                that no other path may be told.
        """
        check_path(path)
        mark = _mark(path)
        if mark in self._files or mark in self._folders:
            raise Refused("path-twice", field="path")
        if len(self._files) == MOST_FILES:
            raise Refused("too-many-files", field="files")
        self._files.add(mark)
        for folder in _above(path):
            if folder in self._spelled:
                # So are those above it.
                return
            self._add_folder(folder)

    def _add_folder(self, folder: str) -> None:
        mark = _mark(folder)
        if mark in self._files or mark in self._folders:
            raise Refused("path-twice", field="folder")
        if len(self._folders) == MOST_FOLDERS:
            raise Refused("too-many-files", field="folders")
        self._folders.add(mark)
        self._spelled.add(folder)


def _above(path: str) -> Iterator[str]:
    """The folders above a file, the nearest first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _broken(path: str) -> str | None:
    if not _is_plain(path) and (_UNSEEN.search(path) or any(_is_unseen(one) for one in path)):
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
    if path.count("/") >= MOST_NAMES:
        return "deep"
    broken = (_broken_name(name) for name in path.split("/"))
    return next((rule for rule in broken if rule is not None), None)


def _is_plain(path: str) -> bool:
    return path.isascii() and path.isprintable()


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


def _mark(path: str) -> bytes:
    """Equal for paths that some system takes for the same: folded case, and compatible characters as one.

    A digest, since a folded path may be many times as long as the path.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", path).casefold())
    return hashlib.sha256(folded.encode("utf-8")).digest()
