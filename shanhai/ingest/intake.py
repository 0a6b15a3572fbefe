"""The intake: the records of a delivery's bodies, read and parted, while the bytes are made sure of."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from shanhai.errors import StoreError
from shanhai.ids import DeliveryId
from shanhai.ingest.decode import BodyFile, Decoded, decode, read_in_place
from shanhai.ingest.files import sha256_of
from shanhai.ingest.long_texts import LongTexts
from shanhai.ingest.node import Node
from shanhai.ingest.parting import Parted, part
from shanhai.ingest.sidecar import BodyRef, Sidecar, body_key
from shanhai.ingest.terms import Terms
from shanhai.ingest.watched import watched
from shanhai.quality.checked import TEXTS, create_checked

if TYPE_CHECKING:
    import duckdb

_GOOD = "good.parquet"


def take_in(
    node: Node,
    con: duckdb.DuckDBPyConnection,
    terms: Terms,
    source: Sidecar,
    folder: Path,
    scratch: Path,
    texts: LongTexts,
) -> tuple[Decoded, Parted]:
    """Part the records of the bodies; meanwhile a thread makes sure that they are those that were pulled.

    Args:
        folder: of the staging; what the check reads stays there.
        scratch: an existing folder for files of this pass.
        texts: takes long texts of malformed records.

    Raises:
        UnreadableError: a body cannot be read.
        StoreError: the bytes are not those that were pulled.
    """
    with contextlib.ExitStack() as stack:
        bodies = [
            BodyFile(body.name, stack.enter_context(node.snapshots.local_path(body_key(body.sha256))))
            for body in source.bodies
        ]
        pool = stack.enter_context(ThreadPoolExecutor(max_workers=1))
        intact = pool.submit(_check_bodies, source.bodies, bodies)
        try:
            with watched(con, node.progress, f"{source.id.short}, bytes read", source.size):
                return _read(con, terms, source.id, bodies, folder, scratch, texts)
        finally:
            # Altered bytes explain every other error, so that theirs is the one to be raised.
            intact.result()


def _read(
    con: duckdb.DuckDBPyConnection,
    terms: Terms,
    delivery: DeliveryId,
    bodies: Sequence[BodyFile],
    folder: Path,
    scratch: Path,
    texts: LongTexts,
) -> tuple[Decoded, Parted]:
    import duckdb

    contract, waiving = terms.contract, bool(terms.waivers)
    good = scratch / _GOOD
    found = read_in_place(con, contract, bodies, folder)
    if found is not None:
        expected, blanks = found.decoded.rows, found.blanks
        with contextlib.suppress(duckdb.InvalidInputException, duckdb.NotImplementedException):
            # The second is the parser's word for a line longer than its buffer.
            parted = part(
                con,
                contract,
                delivery,
                good,
                scratch,
                expected=expected,
                waiving=waiving,
                blanks=blanks,
                at_once=found.at_once,
            )
            if parted.rows == expected:
                create_checked(con, contract, blanks=blanks)
                return found.decoded, parted
        con.execute("DROP VIEW raw")
    for left in folder.glob(TEXTS):
        left.unlink()
    decoded = decode(con, contract, bodies, folder, keep=texts.keep)
    create_checked(con, contract)
    return decoded, part(con, contract, delivery, good, scratch, expected=decoded.rows, waiving=waiving)


def _check_bodies(expected: Sequence[BodyRef], bodies: Sequence[BodyFile]) -> None:
    for body, file in zip(expected, bodies, strict=True):
        _check_bytes(body, file.path)


def _check_bytes(body: BodyRef, file: Path) -> None:
    """Rows are booked under the digest of their bytes: make sure that it is still theirs."""
    found = sha256_of(file)
    if found != body.sha256:
        raise StoreError(
            "the bytes of a snapshot are not those that were pulled",
            given=f"{body.name}, sha256 {found}",
            allowed=f"sha256 {body.sha256}",
            hint=f"restore the file, or remove it and pull again: {file}",
        )
