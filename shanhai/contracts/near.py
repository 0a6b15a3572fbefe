"""No such dataset: the error, with the names that were probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from shanhai.errors import NotFoundError, as_typed
from shanhai.ids import DatasetId

_SHOWN = 8


def no_such_dataset(given: str, known: Collection[DatasetId]) -> NotFoundError:
    """The error of a name that no contract declares: near names where there are some, else the first ones.

    Args:
        given: what somebody typed, of the form `<district>.<dataset>` or not.
        known: every dataset of the federation.
    """
    names = near_names(given, known)
    if not names:
        every = sorted(str(one) for one in known)
        names = [*every[:_SHOWN], *([f"and {len(every) - _SHOWN} more"] if len(every) > _SHOWN else [])]
    return NotFoundError(
        "no such dataset",
        given=as_typed(given),
        allowed=names or "none: no contract is declared yet",
        hint="`shanhai contract list` names all" if known else "add districts/<district>/<dataset>.odcs.yml",
    )


def near_names(given: str, known: Collection[DatasetId]) -> list[str]:
    """The datasets whose name, or a part of it, is nearly what was given; the nearest first."""
    typed = given.strip().lower()
    by_name = {str(one): one for one in sorted(known)}
    alike = [name for name, one in by_name.items() if typed in (name, one.name, one.district)]
    alike += difflib.get_close_matches(typed, by_name, n=_SHOWN, cutoff=0.7)
    if "." not in typed:
        parts = difflib.get_close_matches(typed, [one.name for one in known], n=_SHOWN, cutoff=0.7)
        alike += [name for name, one in by_name.items() if one.name in parts]
    return list(dict.fromkeys(alike))[:_SHOWN]
