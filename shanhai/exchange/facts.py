"""The facts of a set: what its recipients are told, and which keys it is sealed with."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from shanhai.exchange.commitments import check_commitment
from shanhai.exchange.failures import Refused, Stage
from shanhai.exchange.parcels import MOST_FACTS
from shanhai.exchange.parquet.profile import MOST_COLUMNS, physical_name
from shanhai.exchange.parquet.types import TYPE
from shanhai.exchange.secret import Secret
from shanhai.exchange.sets import MOST_FILES, SetStatement
from shanhai.exchange.strict import Fields, Json, canonical, parse, to_base64
from shanhai.exchange.subjects import DATASET, Subject, read_subject, write_subject

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_DIGESTS = ("contract", "quality", "lineage", "listing")


@dataclass(frozen=True)
class FactFile:
    """One file of the set: its rows, and the most bytes that all its columns decode to."""

    rows: int
    decoded_bytes: int


@dataclass(frozen=True, repr=False)
class Facts:
    """What is true of a set. Fields as in the specification, section "Facts".

    Attributes:
        salt: 32 random bytes, so that the digest of the facts tells nothing.
        subject: what it is a set of.
        version: of the table or the application.
        shape: of the dataset; None where it has none.
        columns: types of c0000, c0001, … of all files, as `parquet/types.py` names them.
        files: in the order of the statement.
        contract, quality, lineage: SHA-256 of each document, hex; None where there is none.
        listing: SHA-256 of the listing of an application's files, hex; None for a dataset.
        commits: commitment to each key, by key id.
    """

    salt: bytes
    subject: Subject
    version: int
    shape: str | None
    columns: tuple[str, ...]
    files: tuple[FactFile, ...]
    commits: Mapping[str, str]
    contract: str | None = None
    quality: str | None = None
    lineage: str | None = None
    listing: str | None = None

    @property
    def schema(self) -> dict[str, str]:
        """Type by physical name, in the order of the columns."""
        return {physical_name(number): kind for number, kind in enumerate(self.columns)}


def write_facts(facts: Facts) -> bytes:
    """The bytes whose SHA-256 the set statement names."""
    columns: list[Json] = [{"name": name, "type": kind} for name, kind in facts.schema.items()]
    files: list[Json] = [{"rows": one.rows, "decoded_bytes": one.decoded_bytes} for one in facts.files]
    return canonical(
        {
            "v": 1,
            "salt": to_base64(facts.salt),
            "subject": write_subject(facts.subject),
            "version": facts.version,
            "shape": facts.shape,
            "columns": columns,
            "files": files,
            "contract": facts.contract,
            "quality": facts.quality,
            "lineage": facts.lineage,
            "listing": facts.listing,
            "commits": dict(facts.commits),
        }
    )


def read_facts(data: bytes, statement: SetStatement) -> Facts:
    """The facts that a set names.

    Raises:
        Refused: facts-digest-wrong, the json codes, facts-wrong (other files or key ids than the set's).
    """
    if hashlib.sha256(data).hexdigest() != statement.facts_sha256:
        raise Refused("facts-digest-wrong")
    facts = _parsed(parse(data, most_bytes=MOST_FACTS, stage=Stage.UNWRAP))
    keys = {statement.footer_key} | {statement.column_key(index) for index in range(len(facts.columns))}
    if set(facts.commits) != keys or len(facts.files) != len(statement.files):
        raise Refused("facts-wrong")
    return facts


def check_keys(facts: Facts, keys: Mapping[str, Secret]) -> None:
    """Return if each key is the one that the facts commit to.

    Raises:
        Refused: key-for-ungranted-column (no such key in the set), commitment-wrong.
    """
    for kid, key in keys.items():
        if kid not in facts.commits:
            raise Refused("key-for-ungranted-column")
        check_commitment(facts.commits[kid], kid, key)


def _parsed(value: Json) -> Facts:
    names = "salt subject version shape columns files commits contract quality lineage listing"
    whole = Fields(value, names, stage=Stage.UNWRAP, version=1)
    columns = whole.each("columns", "name type", least=1, most=MOST_COLUMNS)
    for index, one in enumerate(columns):
        if one.text("name") != physical_name(index):
            raise one.wrong("name")
    files = whole.each("files", "rows decoded_bytes", least=1, most=MOST_FILES)
    given = whole.mapping("commits", most=MOST_COLUMNS + 1)
    if not all(isinstance(one, str) and _DIGEST.fullmatch(one) for one in given.values()):
        raise whole.wrong("commits")
    subject = read_subject(whole)
    if whole.is_null("listing") != (subject.kind == DATASET):
        raise whole.wrong("listing")
    return Facts(
        salt=whole.raw("salt", least=32, most=32),
        subject=subject,
        version=whole.integer("version", least=0),
        shape=None if whole.is_null("shape") else whole.text("shape", r"[a-z][a-z0-9_./-]{0,127}"),
        columns=tuple(one.text("type", TYPE, most=64) for one in columns),
        files=tuple(
            FactFile(one.integer("rows", least=0), one.integer("decoded_bytes", least=0)) for one in files
        ),
        commits={kid: str(commit) for kid, commit in given.items()},
        **{name: None if whole.is_null(name) else whole.hex(name) for name in _DIGESTS},
    )
