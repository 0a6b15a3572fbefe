"""What runs inside the cell: one job from the pipe, rows to one open file, one line of result to another."""

from __future__ import annotations

import base64
import errno
import json
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from shanhai.courier.confine import Limits, UnconfinedError, limit, seal

if TYPE_CHECKING:
    import pyarrow as pa


def main(arguments: list[str]) -> None:
    """Do the job on standard input; `arguments` are numbers of open files and limits, and nothing secret."""
    source, out, result, closes, parent, *limits = (int(one) for one in arguments)
    answer = _answer((source, out, closes), parent, Limits(*limits))
    with os.fdopen(result, "wb") as told:
        told.write(json.dumps(answer).encode("ascii"))
    # Nothing that a finaliser could still do is wanted.
    os._exit(0)


def _answer(files: tuple[int, int, int], parent: int, limits: Limits) -> dict[str, Any]:
    source, out, closes = files
    try:
        limit(limits, parent=parent)
        job = json.loads(sys.stdin.buffer.read())
        os.close(0)
        with os.fdopen(source, "rb") as file, os.fdopen(out, "wb") as target:
            return _parse(file, target, job, closes)
    except UnconfinedError as error:
        return {"unable": error.word}
    except MemoryError:
        return {"refused": "parser-memory"}
    except OSError as error:
        # Also when what is buffered is written at the end.
        return {"refused": "parser-memory" if error.errno == errno.EFBIG else "parser-abort"}


def _parse(file: BinaryIO, target: BinaryIO, job: dict[str, Any], closes: int) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.compute
    import pyarrow.parquet.encryption

    from shanhai.exchange.failures import Refused
    from shanhai.exchange.parquet.decrypt import Declared, read_granted
    from shanhai.exchange.parquet.kms import KeyHolder
    from shanhai.exchange.secret import Secret

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    seal()
    os.write(closes, b"s")
    os.close(closes)
    keys = KeyHolder({key_id: Secret(base64.b64decode(kek)) for key_id, kek in job.pop("keys").items()})
    try:
        declared = Declared(job["rows"], job["decoded"], job["declared"])
        granted = read_granted(file, job["size"], keys, columns=job["columns"], declared=declared)
        rows = _write(granted.batches, granted.schema, target)
    except Refused as refused:
        return {"refused": refused.code}
    except pa.ArrowMemoryError:
        return {"refused": "parser-memory"}
    except pa.ArrowException:
        return {"refused": "parser-abort"}
    return {"rows": rows, "asked": sorted(set(keys.asked))}


def _write(batches: Iterator[pa.RecordBatch], schema: pa.Schema, target: BinaryIO) -> int:
    import pyarrow as pa

    rows = 0
    with pa.ipc.new_stream(target, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    target.flush()
    return rows


if __name__ == "__main__":
    main(sys.argv[1:])
