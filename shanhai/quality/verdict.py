"""The verdict on a delivery: a pure function of what staging and the checks found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from shanhai.contracts.model import Contract
from shanhai.quality.plausibility import Finding
from shanhai.quality.queries import QueryResult

State = Literal["accepted", "held", "refused"]

_UNKNOWN_NAMED = 20


@dataclass(frozen=True)
class Signals:
    """What nobody decided about: headings the contract promises and the source lacks, and the reverse.

    `unknown` are in the form that people may see: decoding has made sure that none of them is data.
    """

    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """The state of a delivery, and a reason for each thing that speaks against accepting it."""

    state: State
    reasons: tuple[str, ...] = ()


def decide_verdict(
    contract: Contract,
    *,
    rows_in: int,
    bad_rows: int,
    findings: Sequence[Finding] = (),
    queries: Sequence[QueryResult] = (),
    signals: Signals = Signals(),
    unreadable: str | None = None,
) -> Verdict:
    """Accept, hold for a person, or refuse; the worst reason wins, and all are named.

    Refused: an unreadable snapshot; a missing heading of a required or key column; more bad rows than
    `tolerance.refuse`; a failed query of severity `error`. Held: any other missing heading; an unknown
    heading; more bad rows than `tolerance.hold`; every finding; a failed query of severity `warning`. A
    delivery without rows is bad in no row: whether it may be empty is for plausibility to say.

    Args:
        rows_in: rows the snapshot holds, malformed ones too.
        bad_rows: rows among them that break a rule or are malformed.
        unreadable: why the snapshot could not be decoded at all.
    """
    if unreadable is not None:
        return Verdict("refused", (f"unreadable: {unreadable}",))
    reasons: list[tuple[State, str]] = [
        *_headings(contract, signals),
        *_tolerance(contract, rows_in, bad_rows),
        *(("held", _said(finding)) for finding in findings),
        *_failed(queries),
    ]
    states = {state for state, _ in reasons}
    worst: State = "refused" if "refused" in states else "held" if "held" in states else "accepted"
    return Verdict(worst, tuple(reason for _, reason in reasons))


def _headings(contract: Contract, signals: Signals) -> Iterator[tuple[State, str]]:
    mandatory = {
        column.source for column in contract.columns if column.required or column.name in contract.key
    }
    for heading in signals.missing:
        if heading in mandatory:
            yield "refused", f"missing mandatory heading: {heading}"
        else:
            yield "held", f"missing heading: {heading}"
    for heading in signals.unknown[:_UNKNOWN_NAMED]:
        yield "held", f"unknown heading: {heading}"
    if len(signals.unknown) > _UNKNOWN_NAMED:
        yield "held", f"{len(signals.unknown) - _UNKNOWN_NAMED} more unknown headings"


def _tolerance(contract: Contract, rows_in: int, bad_rows: int) -> Iterator[tuple[State, str]]:
    share = bad_rows / rows_in if rows_in else 0.0
    tolerance = contract.tolerance
    found = f"{bad_rows} of {rows_in} rows are bad"
    if share > tolerance.refuse:
        yield "refused", f"{found}, more than {_percent(tolerance.refuse)}"
    elif share > tolerance.hold:
        yield "held", f"{found}, more than {_percent(tolerance.hold)}"


def _failed(queries: Sequence[QueryResult]) -> Iterator[tuple[State, str]]:
    for result in queries:
        query = result.query
        if not result.success and query.severity != "info":
            told = f" ({query.description})" if query.description else ""
            state: State = "refused" if query.severity == "error" else "held"
            yield state, f"quality {query.name}: {result.given}, must be {query.allowed}{told}"


def _percent(share: float) -> str:
    """A share as a person writes it: 5%, 0.5%, 12.5%."""
    return f"{share * 100:.6g}%"


def _said(finding: Finding) -> str:
    reason = f" ({finding.reason})" if finding.reason else ""
    return f"implausible {finding.name}: {finding.given}, allowed {finding.allowed}{reason}"
