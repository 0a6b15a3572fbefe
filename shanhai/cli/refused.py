"""What the command line knows of something that was refused: which partner or file, and what to do next."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

_CARRY = "cut, or another file than the one that is wanted: carry it again"
_DIFFERS = "do not go on: somebody may sit between. End it, and carry the files another way"


@contextlib.contextmanager
def of_file(file: Path) -> Iterator[None]:
    """Name the file in what is refused of it within the block."""
    from shanhai.exchange.failures import Gap, Refused, Stage

    try:
        yield
    except (Refused, Gap) as error:
        error.given = error.given or str(file)
        if error.stage is Stage.ENVELOPE:
            error.hint = error.hint or _CARRY
        raise


@contextlib.contextmanager
def of_pairing(connection: sqlite3.Connection, name: str) -> Iterator[None]:
    """Name the partner, and where its pairing stands, in what is refused within the block."""
    from shanhai.courier.partners import named
    from shanhai.exchange.failures import Refused

    try:
        yield
    except Refused as error:
        error.given = error.given or f"{name}: {named(connection, name).state.value}"
        if error.code == "pair-fingerprint-mismatch":
            error.hint = error.hint or _DIFFERS
        raise
