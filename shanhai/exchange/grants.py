"""A grant: the owner's numbered statement of what another node may have, and whether a parcel keeps to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shanhai.exchange.failures import Refused, Stage
from shanhai.exchange.messages import ID
from shanhai.exchange.parquet.profile import MOST_COLUMNS
from shanhai.exchange.strict import Fields, Json, write_moment
from shanhai.exchange.subjects import APPLICATION, Subject, read_subject, write_subject

MASKS = (
    "mask-alphanum",
    "mask-to-fixed-value",
    "replace-with-null",
    "show-first-4",
    "show-last-4",
    "truncate-to-year",
    "truncate-to-month",
    "sha-256-global",
    "sha-256-query-local",
)
"""The actions of Iceberg's read restrictions; there are no others."""

SHARE_CLASSES = ("unconditional", "conditional")
ONWARD = ("none", "named", "open")
"""What the recipient may do further, the least first."""

COLUMN = r"[^\s].{0,255}"
PURPOSE = r"[a-z][a-z0-9_-]{0,63}"
_FIELDS = (
    "id rev grantee subject columns row_filter masks purpose share_class onward from until"
    " retention_days revoked k"
)


@dataclass(frozen=True, repr=False)
class Grant:
    """One revision of a grant. Fields as in the specification, section "Grant".

    Attributes:
        columns: names that may be had; None for applications, which are had whole.
        masks: action by column name.
        valid_from, until: valid from the first, until before the second.
        k: least number of people behind a row of a mart that counts them.
    """

    id: str
    rev: int
    grantee: str
    subject: Subject
    columns: tuple[str, ...] | None
    purpose: str
    share_class: str
    onward: str
    valid_from: datetime
    until: datetime
    retention_days: int
    row_filter: str | None = None
    masks: Mapping[str, str] = field(default_factory=dict)
    revoked: bool = False
    k: int | None = None


@dataclass(frozen=True)
class HeldGrant:
    """The newest revision of a grant that is known, and the node that gave it."""

    owner: str
    grant: Grant


@dataclass(frozen=True, repr=False)
class Terms:
    """To what a parcel is bound.

    Attributes:
        grant, rev: the revision of the grant that it is sent under.
        columns: names of the columns that are sent.
        masks: action by column name.
        row_filter: which rows are sent; None for all.
    """

    grant: str
    rev: int
    purpose: str
    share_class: str
    onward: str
    retain_until: datetime
    columns: tuple[str, ...]
    masks: Mapping[str, str]
    row_filter: str | None


def write_grant(grant: Grant) -> dict[str, Json]:
    """The content of a message of type grant or revoke."""
    return {
        "v": 1,
        "id": grant.id,
        "rev": grant.rev,
        "grantee": grant.grantee,
        "subject": write_subject(grant.subject),
        "columns": None if grant.columns is None else list(grant.columns),
        "row_filter": grant.row_filter,
        "masks": dict(grant.masks),
        "purpose": grant.purpose,
        "share_class": grant.share_class,
        "onward": grant.onward,
        "from": write_moment(grant.valid_from),
        "until": write_moment(grant.until),
        "retention_days": grant.retention_days,
        "revoked": grant.revoked,
        "k": grant.k,
    }


def read_grant(value: Json) -> Grant:
    """The form that `write_grant` gives.

    Raises:
        Refused: version-unknown and the json codes, at stage unwrap.
    """
    whole = Fields(value, _FIELDS, stage=Stage.UNWRAP, version=1)
    subject = read_subject(whole)
    if whole.is_null("columns") != (subject.kind == APPLICATION):
        raise whole.wrong("columns")
    columns = None if whole.is_null("columns") else whole.texts("columns", COLUMN, least=1, most=MOST_COLUMNS)
    masks = read_masks(whole)
    valid_from, until = whole.moment("from"), whole.moment("until")
    if not set(masks) <= set(columns or ()):
        raise whole.wrong("masks")
    if valid_from >= until:
        raise whole.wrong("until")
    return Grant(
        id=whole.text("id", ID),
        rev=whole.integer("rev", least=1),
        grantee=whole.hex("grantee"),
        subject=subject,
        columns=columns,
        purpose=whole.text("purpose", PURPOSE),
        share_class=whole.one_of("share_class", SHARE_CLASSES),
        onward=whole.one_of("onward", ONWARD),
        valid_from=valid_from,
        until=until,
        retention_days=whole.integer("retention_days", least=1, most=36_500),
        row_filter=read_row_filter(whole),
        masks=masks,
        revoked=whole.flag("revoked"),
        k=None if whole.is_null("k") else whole.integer("k", least=2, most=1_000_000),
    )


