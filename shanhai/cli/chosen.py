"""The delivery that a person means, also where some of what was pulled cannot be read."""

from __future__ import annotations

from string import hexdigits

from shanhai.cli.selection import find_delivery
from shanhai.cli.session import Session
from shanhai.ids import DatasetId, DeliveryId


def chosen_delivery(session: Session, text: str, *, decides: bool = False) -> DeliveryId:
    """The delivery that is meant, also of a pending one where sidecars of other datasets are damaged.

    Args:
        decides: nothing that cannot be read may be meant as well.

    Raises:
        NotFoundError: none or several are meant.
        DamagedError: none is meant of what can be read, and not all can be; or one is, and another may be.
    """
    from shanhai.errors import DamagedError, NotFoundError

    known, damaged = [row.delivery for row in session.ledger], dict[DatasetId, DamagedError]()
    for dataset in session.federation.datasets:
        try:
            known += pending_of(session, dataset)
        except DamagedError as error:
            damaged[dataset] = error
    try:
        chosen = find_delivery(known, text)
    except NotFoundError:
        for why in damaged.values():
            raise why from None
        raise
    for dataset, why in damaged.items() if decides else ():
        if dataset == chosen.dataset or _may_begin(dataset, text):
            raise why
    return chosen


def _may_begin(dataset: DatasetId, text: str) -> bool:
    """Whether a delivery of a dataset may begin so, or its digest."""
    return f"{dataset}/".startswith(text) or not set(text) - set(hexdigits)


def pending_of(session: Session, dataset: DatasetId) -> list[DeliveryId]:
    """The deliveries of a dataset that were pulled and have no verdict in the books yet."""
    from shanhai.ingest.pending import pending

    return pending(session.node, dataset)
