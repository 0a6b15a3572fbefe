"""From a source to the draft of its contract, and how the draft fares on the sample that it was made from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shanhai.contracts.drafting.guess import Draft, Guess
from shanhai.contracts.drafting.headings import Reading, read_heading, unique_names
from shanhai.contracts.drafting.page import page
from shanhai.contracts.drafting.partitions import find_partition
from shanhai.contracts.federation import Federation
from shanhai.contracts.load import load_contract
from shanhai.contracts.model import Column, Contract, Partition, Versions
from shanhai.contracts.sql import quote_identifier
from shanhai.errors import as_typed
from shanhai.ids import DatasetId
from shanhai.ingest.infer.asking import at_once
from shanhai.ingest.infer.bodies import Tell
from shanhai.ingest.infer.columns import guess_columns
from shanhai.ingest.infer.endpoints import Endpoint, name_endpoint
from shanhai.ingest.infer.given import Given
from shanhai.ingest.infer.keys import Key, find_key
from shanhai.ingest.infer.places import place_columns
from shanhai.ingest.infer.sample import TABLE, Sample, take_sample
from shanhai.ingest.infer.sources import names_said
from shanhai.ingest.node import is_home
from shanhai.quality.checked import CHECKED, checked_select
from shanhai.quality.registers import AREA_CODES, attach_registers
from shanhai.quality.rules import checked_violation, rules_for
from shanhai.settings import Settings
from shanhai.warehouse.session import duckdb_session

DEFAULT_ROWS = 20_000
_OTHERS = 5


@dataclass(frozen=True)
class Inferred:
    """A draft and how it fares.

    Attributes:
        text: the contract as a file.
        rows: sampled rows.
        broken: by rule, how many of them break it.
        missing: sources that one of the sampled bodies lacks.
        steps: what a person has to do before the contract can be asked, one sentence each.
    """

    draft: Draft
    text: str
    rows: int
    malformed: int
    broken: dict[str, int]
    missing: tuple[str, ...]
    steps: tuple[str, ...]


def infer(
    given: Given,
    dataset: DatasetId,
    federation: Federation | None,
    settings: Settings,
    work: Path,
    *,
    rows: int,
    tell: Tell,
) -> Inferred:
    """Draft a contract for what was given.

    Args:
        dataset: what the draft declares.
        federation: its districts know endpoints, and its registers codes; None: there is none.
        work: an existing folder for what is unpacked; the caller removes it.
        rows: how many rows to look at, at most.

    Raises:
        UnreadableError: a body is nothing that a contract can state.
    """
    # A home is not made by a draft: where there is none, what does not fit the memory goes into `work`.
    spilling = settings if is_home(settings.home) else settings.model_copy(update={"home": work})
    with duckdb_session(spilling, work / "sample.duckdb") as con:
        sample = take_sample(con, given.bodies, rows, work, tell)
        if federation is not None and federation.register(AREA_CODES) is not None:
            attach_registers(con, with_codes(sample.reader), federation)
        endpoint = name_endpoint(given, dataset, federation, settings)
        draft = _draft(sample, endpoint, dataset, tell)
        text = page(draft)
        file = work / f"{dataset.name}.odcs.yml"
        file.write_text(text, encoding="utf-8")
        contract = load_contract(file, shown_as="the draft", dataset=dataset)
        return Inferred(
            draft,
            text,
            sample.rows,
            sample.malformed,
            _broken(sample, contract),
            sample.missing,
            endpoint.steps,
        )


def _draft(sample: Sample, endpoint: Endpoint, dataset: DatasetId, tell: Tell) -> Draft:
    given = endpoint.given
    titles = sample.sources.titles if not sample.sources.nested else sample.sources.names
    readings = [read_heading(title, nested=sample.sources.nested) for title in titles]
    names = unique_names(names_said(sample.sources, readings))
    guesses = _renamed(guess_columns(sample, readings, names, tell), readings)
    guesses, outside = place_columns(sample, guesses, readings)
    key = find_key(sample, guesses, [reading.words for reading in readings])
    guesses = [
        guess.but(required=True) if place in key.columns and not guess.column.required else guess
        for place, guess in enumerate(guesses)
    ]
    named = [guess.column.name for guess in guesses]
    partition = find_partition(given.names)
    versions = _versions(key, partition.partition, named)
    zone, zone_notes = (
        ("UTC", ("guess: the places are not in China; say where the clocks are",)) if outside else _HERE
    )
    return Draft(
        dataset=dataset,
        title=dataset.name,
        columns=tuple(guesses),
        key=tuple(named[place] for place in key.columns),
        key_notes=key.notes,
        format=sample.format,
        format_notes=sample.why,
        partition=partition.partition if given.per == "file" else Partition(),
        partition_notes=partition.notes if given.per == "file" else (),
        per=given.per,
        versions=versions,
        duplicates="table" if versions.rule == "latest" else "delivery",
        time_zone=zone,
        zone_notes=zone_notes,
        connector=given.connector,
        endpoint=endpoint.name,
        endpoint_notes=tuple(f"fill in: {step}" for step in endpoint.steps),
        options=given.options,
        ignored=sample.sources.ignored,
        sampled=_sampled(sample, given),
        seen=tuple(_seen(sample, given)),
    )


def _versions(key: Key, partition: Partition, named: Sequence[str]) -> Versions:
    if key.replaces and partition.by != "none":
        return Versions(rule="replace")
    return Versions(rule="latest", by=named[key.version]) if key.version is not None else Versions()


def with_codes(reader: Contract) -> Contract:
    """The contract as if its first column held area codes, so that their register is wanted."""
    first = reader.columns[0].model_copy(update={"validators": ("area_code",)})
    return reader.model_copy(update={"columns": (first, *reader.columns[1:])})


_HERE = ("Asia/Shanghai", ("guess: times without an offset are local ones",))


def _renamed(guesses: list[Guess], readings: Sequence[Reading]) -> list[Guess]:
    """Endings by type: `_at` of an instant, `_date` of a day, `is_` of a truth; coordinates that are none."""
    names = []
    for guess, reading in zip(guesses, readings, strict=True):
        name = guess.column.name
        if "area_code" in guess.column.validators:
            name = "area_code"
        match guess.column.type:
            case "timestamp":
                name = (
                    re.sub(r"_(date|time|datetime|at)$", "", name) + "_at" if name != "at" else "observed_at"
                )
            case "date":
                name = (
                    re.sub(r"_(date|time|at|day)$", "", name) + "_date"
                    if name not in ("date", "day")
                    else "day_date"
                )
            case "boolean" if not name.startswith(("is_", "has_", "column_")):
                name = f"is_{name}"
            case "number" | "integer":
                pass
            case _ if reading.axis is not None:
                name = f"{name}_text"
        names.append(name)
    return [guess.but(name=name) for guess, name in zip(guesses, unique_names(names), strict=True)]


def _sampled(sample: Sample, given: Given) -> str:
    which = f"{len(sample.bodies):,} of {len(given.names):,} bodies" if len(given.names) > 1 else "one body"
    counted = f"{sample.rows:,} rows" if sample.rows > 1 else "one row"
    rows = f"{'all' if sample.whole else 'the first'} {counted}".replace("all one", "the one")
    return f"{rows} of {which}"


def _seen(sample: Sample, given: Given) -> Iterator[str]:
    """Which bodies were read, and what became of the others, a line each."""
    yield f"Read: {', '.join(map(as_typed, sample.bodies))}"
    yield from sample.notes
    if more := len(given.names) - len(given.bodies):
        yield f"{more:,} more of them not looked at: up to {len(given.bodies)} are, spread over all"
    if others := given.left_out:
        some = ", ".join(map(as_typed, others[:_OTHERS])) + (
            f" and {len(others) - _OTHERS:,} more" * (len(others) > _OTHERS)
        )
        yield f"left out, since the options name only {as_typed(given.options['path'])}: {some}"


def _broken(sample: Sample, contract: Contract) -> dict[str, int]:
    """By rule of the draft, how many sampled rows break it."""
    found: dict[str, int] = {}
    for part in at_once(len(contract.columns), sample.rows):
        # Each rule is of one column: a statement over all of a wide table would be planned for seconds.
        columns = contract.columns[part.start : part.stop]
        readers = sample.reader.columns[part.start : part.stop]
        found |= _broken_of(sample, contract.model_copy(update={"columns": columns}), readers)
    return found


def _broken_of(sample: Sample, contract: Contract, readers: Sequence[Column]) -> dict[str, int]:
    con = sample.con
    renamed = ", ".join(
        f"{quote_identifier(reader.name)} AS {quote_identifier(column.name)}"
        for reader, column in zip(readers, contract.columns, strict=True)
    )
    con.execute(
        f"CREATE OR REPLACE VIEW raw AS SELECT {renamed}, _body, NULL::VARCHAR AS _malformed FROM {TABLE}"
    )
    con.execute(f"CREATE OR REPLACE VIEW {CHECKED} AS {checked_select(contract)}")
    rules = rules_for(contract)
    if not rules:
        return {}
    counts = ", ".join(f"count(*) FILTER (WHERE {checked_violation(rule, contract)})" for rule in rules)
    found = con.execute(f"SELECT {counts} FROM {CHECKED}").fetchone() or ()
    return {rule.name: int(count) for rule, count in zip(rules, found, strict=True) if count}
