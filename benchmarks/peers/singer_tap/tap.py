"""A Singer tap: `python -m benchmarks.peers.singer_tap.tap SOURCE` writes the rows of a file as messages."""

from __future__ import annotations

import sys
from pathlib import Path

import singer

from benchmarks.peers.texts import TEXTS, typed_records

_SCHEMA = {
    "type": "object",
    "properties": {
        **{name: {"type": ["null", "string"]} for name in TEXTS},
        "solved_at": {"type": ["null", "string"], "format": "date-time"},
        "minutes": {"type": ["null", "integer"], "maximum": 2147483647},
        "level_db": {"type": ["null", "number"]},
    },
}

if __name__ == "__main__":
    singer.write_schema("events", _SCHEMA, [])
    for record in typed_records(Path(sys.argv[1])):
        singer.write_record("events", record)
