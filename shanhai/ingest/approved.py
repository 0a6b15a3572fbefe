"""Who wants a delivery in the table although the gate has something against it: now, or already before."""

from __future__ import annotations

from dataclasses import dataclass, replace

from shanhai.errors import ConfigurationError, DeniedError
from shanhai.ids import DeliveryId
from shanhai.ingest.books import Net
from shanhai.ingest.records import ReasonRecord, Validation
from shanhai.quality.verdict import BAD_ROWS


@dataclass(frozen=True)
class Person:
    """Who has a delivery judged again, and why; nobody in particular when both are empty.

    `idempotency_key` names the request, if that may be made again.
    """

    by: str = ""
    reason: str = ""
    idempotency_key: str = ""

    @classmethod
    def who_decides(cls, by: str, reason: str, idempotency_key: str) -> Person:
        """With a name and a reason, without blanks around them.

        Raises:
            ConfigurationError: one of the two is missing.
        """
        by, reason = by.strip(), reason.strip()
        if not by or not reason:
            raise ConfigurationError(
                "a decision needs a name and a reason",
                given=f"by={by!r} reason={reason!r}",
                allowed="texts that are not blank; both stay in the ledger for good",
                hint='--by "Li Wei" --reason "confirmed by the district"',
            )
        return cls(by, reason, idempotency_key)


def responsible(
    delivery: DeliveryId, net: Net, before: Validation | None, now: Validation, person: Person
) -> Person:
    """Who answers for replaying an accepted delivery with the verdict that it gets now.

    What a person approved stays approved: when the gate has nothing against the delivery that it had not
    then, or fewer bad rows, name and reason of then count.

    Args:
        before: the check behind the books; None where its record is lost.
        person: who wants it now, if anybody says so.

    Raises:
        DeniedError: the gate would hold or refuse the delivery, and nobody answers for that.
    """
    wanted = bool(person.by and person.reason)
    if now.verdict == "accepted" or (now.verdict == "held" and wanted):
        return person
    if net.decided_by and before is not None and _is_no_worse(before, now):
        return person if wanted else replace(person, by=net.decided_by, reason=net.reason)
    way = "say who wants it, and why" if now.verdict == "held" else "withdraw it, then approve it"
    raise DeniedError(
        f"the delivery would be {now.verdict} by the contract as it is now; nothing was changed",
        given=f"{delivery.short}: {'; '.join(now.reasons)}",
        allowed="accepted, or what a person approved already",
        hint=f"correct the contract; if all is right: {way}",
    )


def _is_no_worse(before: Validation, now: Validation) -> bool:
    if now.verdict == "refused" and before.verdict != "refused":
        return False
    return all(
        reason.text in before.reasons or (reason.code == BAD_ROWS and _bad(reason) <= _most_bad(before))
        for reason in now.why
    )


def _most_bad(validation: Validation) -> int:
    return max((_bad(reason) for reason in validation.why if reason.code == BAD_ROWS), default=0)


def _bad(reason: ReasonRecord) -> int:
    return int(reason.args["bad"])
