"""The kinds of rules a contract can state, and the dimension of data quality that each one measures."""

from __future__ import annotations

from typing import Literal

Kind = Literal[
    "required",
    "type",
    "pattern",
    "codes",
    "range",
    "length",
    "resident_id",
    "social_credit_code",
    "area_code",
    "gb28181_id",
    "longitude",
    "latitude",
]
Dimension = Literal["completeness", "conformity", "accuracy"]

DIMENSIONS: dict[Kind, Dimension] = {
    "required": "completeness",
    "type": "accuracy",
    "pattern": "accuracy",
    "codes": "conformity",
    "range": "accuracy",
    "length": "accuracy",
    "resident_id": "conformity",
    "social_credit_code": "conformity",
    "area_code": "conformity",
    "gb28181_id": "conformity",
    "longitude": "accuracy",
    "latitude": "accuracy",
}
"""By GB/T 36344-2018: 完整性, 准确性, 规范性.

The standard counts type, range, length and format (数据格式合规性) under accuracy, reference data and
coding rules (权威参考数据, 数据标准) under conformity.
"""
