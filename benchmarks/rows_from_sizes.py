"""How well one without keys guesses the rows of a sealed file from the lengths that stay in the clear.

Run: `python -m benchmarks.rows_from_sizes`. Tables are generated, sealed as a release seals them, and looked
at as a relay sees them: the length before each module, and the size of the file.

Two guesses. One needs to know only which software wrote the file, which closes a page after 20,000 rows: runs
of pages of about one length are full, what follows them is the rest. The other needs one sealed file of the
same table whose rows are known, and takes the ratio of the sizes.
"""

from __future__ import annotations

import hashlib
import io
import secrets
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from shanhai.exchange.parquet.encrypt import encrypt
from shanhai.exchange.parquet.kms import KeyHolder
from shanhai.exchange.parquet.outline import module_length, outline
from shanhai.exchange.parquet.profile import column_key_id, footer_key_id
from shanhai.exchange.secret import Secret

PAGE_ROWS = 20_000
"""Of pyarrow's writer, unless it is told otherwise."""
SIZES = (1_000, 5_000, 19_000, 25_000, 61_234, 99_999, 150_000, 250_001, 400_000)
KNOWN = 50_000
_ALIKE = 0.1
_AGREES = 0.02
_LEAST = 1_024
"""Shorter modules are taken for headers and indexes."""


class _Kept(io.BytesIO):
    def close(self) -> None:
        """Its bytes are wanted later."""


@dataclass(frozen=True)
class Seen:
    """What a relay sees of a file: its size and the lengths of its modules, in their order."""

    size: int
    modules: tuple[int, ...]


def seen(table: Any) -> Seen:
    """Seal a table of one row group, and look at it without keys."""
    set_id, kept = secrets.token_hex(16), _Kept()
    ids = [footer_key_id(set_id), *(column_key_id(set_id, number) for number in range(table.num_columns))]
    keys = KeyHolder({key_id: Secret.random() for key_id in ids})
    encrypt(table.to_reader(max_chunksize=8_192), lambda: kept, set_id=set_id, keys=keys)
    size = len(kept.getvalue())
    whole = outline(kept, size)
    lengths, at = [], 4
    while at < whole.modules_end:
        lengths.append(module_length(kept, at, whole.modules_end))
        at += lengths[-1]
    return Seen(size, tuple(lengths))


def guesses(lengths: Sequence[int]) -> Iterator[float]:
    """One guess for each run of at least two pages of about one length."""
    pages = [length for length in lengths if length >= _LEAST]
    at = 0
    while at < len(pages):
        end = at + 1
        while end < len(pages) and abs(pages[end] - pages[at]) <= _ALIKE * pages[at]:
            end += 1
        if end - at >= 2:
            mean = statistics.mean(pages[at:end])
            rest = pages[end] / mean if end < len(pages) and pages[end] < mean else 0.0
            yield PAGE_ROWS * (end - at + rest)
        at = end


def by_pages(file: Seen) -> float | None:
    """The guess that most others agree with; None: no column has two full pages."""
    found = [guess for guess in guesses(file.modules) if guess > PAGE_ROWS]
    if not found:
        return None
    return max(found, key=lambda one: sum(abs(other - one) <= _AGREES * one for other in found))


def generated(rows: int, seed: int) -> Any:
    """A table like a county's: codes, a status, an amount, a moment, a pseudonym, a text in Chinese."""
    import numpy as np
    import pyarrow as pa

    random = np.random.default_rng(seed)
    people = random.integers(0, rows, rows)
    words = random.integers(0x4E00, 0x4E00 + 2_000, (rows, 40))
    ends = random.integers(5, 40, rows)
    return pa.table(
        {
            "area": [str(330800 + int(code)) for code in random.integers(1, 14, rows)],
            "status": random.choice(["open", "closed", "withdrawn"], rows, p=[0.2, 0.7, 0.1]).tolist(),
            "amount": np.round(random.lognormal(4, 1, rows), 2),
            "at": np.datetime64("2026-01-01") + np.sort(random.integers(0, 31_536_000, rows)),
            "who": [hashlib.sha256(str(one).encode()).hexdigest() for one in people],
            "text": ["".join(map(chr, line[:end])) for line, end in zip(words, ends, strict=True)],
        }
    )


@dataclass(frozen=True)
class Guessed:
    """The rows of a file, and what was guessed of them; None where there was no guess."""

    rows: int
    by_pages: float | None
    by_size: float


def guessed(sizes: Sequence[int], known_rows: int) -> Iterator[Guessed]:
    """Generate, seal and guess one file of each size, knowing another of `known_rows`."""
    known = seen(generated(known_rows, 0))
    for seed, rows in enumerate(sizes, start=1):
        file = seen(generated(rows, seed))
        yield Guessed(rows, by_pages(file), known_rows * file.size / known.size)


def line(one: Guessed) -> str:
    """For people: rows, and each guess with how far it is off."""
    cells = []
    for guess in (one.by_pages, one.by_size):
        cells += ["–", "–"] if guess is None else [f"{guess:,.0f}", f"{guess / one.rows - 1:+.1%}"]
    return f"{one.rows:>9,} {cells[0]:>9} {cells[1]:>7} {cells[2]:>9} {cells[3]:>7}"


def main() -> None:
    print(f"{'rows':>9} {'by pages':>9} {'off':>7} {'by size':>9} {'off':>7}")
    for one in guessed(SIZES, KNOWN):
        print(line(one))


if __name__ == "__main__":
    main()
