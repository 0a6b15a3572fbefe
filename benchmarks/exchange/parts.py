"""What a ratio is made of, so that one that is missed is explained where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.exchange.ratios import of
from benchmarks.exchange.rounds import Measured
from benchmarks.exchange.subjects import (
    BY_HAND,
    OPEN,
    READ_CELL,
    READ_PLAIN,
    READ_SEALED,
    SCAN,
    SEAL,
    UNORDERED,
    WRITE_PLAIN,
    WRITE_SEALED,
    WRITE_SET,
)
from benchmarks.peers.figures import Figures


@dataclass(frozen=True)
class Part:
    """One part.

    Attributes:
        share: of the seconds of what the whole is compared with.
    """

    text: str
    seconds: float
    cpu: float
    share: float


def parts_of(measured: Measured) -> Iterator[Part]:
    """The parts of each comparison, by medians of one run."""

    def part(text: str, one: Figures, beside: Figures, less: Figures | None = None) -> Part:
        seconds = one.seconds - (less.seconds if less else 0)
        cpu = one.cpu - (less.cpu if less else 0)
        return Part(text, seconds, cpu, seconds / beside.seconds)

    plain = of(measured, WRITE_PLAIN, "write")
    encrypted, of_set = of(measured, WRITE_SEALED), of(measured, WRITE_SET)
    yield part("write: encode, encrypt and hash, two files at a time", encrypted, plain)
    yield part("write: fsync and proof (a set − encrypted files)", of_set, plain, encrypted)
    read, bare, cell = of(measured, READ_PLAIN), of(measured, READ_SEALED), of(measured, READ_CELL)
    yield part("open: decrypt and decode, one thread", bare, read)
    yield part("open: hash, cells, copy and validation (in a cell − without)", cell, read, bare)
    hand, scan, bare_scan = of(measured, BY_HAND), of(measured, SCAN), of(measured, UNORDERED)
    yield part("whole way: scan, filter, columns", bare_scan, hand)
    yield part("whole way: order and spill (in order − in no order)", scan, hand, bare_scan)
    yield part(
        "whole way: write, fsync, proof (scan and seal − scan)",
        of(measured, SEAL, "scan and seal"),
        hand,
        scan,
    )
    yield part("whole way: copy to the relay", of(measured, SEAL, "ship"), hand)
    yield part("whole way: copy from it, hashed", of(measured, OPEN, "fetch"), hand)
    yield part("whole way: open into a plain file", of(measured, OPEN, "open"), hand)
    for step in measured.runs[BY_HAND][0].steps:
        yield part(f"by hand: {step}", of(measured, BY_HAND, step), hand)
