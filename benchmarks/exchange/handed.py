"""What a sender hands to whoever reads a generated set: its files, its keys, what its columns are called."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shanhai.courier.sealing import Draft
from shanhai.exchange.facts import FactFile, Facts
from shanhai.exchange.parquet.decrypt import Declared
from shanhai.exchange.parquet.encrypt import SealedFile
from shanhai.exchange.parquet.profile import physical_name
from shanhai.exchange.secret import Secret
from shanhai.exchange.sets import SetFile
from shanhai.exchange.strict import from_base64, to_base64
from shanhai.exchange.subjects import DATASET, Subject

_FILE = "handed.json"


@dataclass(frozen=True)
class Handed:
    """A set of generated rows, with all its keys.

    Attributes:
        names: of the columns, in the order of the set.
        columns: type by physical name.
    """

    set_id: str
    names: tuple[str, ...]
    columns: Mapping[str, str]
    files: tuple[SealedFile, ...]
    keys: Mapping[str, Secret] = field(repr=False)

    @classmethod
    def of(cls, draft: Draft, names: tuple[str, ...]) -> Handed:
        """What was written."""
        return cls(draft.set_id, names, draft.columns, draft.files, draft.keys)

    @classmethod
    def read(cls, folder: Path) -> Handed:
        """What `write` left in a folder."""
        told = json.loads((folder / _FILE).read_text(encoding="ascii"))
        return cls(
            told["set"],
            tuple(told["names"]),
            dict(told["columns"]),
            tuple(SealedFile(**one) for one in told["files"]),
            {key_id: Secret(from_base64(key)) for key_id, key in told["keys"].items()},
        )

    def write(self, folder: Path) -> None:
        """Leave it in a folder, keys and all: nobody's rows are in the set."""
        told = {
            "set": self.set_id,
            "names": list(self.names),
            "columns": dict(self.columns),
            "files": [vars(one) for one in self.files],
            "keys": {key_id: to_base64(key.bytes) for key_id, key in self.keys.items()},
        }
        (folder / _FILE).write_text(json.dumps(told), encoding="ascii")

    @property
    def physical(self) -> tuple[str, ...]:
        """What the columns are called in the files."""
        return tuple(map(physical_name, range(len(self.names))))

    @property
    def decoded(self) -> int:
        """Bytes of all values."""
        return sum(one.decoded for one in self.files)

    @property
    def set_files(self) -> tuple[SetFile, ...]:
        """As a statement names them."""
        return tuple(SetFile(one.sha256, one.size) for one in self.files)

    @property
    def facts(self) -> Facts:
        """As a release states them; the commitments are left out, and nobody here asks for them."""
        return Facts(
            salt=secrets.token_bytes(32),
            subject=Subject(DATASET, "bench.events"),
            version=1,
            shape=None,
            columns=tuple(self.columns.values()),
            files=tuple(FactFile(one.rows, one.decoded) for one in self.files),
            commits={},
        )

    def declared(self, file: SealedFile) -> Declared:
        """What is declared of a file."""
        return Declared(file.rows, file.decoded, self.columns)
