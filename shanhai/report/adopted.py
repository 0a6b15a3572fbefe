"""The applications of partners that are used here, by whose decision."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from shanhai.errors import ShanhaiError


@dataclass(frozen=True)
class AdoptedApplication:
    """One version that is used now.

    Attributes:
        version: of the partner.
        listing: digest of its files, as the partner signed it, hex.
        who: the person who adopted it.
    """

    partner: str
    application: str
    version: int
    listing: str
    who: str
    at: datetime
    reason: str


def read_adopted(home: Path) -> tuple[AdoptedApplication, ...] | None:
    """What is adopted in a home, by partner and name; None where its exchange cannot be read.

    A page about the lake is written whatever is wrong with the exchange.
    """
    from shanhai.audit.database import FILE
    from shanhai.courier.adoptions import adopted
    from shanhai.courier.database import open_state
    from shanhai.courier.log_kept import check_kept

    try:
        check_kept(home)
        if not (home / FILE).is_file():
            return ()
        with contextlib.closing(open_state(home)) as connection:
            return tuple(
                AdoptedApplication(
                    partner=one.partner,
                    application=one.application,
                    version=source.version,
                    listing=source.listing,
                    who=one.who,
                    at=one.at,
                    reason=one.reason,
                )
                for one, source in adopted(connection)
            )
    except ShanhaiError:
        return None
