"""How many people a release tells apart: the statements that measure it, and the numbers they give.

The numbers are of subjects, never of rows: one person with twelve visits is one. Each statement is text, and
gives one row of whole numbers or NULL; policy sees the numbers alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from shanhai.contracts.sql import quote_identifier
from shanhai.governance.refusals import ShapeRefusedError
from shanhai.governance.shape import Shape, people_sql

Measure = tuple[int, str]
"""A version, or the number of a publication, and the id of the shape in which it leaves."""

SUBJECT, LEAVES = "_subject", "_leaves"
"""Columns of `measured`: no column of a contract begins with `_`."""
MOST_COLUMNS = 12
"""As many columns may tell groups apart: each more doubles the totals that are looked at."""


@dataclass(frozen=True)
class Counted:
    """What was measured of one release.

    Args:
        measure: of which release: numbers of another are worth nothing.
        columns: by which groups were told apart: all that the recipient would have of this set, or of another
            of the same measure.
        smallest_group: subjects in the smallest group that leaves; None: no group leaves.
        smallest_rows: rows in the group with the fewest; None likewise.
        smallest_complement: the fewest subjects, but at least one, that stay behind in a group or a total
            of which others leave; None: nobody stays behind.
        compared_with: what the recipient has been sent before and this one was compared with.
        smallest_difference: the fewest subjects, but at least one, by which a group or a total differs from
            one of those; None: none differs.
        who: the column that says who a row is of, as whoever released it named it.
    """

    measure: Measure
    columns: frozenset[str]
    smallest_group: int | None
    smallest_rows: int | None
    smallest_complement: int | None
    compared_with: frozenset[Measure]
    smallest_difference: int | None
    who: str = ""


def measured(shape: Shape, relation: str, *, subject: str, columns: Sequence[str]) -> str:
    """SQL of rows to count: `columns` as they leave, who each row is of, and whether it leaves.

    Groups are those of masked values: months that become one year are one group, whose rest may be a few.
    Where one of the columns has a salted mask, the statement has the parameter for the salt.
    """
    return people_sql(shape, relation, columns=columns, subject=(subject, SUBJECT), leaves=LEAVES)


def groups_sql(relation: str, *, subject: str, by: Sequence[str], condition: str = "true") -> str:
    """`smallest_group, smallest_rows`: of the groups that leave, told apart by the columns `by`.

    A row without a subject counts as a row and as nobody.

    Args:
        relation: SQL of rows about people, in parentheses or a name.
        subject: the column that says who.
        by: the columns that leave and tell groups apart; none: all rows are one group.
        condition: which rows leave.
    """
    keys = _listed(by)
    grouped = f" GROUP BY {keys}" if by else " HAVING count(*) > 0"
    return (
        "SELECT min(subjects), min(n) FROM ("
        f"SELECT count(DISTINCT {quote_identifier(subject)}) AS subjects, count(*) AS n "
        f"FROM {relation} AS held WHERE (\n{condition}\n){grouped})"
    )


def complement_sql(relation: str, *, subject: str, by: Sequence[str], condition: str) -> str:
    """`smallest_complement`: a total that is known, less what leaves, must not be a handful of people.

    Looks at each group, at the totals over any of the columns `by`, and at the grand total, where some
    subject leaves. Arguments are those of `groups_sql`.
    """
    who = quote_identifier(subject)
    sums = f"count(DISTINCT {who}) AS everyone, count(DISTINCT {who}) FILTER (WHERE leaves) AS leaving"
    held = f"(SELECT *, coalesce((\n{condition}\n), false) AS leaves FROM {relation} AS held)"
    totals = " UNION ALL ".join(f"SELECT {sums} FROM {held}{_grouped(margin)}" for margin in _margins(by))
    return f"SELECT min(everyone - leaving) FROM ({totals}) WHERE leaving > 0 AND everyone > leaving"


def difference_sql(earlier: str, later: str, *, subject: str, by: Sequence[str], condition: str) -> str:
    """`smallest_difference`: two versions laid side by side must not show a handful of people.

    Who came to, or went from, a group or a total between the versions is counted apart for each.

    Args:
        earlier: SQL of the rows of a version that was sent before.
        later: SQL of the rows of this one.
    """
    who = quote_identifier(subject)
    columns = ", ".join(map(quote_identifier, dict.fromkeys((*by, subject))))
    leaving = f"(\n{condition}\n) AND {who} IS NOT NULL"
    both = " UNION ALL ".join(
        f"SELECT {columns}, {was} AS was, {not was} AS is_now FROM {relation} AS held WHERE {leaving}"
        for relation, was in ((earlier, True), (later, False))
    )
    changes = " UNION ALL ".join(_changes(both, who, margin) for margin in _margins(by))
    return f"SELECT min(n) FROM ({changes})"


def _changes(both: str, who: str, margin: Sequence[str]) -> str:
    keys = "".join(f"{quote_identifier(name)}, " for name in margin)
    people = (
        f"SELECT {keys}{who}, bool_or(was) AS was, bool_or(is_now) AS is_now FROM ({both}) "
        f"GROUP BY {keys}{who}"
    )
    return f"SELECT count(*) AS n FROM ({people}) WHERE was <> is_now GROUP BY {keys}was"


def _margins(by: Sequence[str]) -> list[tuple[str, ...]]:
    """The groups and every total: each choice of the columns, down to none of them.

    Raises:
        ShapeRefusedError: `columns-too-many`: more than `MOST_COLUMNS`.
    """
    if len(by) > MOST_COLUMNS:
        raise ShapeRefusedError(
            "columns-too-many", "groups cannot be counted over so many columns", given=len(by),
            allowed=MOST_COLUMNS,
        )  # fmt: skip
    return [chosen for many in range(len(by), -1, -1) for chosen in combinations(tuple(by), many)]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(quote_identifier, names))


def _grouped(names: Sequence[str]) -> str:
    return f" GROUP BY {_listed(names)}" if names else ""
