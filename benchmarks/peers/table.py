"""The table of one size, for a terminal and for the page."""

from __future__ import annotations

from benchmarks.peers.book import CHECK, VALIDATE, WITH_SNAPSHOT, Size
from benchmarks.peers.catalogue import LIMIT, SHANHAI, SUBJECTS
from benchmarks.peers.figures import Figures, times_as_fast

_HEAD = ("", "n", "rows/s", "seconds", "spread", "of the limit", "Shanhai is", "CPU s", "memory")


def table(size: Size) -> str:
    """Columns of even width, for a terminal."""
    lines = [_HEAD, *rows_of(size), *alone_of(size)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(_HEAD))]
    body = "\n".join(
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )
    notes = [f"{name}: {why}" for name, why in {**size.left_out, **size.wrong}.items()]
    title = f"{size.rows:,} rows, {size.bytes / 1e9:.2f} GB, {size.measured}"
    return "\n".join([title, body, *notes])


def markdown(size: Size) -> str:
    """The same for the page."""
    lines = [_HEAD, ("---", *["---:"] * (len(_HEAD) - 1)), *rows_of(size), *alone_of(size)]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)


def rows_of(size: Size) -> list[tuple[str, ...]]:
    """One line for each subject; one that was not measured tells so."""
    lines = []
    for subject in SUBJECTS:
        if subject.name in size.figures:
            lines.append(_line(subject.title, size.figures[subject.name], size))
        elif subject.name in size.left_out:
            lines.append((subject.title, "0", "not measured", *[""] * (len(_HEAD) - 3)))
        if subject.name == SHANHAI and WITH_SNAPSHOT in size.figures:
            one = size.figures[WITH_SNAPSHOT]
            lines.append(_line("Shanhai, the snapshot taken too", one, size, against=one))
    return lines


def alone_of(size: Size) -> list[tuple[str, ...]]:
    """Validation alone, where both were measured."""
    if not {CHECK, VALIDATE} <= size.figures.keys():
        return []
    ours, theirs = size.figures[CHECK], size.figures[VALIDATE]
    return [
        _line("validation alone: Shanhai's check", ours, size, against=ours),
        _line("validation alone: GX over the frame", theirs, size, against=ours),
    ]


def _line(title: str, one: Figures, size: Size, *, against: Figures | None = None) -> tuple[str, ...]:
    limit, ours = size.figures.get(LIMIT), against or size.figures.get(SHANHAI)
    return (
        title,
        str(one.runs),
        f"{one.rate(size.rows):,.0f}",
        f"{one.seconds:.2f}",
        f"{one.fastest:.2f}–{one.slowest:.2f}",
        f"{times_as_fast(one, limit):.2f}" if limit else "",
        f"{times_as_fast(ours, one):.2f} ×" if ours and ours is not one else "",
        f"{one.cpu:.2f}",
        f"{one.peak_bytes / 2**20:,.0f} MiB",
    )
