"""The verdict, as a table of cases."""

from __future__ import annotations

import pytest
from plain_contract import plain_contract

from shanhai.contracts.model import Column, Tolerance
from shanhai.quality.plausibility import Finding
from shanhai.quality.verdict import Signals, decide_verdict

CONTRACT = plain_contract(
    "gongshu.noise",
    Column(name="monitor_id", source="监测点", type="string"),
    Column(name="level_db", source="声级", type="number", required=True),
    Column(name="note", source="备注", type="string"),
    key=("monitor_id",),
    tolerance=Tolerance(hold=0.1, refuse=0.5),
)
FINDING = Finding("rows.min", "0", ">= 1", "never empty")

CASES = [
    ("clean", {"rows_in": 10}, "accepted", []),
    ("at the hold limit", {"rows_in": 10, "bad_rows": 1}, "accepted", []),
    ("above the hold limit", {"rows_in": 10, "bad_rows": 2}, "held", ["2 of 10 rows are bad, more than 10%"]),
    ("at the refuse limit", {"rows_in": 10, "bad_rows": 5}, "held", ["5 of 10"]),
    ("above the refuse limit", {"rows_in": 10, "bad_rows": 6}, "refused", ["6 of 10"]),
    ("all bad", {"rows_in": 10, "bad_rows": 10}, "refused", ["10 of 10"]),
    ("empty and plausible", {"rows_in": 0}, "accepted", []),
    ("empty and implausible", {"rows_in": 0, "findings": [FINDING]}, "held", ["rows.min: 0, allowed >= 1"]),
    ("implausible", {"rows_in": 10, "findings": [FINDING]}, "held", ["never empty"]),
    ("required heading gone", {"rows_in": 10, "signals": Signals(missing=("声级",))}, "refused", ["声级"]),
    ("key heading gone", {"rows_in": 10, "signals": Signals(missing=("监测点",))}, "refused", ["监测点"]),
    ("other heading gone", {"rows_in": 10, "signals": Signals(missing=("备注",))}, "held", ["备注"]),
    ("new heading", {"rows_in": 10, "signals": Signals(unknown=("噪声等级",))}, "held", ["噪声等级"]),
    ("unreadable", {"rows_in": 0, "unreadable": "not GB18030"}, "refused", ["not GB18030"]),
    (
        "many new headings",
        {"rows_in": 10, "signals": Signals(unknown=tuple(f"h{number}" for number in range(23)))},
        "held",
        [*(f"unknown heading: h{number}" for number in range(20)), "3 more unknown headings"],
    ),
    (
        "no heading at all",
        {
            "rows_in": 10,
            "signals": Signals(missing=("监测点", "声级", "备注"), unknown=("#1 (9 characters)",)),
        },
        "refused",
        ["none of the 3 headings of the contract is there"],
    ),
    (
        "no heading but of a column that came later",
        {"rows_in": 10, "signals": Signals(missing=("监测点", "声级"), not_yet=("备注",))},
        "refused",
        ["none of the 2 headings of the contract is there"],
    ),
    (
        "everything at once",
        {
            "rows_in": 10,
            "bad_rows": 2,
            "findings": [FINDING],
            "signals": Signals(missing=("声级",), unknown=("x",)),
        },
        "refused",
        ["声级", "unknown heading: x", "2 of 10", "rows.min"],
    ),
]


@pytest.mark.parametrize(
    ("facts", "state", "said"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_verdict(facts, state, said):
    verdict = decide_verdict(CONTRACT, **{"bad_rows": 0, **facts})

    assert verdict.state == state
    assert len(verdict.reasons) == len(said)
    assert all(part in reason for part, reason in zip(said, verdict.reasons, strict=True))
