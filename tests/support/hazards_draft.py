"""The grant of `gongshu.hazards` that tests state: two columns, one of them masked."""

from __future__ import annotations

from datetime import timedelta

from shanhai.clock import system_clock
from shanhai.courier import granting
from shanhai.exchange.subjects import Subject

NOW = system_clock().replace(microsecond=0)
HAZARDS = Subject("dataset", "gongshu.hazards")
DRAFT = granting.Draft(
    subject=HAZARDS,
    columns=("area_code", "holder"),
    purpose="flood-drill",
    share_class="conditional",
    onward="none",
    valid_from=NOW - timedelta(days=1),
    until=NOW + timedelta(days=100),
    retention_days=90,
    masks={"holder": "mask-alphanum"},
)
