"""Typed ids: what a dataset, a snapshot and a delivery are called, everywhere the same."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Self

from shanhai.errors import ConfigurationError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_PARTITION = re.compile(r"[0-9A-Za-z\u4e00-\u9fff][0-9A-Za-z\u4e00-\u9fff._:+-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

PARTITION_FORM = "1 to 100 letters, digits, Chinese characters or ._:+-, and begins with no sign"
"""What a partition may be, in words."""

WHOLE = "all"
"""The partition of a dataset that is not partitioned."""


def is_partition(text: str) -> bool:
    """Whether a partition may be called so: 1 to 100 characters, since it becomes part of names of files."""
    return _PARTITION.fullmatch(text) is not None


@dataclass(frozen=True, order=True)
class DatasetId:
    """`<district>.<name>`, both lower-case identifiers."""

    district: str
    name: str

    def __post_init__(self) -> None:
        for part in (self.district, self.name):
            if not _NAME.fullmatch(part):
                raise ConfigurationError(
                    "not a dataset name", given=f"{self.district}.{self.name}", allowed=_NAME.pattern
                )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `district.name`.

        Raises:
            ConfigurationError: the text has another form.
        """
        district, dot, name = text.partition(".")
        if not dot:
            raise ConfigurationError("not a dataset", given=text, allowed="<district>.<dataset>")
        return cls(district, name)

    def __str__(self) -> str:
        return f"{self.district}.{self.name}"


@dataclass(frozen=True, order=True)
class DeliveryId:
    """One snapshot of one dataset for one partition; loaded at most once.

    The text form `<district>.<dataset>/<partition>/<sha256>` is the id of the Delta application
    transaction, the value of the `_delivery` column of every lake row, and the ledger's key.
    """

    dataset: DatasetId
    partition: str
    snapshot: str

    def __post_init__(self) -> None:
        if not is_partition(self.partition):
            raise ConfigurationError("not a partition", given=self.partition, allowed=_PARTITION.pattern)
        if not _SHA256.fullmatch(self.snapshot):
            raise ConfigurationError("not a SHA-256", given=self.snapshot, allowed="64 hex digits")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form back.

        Raises:
            ConfigurationError: the text has another form.
        """
        parts = text.split("/")
        if len(parts) != 3:
            raise ConfigurationError(
                "not a delivery", given=text, allowed="<district>.<dataset>/<partition>/<sha256>"
            )
        return cls(DatasetId.parse(parts[0]), parts[1], parts[2])

    @property
    def short(self) -> str:
        """The form for people: the first twelve digits of the digest."""
        return f"{self.dataset}/{self.partition}/{self.snapshot[:12]}"

    @property
    def key(self) -> str:
        """A file-name-safe name that is unique among deliveries: 32 hex digits."""
        return hashlib.sha256(str(self).encode()).hexdigest()[:32]

    def __str__(self) -> str:
        return f"{self.dataset}/{self.partition}/{self.snapshot}"
