"""A parcel: the content of a message that gives keys and terms for a set."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from shanhai.exchange.failures import Refused, Stage
from shanhai.exchange.grants import (
    COLUMN,
    ONWARD,
    PURPOSE,
    SHARE_CLASSES,
    Terms,
    read_masks,
    read_row_filter,
)
from shanhai.exchange.messages import ID
from shanhai.exchange.parquet.profile import MOST_COLUMNS, physical_name
from shanhai.exchange.secret import Secret
from shanhai.exchange.sets import SetStatement
from shanhai.exchange.strict import Fields, Json, to_base64, write_moment

_PHYSICAL = re.compile(r"c[0-9]{4}")
MOST_FACTS = 192 * 1024
"""What a message has room for beside the names and keys of as many columns as a set may have, in bytes."""

_FIELDS = "grant terms columns masks row_filter facts"


@dataclass(frozen=True, repr=False)
class Parcel:
    """What a recipient gets of a set.

    Attributes:
        terms: to what it is bound.
        names: what each column that is given is called, by its index in the files.
        facts: of the set, as bytes, whose digest the set names.
    """

    terms: Terms
    names: Mapping[int, str]
    facts: bytes


def write_parcel(parcel: Parcel, statement: SetStatement) -> dict[str, Json]:
    """The content of a message of type parcel."""
    terms = parcel.terms
    columns: dict[str, Json] = {
        physical_name(index): {"name": name, "key": statement.column_key(index)}
        for index, name in parcel.names.items()
    }
    return {
        "v": 1,
        "grant": {"id": terms.grant, "rev": terms.rev},
        "terms": {
            "purpose": terms.purpose,
            "share_class": terms.share_class,
            "onward": terms.onward,
            "retain_until": write_moment(terms.retain_until),
        },
        "columns": columns,
        "masks": dict(terms.masks),
        "row_filter": terms.row_filter,
        "facts": to_base64(parcel.facts),
    }


def read_parcel(value: Json, statement: SetStatement) -> Parcel:
    """The parcel of a message for the set that its header names.

    Raises:
        Refused: the json codes, at stage unwrap.
    """
    whole = Fields(value, _FIELDS, stage=Stage.UNWRAP, version=1)
    names = _names(whole, statement)
    masks = read_masks(whole)
    if not set(masks) <= set(names.values()):
        raise whole.wrong("masks")
    grant = whole.inside("grant", "id rev")
    terms = whole.inside("terms", "purpose share_class onward retain_until")
    bound = Terms(
        grant=grant.text("id", ID),
        rev=grant.integer("rev", least=1),
        purpose=terms.text("purpose", PURPOSE),
        share_class=terms.one_of("share_class", SHARE_CLASSES),
        onward=terms.one_of("onward", ONWARD),
        retain_until=terms.moment("retain_until"),
        columns=tuple(names.values()),
        masks=masks,
        row_filter=read_row_filter(whole),
    )
    return Parcel(bound, names, whole.raw("facts", least=2, most=MOST_FACTS))


def check_key_ids(parcel: Parcel, statement: SetStatement, keys: Mapping[str, Secret]) -> None:
    """Return if the keys are the footer's and those of the columns of the terms, and no others.

    Raises:
        Refused: key-missing, key-for-ungranted-column.
    """
    expected = {statement.footer_key} | {statement.column_key(index) for index in parcel.names}
    if expected - set(keys):
        raise Refused("key-missing")
    if set(keys) - expected:
        raise Refused("key-for-ungranted-column")


def _names(whole: Fields, statement: SetStatement) -> dict[int, str]:
    given = whole.mapping("columns", most=MOST_COLUMNS)
    names: dict[int, str] = {}
    for physical, value in given.items():
        one = Fields(value, "name key", stage=Stage.UNWRAP)
        index = _index(physical, whole)
        if one.text("key") != statement.column_key(index):
            raise one.wrong("key")
        names[index] = one.text("name", COLUMN)
    if not names or len(set(names.values())) != len(names):
        raise whole.wrong("columns")
    return names


def _index(physical: str, whole: Fields) -> int:
    if not _PHYSICAL.fullmatch(physical):
        raise whole.wrong("columns")
    return int(physical[1:])
