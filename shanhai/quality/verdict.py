"""The verdict on a delivery: a pure function of what staging and the checks found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from shanhai.contracts.model import Contract
from shanhai.quality.difference import Difference
from shanhai.quality.plausibility import Finding
from shanhai.quality.queries import QueryResult

State = Literal["accepted", "held", "refused"]

BAD_ROWS = "bad_rows"
"""The code of the reason that more rows are bad than the contract tolerates; `bad` says how many."""

_UNKNOWN_NAMED = 20


@dataclass(frozen=True)
class Signals:
    """What nobody decided about: headings the contract promises and the source lacks, and the reverse.

    `unknown` are in the form that people may see: decoding has made sure that none of them is data.
    `not_yet` are headings that nobody expects of a delivery so old.
    """

    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    not_yet: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reason:
    """One thing that speaks against a delivery: a code and its facts, for each language to word.

    `text` is the English sentence, which stands in the books.
    """

    code: str
    args: Mapping[str, str]
    text: str


@dataclass(frozen=True)
class Verdict:
    """The state of a delivery, and a reason for each thing that speaks against accepting it.

    `reasons` are the texts of `why`.
    """

    state: State
    reasons: tuple[str, ...] = ()
    why: tuple[Reason, ...] = field(default=(), compare=False)


def decide_verdict(
    contract: Contract,
    *,
    rows_in: int,
    bad_rows: int,
    findings: Sequence[Finding] = (),
    queries: Sequence[QueryResult] = (),
    signals: Signals = Signals(),
    differences: Sequence[Difference] = (),
    unreadable: str | None = None,
) -> Verdict:
    """Accept, hold for a person, or refuse; the worst reason wins, and all are named.

    Refused: an unreadable snapshot; a missing heading of a required or key column; more bad rows than
    `tolerance.refuse`; a failed query of severity `error`. Held: any other missing heading; an unknown
    heading; more bad rows than `tolerance.hold`; every finding; an alarming difference; a failed query of
    severity `warning`. A delivery without rows is bad in no row: whether it may be empty is for plausibility
    to say.

    Args:
        rows_in: rows the snapshot holds, malformed ones too.
        bad_rows: rows among them that break a rule or are malformed.
        unreadable: why the snapshot could not be decoded at all.
    """
    if unreadable is not None:
        return _verdict("refused", [_reason("unreadable", "unreadable: {text}", text=unreadable)])
    reasons: list[tuple[State, Reason]] = [
        *_headings(contract, signals),
        *_tolerance(contract, rows_in, bad_rows),
        *(("held", _said(finding)) for finding in findings),
        *(("held", _different(difference)) for difference in differences if difference.is_alarming),
        *_failed(queries),
    ]
    states = {state for state, _ in reasons}
    worst: State = "refused" if "refused" in states else "held" if "held" in states else "accepted"
    return _verdict(worst, [reason for _, reason in reasons])


def _verdict(state: State, why: Sequence[Reason]) -> Verdict:
    return Verdict(state, tuple(reason.text for reason in why), tuple(why))


def _reason(code: str, form: str, **facts: object) -> Reason:
    args = {name: str(value) for name, value in facts.items()}
    return Reason(code, args, form.format(**args))


def _headings(contract: Contract, signals: Signals) -> Iterator[tuple[State, Reason]]:
    mandatory = {
        column.source for column in contract.columns if column.required or column.name in contract.key
    }
    promised = {column.source for column in contract.columns} - {*signals.not_yet}
    if len(promised) > 1 and promised <= set(signals.missing):
        # Another delimiter, or no line of headings: to name what stands there instead tells nothing.
        form = "none of the {count} headings of the contract is there"
        yield "refused" if mandatory else "held", _reason("missing_all", form, count=len(promised))
        return
    for heading in signals.missing:
        if heading in mandatory:
            yield (
                "refused",
                _reason("missing_mandatory", "missing mandatory heading: {heading}", heading=heading),
            )
        else:
            yield "held", _reason("missing", "missing heading: {heading}", heading=heading)
    for heading in signals.unknown[:_UNKNOWN_NAMED]:
        yield "held", _reason("unknown", "unknown heading: {heading}", heading=heading)
    if len(signals.unknown) > _UNKNOWN_NAMED:
        more = len(signals.unknown) - _UNKNOWN_NAMED
        yield "held", _reason("unknown_more", "{more} more unknown headings", more=more)


def _tolerance(contract: Contract, rows_in: int, bad_rows: int) -> Iterator[tuple[State, Reason]]:
    share = bad_rows / rows_in if rows_in else 0.0
    tolerance = contract.tolerance
    over: dict[State, float] = {"refused": tolerance.refuse, "held": tolerance.hold}
    for state, limit in over.items():
        if share > limit:
            form = "{bad} of {rows} rows are bad, more than {limit}"
            yield state, _reason(BAD_ROWS, form, bad=bad_rows, rows=rows_in, limit=_percent(limit))
            return


def _different(difference: Difference) -> Reason:
    return Reason("difference", {"code": difference.code, **difference.facts}, difference.text)


def _failed(queries: Sequence[QueryResult]) -> Iterator[tuple[State, Reason]]:
    for result in queries:
        query = result.query
        if not result.success and query.severity != "info":
            told = f" ({query.description})" if query.description else ""
            state: State = "refused" if query.severity == "error" else "held"
            form = "quality {name}: {given}, must be {allowed}{told}"
            facts = {"name": query.name, "given": result.given, "allowed": query.allowed, "told": told}
            yield state, _reason("query", form, **facts)


def _percent(share: float) -> str:
    """A share as a person writes it: 5%, 0.5%, 12.5%."""
    return f"{share * 100:.6g}%"


def _said(finding: Finding) -> Reason:
    facts = {"name": finding.name, "given": finding.given, "allowed": finding.allowed}
    told = f" ({finding.reason})" if finding.reason else ""
    form = "implausible {name}: {given}, allowed {allowed}{told}"
    said = _reason("implausible", form, **facts, told=told)
    return Reason(said.code, {**said.args, **finding.args}, said.text)
