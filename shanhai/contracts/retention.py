"""Retention: for how many days what may hold personal values is kept, beside the tables themselves."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shanhai.contracts.refusals import WrongValueError

MOST_DAYS = 36_500
"""A century; whatever is to stay longer stays for ever."""


class Retention(BaseModel):
    """Days since a delivery was pulled after which parts of it are purged; None: they are kept for ever."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    quarantine_days: int | None = Field(
        default=None,
        ge=1,
        le=MOST_DAYS,
        description="then the text of its quarantined rows goes; their reasons stay",
    )
    snapshot_days: int | None = Field(
        default=None,
        ge=1,
        le=MOST_DAYS,
        description="then its bytes go, unless something still rests on them",
    )

    @model_validator(mode="after")
    def _released_from_the_snapshot(self) -> Retention:
        if self.snapshot_days is not None and not (self.quarantine_days or 0) <= self.snapshot_days:
            raise WrongValueError(
                "quarantine_days must not exceed snapshot_days: rows are released from the bytes",
                allowed=f"quarantine_days up to {self.snapshot_days}, or more snapshot_days",
            )
        if self.snapshot_days is not None and self.quarantine_days is None:
            raise WrongValueError(
                "snapshot_days needs quarantine_days: a row holds what the bytes hold",
                allowed=f"quarantine_days from 1 to {self.snapshot_days:,} beside it",
            )
        return self


FOR_EVER = Retention()
