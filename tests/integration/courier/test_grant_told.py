"""What is said of a grant that is not given: the field, its value, what is allowed, and what stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hazards_draft import DRAFT, NOW
from two_nodes import Two

from shanhai.courier import granting
from shanhai.errors import ConfigurationError, DeniedError
from shanhai.exchange.subjects import Subject


@pytest.mark.parametrize(
    ("changed", "given", "allowed"),
    [
        ({"until": NOW - timedelta(days=900)}, "until: 20", "later than from, 20"),
        ({"purpose": "Übung"}, "purpose: Übung", "small letters"),
        ({"subject": Subject("dataset", "../x")}, "dataset: ../x", "<district>.<dataset>"),
        ({"masks": {"holder": "blur"}}, "masks: {'holder': 'blur'}", "mask-alphanum"),
    ],
    ids=["until", "purpose", "subject", "masks"],
)
def test_the_field_its_value_and_what_is_allowed_are_told(
    paired: Two, changed: dict[str, object], given: str, allowed: str
):
    with paired.gongshu.desk() as desk, pytest.raises(ConfigurationError) as met:
        granting.add(desk, "longyou", replace(DRAFT, **changed))
    assert given in (met.value.given or "")
    assert allowed in (met.value.allowed or "")


def test_the_same_grant_again_is_refused_with_the_one_that_stands(paired: Two):
    later = replace(DRAFT, valid_from=DRAFT.valid_from + timedelta(hours=1))
    earlier = replace(DRAFT, valid_from=DRAFT.valid_from - timedelta(hours=1))
    with paired.gongshu.desk() as desk:
        first = granting.add(desk, "longyou", DRAFT)
        for draft in (DRAFT, later):
            with pytest.raises(ConfigurationError, match="the same is granted already") as met:
                granting.add(desk, "longyou", draft)
            assert first.id in (met.value.allowed or "")
        granting.add(desk, "longyou", earlier)
        granting.add(desk, "longyou", replace(DRAFT, purpose="another"))


def test_what_was_revoked_is_granted_anew(paired: Two):
    with paired.gongshu.desk() as desk:
        first = granting.add(desk, "longyou", DRAFT)
        granting.revoke(desk, first.id)
        assert granting.add(desk, "longyou", DRAFT).id != first.id


def test_a_wider_revision_names_each_field(paired: Two):
    wide = replace(DRAFT, masks={}, retention_days=91, until=DRAFT.until + timedelta(days=1))
    with paired.gongshu.desk() as desk:
        first = granting.add(desk, "longyou", DRAFT)
        with pytest.raises(DeniedError) as met:
            granting.revise(desk, first.id, wide)
    assert (met.value.given or "").endswith(": masks, retention_days, until")
