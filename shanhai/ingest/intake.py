"""The intake: the records of a delivery's bodies, read and parted, while the bytes are made sure of."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from shanhai.errors import DamagedError, NotFoundError
from shanhai.ids import DeliveryId
from shanhai.ingest.decode import BodyFile, Decoded, decode, read_in_place
from shanhai.ingest.files import sha256_of
from shanhai.ingest.long_texts import LongTexts
from shanhai.ingest.node import Node
from shanhai.ingest.parting import Parted, part
from shanhai.ingest.sidecar import BodyRef, Sidecar, body_key, place_of
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
        DamagedError: the bytes are gone, or not those that were pulled.
        StoreError: the store failed.
    """
    with contextlib.ExitStack() as stack:
        bodies = []
        for body in source.bodies:
            try:
                file = stack.enter_context(node.snapshots.local_path(body_key(body.sha256)))
            except NotFoundError:
                raise _lost(node, source, body, "no such file", "bytes of a snapshot are gone") from None
            bodies.append(BodyFile(body.name, file))
        pool = stack.enter_context(ThreadPoolExecutor(max_workers=1))
        intact = pool.submit(_check_bodies, node, source, bodies)
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


def _check_bodies(node: Node, source: Sidecar, bodies: Sequence[BodyFile]) -> None:
    """Rows are booked under the digest of their bytes: make sure that it is still theirs."""
    for body, file in zip(source.bodies, bodies, strict=True):
        found = sha256_of(file.path)
        if found != body.sha256:
            message = "the bytes of a snapshot are not those that were pulled"
            raise _lost(node, source, body, f"sha256 {found}", message)


def _lost(node: Node, source: Sidecar, body: BodyRef, given: str, message: str) -> DamagedError:
    place = place_of(node, body_key(body.sha256))
    again = f"shanhai pull {source.id.dataset}" + (f" --window {source.window}" if source.window else "")
    return DamagedError(
        message,
        given=f"{source.id.short}, {body.name}, {given}",
        allowed=f"sha256 {body.sha256}",
        hint=f"restore the file, or remove it and, while the source has it, {again}: {place}",
    )
