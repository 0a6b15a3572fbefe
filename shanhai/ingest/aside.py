"""Aside: stage a delivery again in a scratch folder of its own; what is in the home stays as it is."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from shanhai.errors import BusyError
from shanhai.ids import DeliveryId
from shanhai.ingest.files import in_turn
from shanhai.ingest.node import Node
from shanhai.ingest.records import Staging
from shanhai.ingest.stage import stage
from shanhai.ingest.terms import Terms


@contextmanager
def staged_aside(node: Node, delivery: DeliveryId, terms: Terms) -> Iterator[tuple[Node, Staging]]:
    """The node whose home is the scratch folder, and what was staged there; it goes when the block ends.

    Raises:
        ShanhaiError: as `shanhai.ingest.stage.stage`.
    """
    with ExitStack() as held:
        with in_turn(_rooms(node)):
            _sweep(node)
            scratch = Path(tempfile.mkdtemp(dir=_rooms(node)))
            held.callback(shutil.rmtree, scratch, ignore_errors=True)
            held.enter_context(in_turn(scratch))
        for folder in ("staged", "quarantine", "scratch"):
            (scratch / folder).mkdir()
        aside = replace(node, settings=node.settings.model_copy(update={"home": scratch}))
        yield aside, stage(aside, delivery, terms)


def forget_left_aside(node: Node) -> None:
    """Remove what killed processes left: it may have the texts of refused rows."""
    if _rooms(node).is_dir():
        with in_turn(_rooms(node)):
            _sweep(node)


def _rooms(node: Node) -> Path:
    return node.home / "scratch" / "recount"


def _sweep(node: Node) -> None:
    """Remove the rooms that nobody holds. The caller holds the folder of all: none is being made."""
    for room in filter(Path.is_dir, _rooms(node).iterdir()):
        with suppress(BusyError), in_turn(room, wait=False):
            shutil.rmtree(room, ignore_errors=True)
