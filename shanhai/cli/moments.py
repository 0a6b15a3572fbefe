"""Moments as options take them: also as `--format json` tells them."""

from __future__ import annotations

from datetime import UTC, datetime

import click

MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"])
"""A day, from its beginning in UTC, or a second with its offset: `Z` or `+08:00`."""


def in_utc(moment: datetime) -> datetime:
    """A moment that was given, in UTC; without an offset it is of UTC."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
