"""Cases of policy drawn at random: right but for a few parts, of the case and of its grant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

from hypothesis import strategies as st
from vectors.shape_cases import COLUMNS, HERE, NOW, OTHER, THERE, columns_of, moment

from shanhai.exchange.grants import Grant, Terms
from shanhai.exchange.pairing_states import PairingState
from shanhai.exchange.subjects import Subject
from shanhai.governance.filters import RowFilter, read_filter
from shanhai.governance.shape import Shape
from shanhai.governance.subjects import Counted
from shanhai.governance.values import Case, Data, Received, Request

ALL = columns_of(COLUMNS)
NAMES = tuple(column.name for column in ALL)
TIME = moment(NOW)
DAYS = st.integers(-400, 400).map(lambda days: TIME + timedelta(days=days))
FILTERS = (None, "visits > 1", "seen_at > TIMESTAMPTZ '2026-06-01 00:00:00+08'", "person_name = 'x'")
MASKS = {
    "person_name": ("mask-alphanum", "show-last-4", "md5"),
    "born": ("truncate-to-year", "mask-to-fixed-value"),
    "seen_at": ("truncate-to-month", "mask-alphanum"),
    "visits": ("mask-to-fixed-value", "sha-256-global"),
}
PURPOSES = ("follow-up", "marketing", "", " ")
ONWARD = ("none", "named", "open", "unheard")
PEOPLE = ("Wang Li", "wang  li", "Chen Yu", "", " ")
CLASSES = ("unconditional", "conditional", "not_shared")
SUBJECTS = (Subject("dataset", "a.b"), Subject("dataset", "a.c"), Subject("application", "a.b"))
SMALL = st.none() | st.integers(0, 12)


@cache
def condition(text: str | None) -> RowFilter | None:
    return None if text is None else read_filter(text, ALL)


def masks(names: tuple[str, ...] = NAMES) -> st.SearchStrategy[dict[str, str]]:
    known = {name: st.sampled_from(MASKS[name]) for name in names if name in MASKS}
    return st.fixed_dictionaries({}, optional=known)


@dataclass(frozen=True)
class Stated:
    """The parts of a case, each right by itself; a test draws a few of them anew."""

    names: tuple[str, ...] = ("village", "closed", "visits", "person_name")
    readable: tuple[str, ...] = ("village", "visits", "person_name")
    row_filter: str | None = None
    shape_masks: Any = None
    purpose: str = "follow-up"
    share_class: str = "conditional"
    onward: str = "none"
    retain_until: Any = TIME + timedelta(days=30)
    releaser: str = "Wang Li"
    approver: str | None = "Chen Yu"
    revision: int = 3
    told_masks: Any = None
    told_filter: str | None = ""
    recipient: str = THERE
    asked: Subject = SUBJECTS[0]
    subject: Subject = SUBJECTS[0]
    held_class: str = "conditional"
    state: str = "stands"
    counts_people: bool = False
    received: Received | None = None
    pairing: PairingState = PairingState.ACTIVE
    order: tuple[str, ...] | None = ("village", "visits")
    others: tuple[Grant, ...] = ()
    sent: frozenset[tuple[int, str]] = frozenset()
    read: frozenset[str] = frozenset()
    counted: Counted | None = None

    @property
    def shown(self) -> dict[str, str]:
        """The masks of the shape."""
        return {name: mask for name, mask in (self.shape_masks or {}).items() if name in self.names}

    @property
    def told(self) -> tuple[dict[str, str], str | None]:
        """Masks and rows as the terms tell them: as they are, unless drawn otherwise."""
        masks = {name: mask for name, mask in self.shown.items() if name in self.readable}
        return (
            masks if self.told_masks is None else self.told_masks,
            self.row_filter if self.told_filter == "" else self.told_filter,
        )

    def counts(self, drawn: tuple[int, str]) -> tuple[int, str]:
        """The measure of this very release where 7 was drawn, else of another."""
        known = {column.name: column for column in ALL}
        shape = Shape(tuple(known[name] for name in self.names), condition(self.row_filter), self.shown)
        return (7, shape.shape_id) if drawn[0] == 7 else drawn

    def case(self, grant: Grant | None) -> Case:
        known = {column.name: column for column in ALL}
        told_masks, told_filter = self.told
        return Case(
            request=Request(
                subject=self.asked,
                version=7,
                recipient=self.recipient,
                shape=Shape(
                    tuple(known[name] for name in self.names),
                    condition(self.row_filter),
                    self.shown,
                ),
                terms=Terms(
                    grant="a" * 32,
                    rev=self.revision,
                    purpose=self.purpose,
                    share_class=self.share_class,
                    onward=self.onward,
                    retain_until=self.retain_until,
                    columns=self.readable,
                    masks=told_masks,
                    row_filter=told_filter,
                ),
                releaser=self.releaser,
                approver=self.approver,
                order=self.order,
            ),
            data=Data(self.subject, self.held_class, ALL, self.state, self.counts_people, self.received),
            grant=grant,
            pairing=self.pairing,
            now=TIME,
            sent=self.sent,
            read=self.read,
            others=self.others,
            counted=self.counted and replace(self.counted, measure=self.counts(self.counted.measure)),
        )


GRANT = Grant(
    grantee=THERE,
    id="a" * 32,
    rev=3,
    subject=SUBJECTS[0],
    columns=("village", "closed", "visits", "person_name"),
    row_filter=None,
    masks={},
    purpose="follow-up",
    share_class="conditional",
    onward="named",
    valid_from=TIME - timedelta(days=30),
    until=TIME + timedelta(days=30),
    retention_days=60,
    revoked=False,
    k=None,
)
SENT = st.frozensets(st.tuples(st.integers(5, 7), st.sampled_from(("shape a", "shape b"))), max_size=3)
COUNTED = st.builds(
    Counted,
    st.sampled_from(((7, ""), (7, ""), (6, "shape a"))),
    st.sampled_from((frozenset(NAMES), frozenset(("village", "visits", "person_name")))),
    SMALL,
    SMALL,
    SMALL,
    SENT,
    SMALL,
)
OTHERS = (
    (),
    (replace(GRANT, id="b" * 32, grantee=OTHER, columns=NAMES),),
    (replace(GRANT, id="b" * 32, grantee=OTHER, columns=NAMES, revoked=True),),
    (replace(GRANT, id="b" * 32, grantee=OTHER, columns=NAMES, until=TIME),),
    (replace(GRANT, id="b" * 32, grantee=OTHER, columns=NAMES, subject=SUBJECTS[1]),),
    (replace(GRANT, id="b" * 32, grantee=THERE, columns=(), k=5),),
)
"""Grants beside it: none, one that counts, such as have ended or are about something else, one with a `k`."""
SOME_NAMES = st.lists(st.sampled_from(NAMES), unique=True, max_size=8).map(tuple)
STATED = {
    "names": SOME_NAMES.filter(bool),
    "readable": SOME_NAMES,
    "row_filter": st.sampled_from(FILTERS),
    "shape_masks": masks(),
    "purpose": st.sampled_from(PURPOSES),
    "share_class": st.sampled_from(CLASSES),
    "onward": st.sampled_from(ONWARD),
    "retain_until": DAYS,
    "releaser": st.sampled_from(PEOPLE),
    "approver": st.none() | st.sampled_from(PEOPLE),
    "recipient": st.sampled_from((HERE, THERE)),
    "asked": st.sampled_from(SUBJECTS),
    "subject": st.sampled_from(SUBJECTS),
    "held_class": st.sampled_from(CLASSES),
    "state": st.sampled_from(("stands", "held", "withdrawn")),
    "counts_people": st.booleans(),
    "received": st.none()
    | st.builds(Received, st.sampled_from(ONWARD), st.frozensets(st.sampled_from((THERE, OTHER)))),
    "pairing": st.sampled_from(PairingState),
    "revision": st.integers(2, 4),
    "told_masks": masks(),
    "told_filter": st.sampled_from(FILTERS),
    "sent": SENT,
    "read": st.frozensets(st.sampled_from(("village", "closed")), max_size=2),
    "order": st.none() | SOME_NAMES,
    "others": st.sampled_from(OTHERS),
    "counted": st.none() | COUNTED,
}
GRANTED = {
    "grantee": st.sampled_from((HERE, THERE)),
    "rev": st.integers(2, 4),
    "subject": st.sampled_from(SUBJECTS),
    "columns": st.none() | SOME_NAMES,
    "row_filter": st.sampled_from(FILTERS),
    "masks": masks(),
    "purpose": st.sampled_from(PURPOSES),
    "share_class": st.sampled_from(CLASSES),
    "onward": st.sampled_from(ONWARD),
    "valid_from": DAYS,
    "until": DAYS,
    "retention_days": st.integers(-5, 400),
    "revoked": st.booleans(),
    "k": SMALL,
}


@st.composite
def stated(draw) -> tuple[Stated, Grant]:
    """A case that is right but for a few parts, and a grant likewise."""
    parts = draw(st.sets(st.sampled_from(sorted(STATED)), max_size=3))
    rights = draw(st.sets(st.sampled_from(sorted(GRANTED)), max_size=3))
    return (
        replace(Stated(), **{name: draw(STATED[name]) for name in sorted(parts)}),
        replace(GRANT, **{name: draw(GRANTED[name]) for name in sorted(rights)}),
    )
