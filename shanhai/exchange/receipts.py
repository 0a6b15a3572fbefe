"""A receipt: what the recipient says became of a message."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from shanhai.exchange.failures import FAILURES, Refused, Stage
from shanhai.exchange.strict import Fields, Json, to_base64

RECEIVED, ADMITTED, REFUSED = "received", "admitted", "refused"


@dataclass(frozen=True)
class Receipt:
    """What became of one message.

    Attributes:
        of: SHA-256 of its payload.
        outcome: received (verified and opened), admitted (loaded), refused.
        code: why it was refused; None otherwise.
        rows: admitted, where rows were.
        contract_version: under which they were admitted.
        leaf: index of the recipient's event in its log.
        inclusion: the proof of that leaf; None with `leaf`.
    """

    of: str
    outcome: str
    code: str | None = None
    rows: int | None = None
    contract_version: str | None = None
    leaf: int | None = None
    inclusion: tuple[bytes, ...] | None = None


def write_receipt(receipt: Receipt) -> dict[str, Json]:
    """The content of a message of type receipt."""
    proof: list[Json] | None = (
        None if receipt.inclusion is None else [to_base64(one) for one in receipt.inclusion]
    )
    return {
        "v": 1,
        "of": receipt.of,
        "outcome": receipt.outcome,
        "code": receipt.code,
        "rows": receipt.rows,
        "contract_version": receipt.contract_version,
        "leaf": receipt.leaf,
        "inclusion": proof,
    }


def read_receipt(value: Json) -> Receipt:
    """The form that `write_receipt` gives.

    Raises:
        Refused: refusal-code-unknown, the json codes; at stage unwrap.
    """
    names = "of outcome code rows contract_version leaf inclusion"
    whole = Fields(value, names, stage=Stage.UNWRAP, version=1)
    outcome = whole.one_of("outcome", (RECEIVED, ADMITTED, REFUSED))
    if whole.is_null("code") != (outcome != REFUSED):
        raise whole.wrong("code")
    code = None if whole.is_null("code") else whole.text("code", r"[a-z0-9-]{1,64}")
    if code is not None and (code not in FAILURES or FAILURES[code].later):
        raise Refused("refusal-code-unknown")
    if whole.is_null("leaf") != whole.is_null("inclusion"):
        raise whole.wrong("inclusion")
    return Receipt(
        of=whole.hex("of"),
        outcome=outcome,
        code=code,
        rows=None if whole.is_null("rows") else whole.integer("rows", least=0),
        contract_version=None
        if whole.is_null("contract_version")
        else whole.text("contract_version", most=64),
        leaf=None if whole.is_null("leaf") else whole.integer("leaf", least=0),
        inclusion=None if whole.is_null("inclusion") else whole.hashes("inclusion"),
    )


def check_receipt(receipt: Receipt, sent: Collection[str]) -> None:
    """Return if the receipt is of a message that we sent in this pairing; `sent` are their digests.

    Raises:
        Refused: receipt-for-other-parcel.
    """
    if receipt.of not in sent:
        raise Refused("receipt-for-other-parcel")
