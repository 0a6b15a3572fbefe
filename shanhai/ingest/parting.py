"""One pass over a delivery's records: good rows go to their file as they come, all others aside."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from shanhai.contracts.model import Contract
from shanhai.contracts.schema import DELIVERY, PARTITION, arrow_schema
from shanhai.contracts.texts import BLANKS
from shanhai.ids import DeliveryId
from shanhai.ingest import settle
from shanhai.ingest.repeats import Repeats
from shanhai.quality.divided import HASH, WAS, divided_select
from shanhai.warehouse.batches import ROWS, batches
from shanhai.warehouse.row_groups import RowGroups

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Mask: TypeAlias = npt.NDArray[np.bool_]

ROW = "_row"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Parted:
    """What the pass leaves.

    Attributes:
        good: the good rows whose identity surely did not come before; still open.
        held: the other good rows, with `_row`, which counts records from 0, and `_hash`.
        broken: `_row` and `_was` of the records that break a rule or are malformed.
        amiss: the same records as good ones would be, with `_row` and `_hash`; empty unless asked for.
        repeats: has the hashes of the rows in `good`, in their order; None where rows do not compete.
        rows: records in all.
        filled: values that are there, by column, in good rows and held ones.
        newest: the greatest instant by column, in all records.
    """

    def __init__(
        self,
        contract: Contract,
        delivery: DeliveryId,
        good: Path,
        scratch: Path,
        *,
        expected: int,
        waiving: bool = False,
    ) -> None:
        self.good = good_rows(contract, delivery, good)
        self.held = RowGroups(scratch / "held.parquet")
        self.broken = RowGroups(scratch / "broken.parquet")
        self.amiss = RowGroups(scratch / "amiss.parquet")
        self._waiving = waiving
        competing = bool(settle.identity(contract))
        self.repeats = Repeats(scratch / "hashes", expected) if competing else None
        self.rows = 0
        self.filled: Counter[str] = Counter(dict.fromkeys(contract.names, 0))
        self._names = list(contract.names)
        self._moments = [column.name for column in contract.columns if column.type == "timestamp"]
        self._newest: dict[str, int] = {}

    @property
    def newest(self) -> dict[str, datetime | None]:
        return {
            name: _EPOCH + timedelta(microseconds=self._newest[name]) if name in self._newest else None
            for name in self._moments
        }

    def take(self, batch: pa.RecordBatch) -> None:
        """Part the next records."""
        sound = batch.column(WAS).is_null().to_numpy(zero_copy_only=False)
        held = self._held(batch, sound)
        self._see(batch)
        self._keep(self.good, batch.select(self._names), sound & ~held)
        numbered = batch.append_column(ROW, _numbers(self.rows, len(batch)))
        if held.any():
            self._keep(self.held, numbered.select([*self._names, ROW, HASH]), held)
        if not sound.all():
            self.broken.write(_where(numbered.select([ROW, WAS]), ~sound))
            if self._waiving:
                self.amiss.write(_where(numbered.drop_columns([WAS]), ~sound))
        self.rows += len(batch)

    def _held(self, batch: pa.RecordBatch, sound: Mask) -> Mask:
        import numpy as np

        held = np.zeros(len(sound), np.bool_)
        if self.repeats is not None:
            held[sound] = self.repeats.take(batch.column(HASH).to_numpy()[sound])
        return held

    def _see(self, batch: pa.RecordBatch) -> None:
        import pyarrow.compute as pc

        for name in self._moments:
            found = pc.max(batch.column(name)).value
            if found is not None:
                self._newest[name] = max(found, self._newest.get(name, found))

    def _keep(self, file: RowGroups, batch: pa.RecordBatch, mask: Mask) -> None:
        chosen = _where(batch, mask)
        for name in self._names:
            self.filled[name] += len(chosen) - chosen.column(name).null_count
        file.write(chosen)


def part(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    delivery: DeliveryId,
    good: Path,
    scratch: Path,
    *,
    expected: int,
    waiving: bool = False,
    blanks: str = BLANKS,
    bits: int = 64,
    at_once: int = ROWS,
) -> Parted:
    """Part the records of the relation `raw`, in one pass and in their order.

    Args:
        con: keeps the order of rows.
        good: the file for the good rows; not made without any.
        scratch: an existing folder for files of this pass.
        expected: about how many records there are.
        waiving: broken records may be good after all: keep the values that they have.
        blanks: those of `BLANKS` that can occur in the texts.
        bits: of a row's hash; the fewer, the more rows are compared in vain.
        at_once: how many records that follow one another are not too long for a batch.

    Raises:
        duckdb.InvalidInputException: `raw` is a view over malformed text, or a pattern is invalid.
        duckdb.NotImplementedException: `raw` is a view over text with too long a line.
    """
    parted = Parted(contract, delivery, good, scratch, expected=expected, waiving=waiving)
    query = divided_select(contract, hashed=settle.identity(contract), blanks=blanks, bits=bits)
    for batch in batches(con, query, at_once=at_once):
        parted.take(batch)
    parted.held.close()
    parted.broken.close()
    parted.amiss.close()
    return parted


def good_rows(contract: Contract, delivery: DeliveryId, path: Path) -> RowGroups:
    """A file for good rows of a delivery, laid out as its table in the lake; takes the contract's columns."""
    import pyarrow as pa

    schema = pa.schema([field for field in arrow_schema(contract) if field.name in contract.names])
    return RowGroups(path, schema, constants={DELIVERY: str(delivery), PARTITION: delivery.partition})


def _where(batch: pa.RecordBatch, mask: Mask) -> pa.RecordBatch:
    import pyarrow as pa

    return batch if mask.all() else batch.filter(pa.array(mask))


def _numbers(first: int, count: int) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    return pa.array(np.arange(first, first + count))