def read_masks(fields: Fields) -> dict[str, str]:
    """Action by column name.

    Raises:
        Refused: json-field-wrong, also of an action that is not of the closed list.
    """
    masks = {name: str(action) for name, action in fields.mapping("masks", most=MOST_COLUMNS).items()}
    if not set(masks.values()) <= set(MASKS):
        raise fields.wrong("masks")
    return masks


def read_row_filter(fields: Fields) -> str | None:
    """The text of a row filter, or None."""
    return None if fields.is_null("row_filter") else fields.text("row_filter", r".+", most=4096)


def check_statement(grant: Grant, *, sender: str, me: str, held: HeldGrant | None) -> None:
    """Return if a grant that came in a message may replace what is held under its id.

    Raises:
        Refused: grant-widened-by-grantee (of a grant that another node gave), grant-of-other-node,
            grant-older-revision.
    """
    if held is not None and held.owner != sender:
        raise Refused("grant-widened-by-grantee")
    if grant.grantee != me:
        raise Refused("grant-of-other-node")
    if held is not None and grant.rev <= held.grant.rev and grant != held.grant:
        raise Refused("grant-older-revision")


def check_in_force(grant: Grant, at: datetime) -> None:
    """Return if the grant is in force at a moment.

    Raises:
        Refused: grant-revoked, grant-not-yet-valid, grant-expired.
    """
    if grant.revoked:
        raise Refused("grant-revoked")
    if at < grant.valid_from:
        raise Refused("grant-not-yet-valid")
    if at >= grant.until:
        raise Refused("grant-expired")


def check_covers(grant: Grant, terms: Terms, *, subject: Subject, issued: datetime) -> None:
    """Return if a parcel keeps to the grant that it names.

    Args:
        grant: the newest revision that is known.
        terms: of the parcel.
        subject: what its facts say that the set is of.
        issued: when the message was issued, from which on retention counts.

    Raises:
        Refused: grant-older-revision, grant-unknown (of a revision not seen yet), terms-exceed-grant.
    """
    if terms.rev < grant.rev:
        raise Refused("grant-older-revision")
    if terms.rev > grant.rev:
        raise Refused("grant-unknown")
    kept = (
        subject == grant.subject
        and terms.purpose == grant.purpose
        and terms.share_class == grant.share_class
        and terms.row_filter == grant.row_filter
        and ONWARD.index(terms.onward) <= ONWARD.index(grant.onward)
        and terms.retain_until - issued <= timedelta(days=grant.retention_days)
        and (grant.columns is None or set(terms.columns) <= set(grant.columns))
        and all(
            terms.masks.get(name) == grant.masks.get(name) for name in terms.columns if name in grant.masks
        )
    )
    if not kept:
        raise Refused("terms-exceed-grant")


def widened(old: Grant, new: Grant) -> tuple[str, ...]:
    """The fields by which a revision allows anything that the one before did not."""
    if new.revoked:
        return ()
    if old.revoked or new.grantee != old.grantee:
        return ("revoked" if old.revoked else "grantee",)
    unmasked = any(
        new.masks.get(name) != action for name, action in old.masks.items() if name in (new.columns or ())
    )
    wider = {
        "subject": new.subject != old.subject,
        "columns": bool(set(new.columns or ()) - set(old.columns or ())),
        "masks": unmasked,
        "purpose": new.purpose != old.purpose,
        "share_class": new.share_class != old.share_class,
        "row_filter": new.row_filter != old.row_filter,
        "onward": ONWARD.index(new.onward) > ONWARD.index(old.onward),
        "retention_days": new.retention_days > old.retention_days,
        "from": new.valid_from < old.valid_from,
        "until": new.until > old.until,
        "k": (new.k or 0) < (old.k or 0),
    }
    return tuple(name for name, is_so in wider.items() if is_so)
