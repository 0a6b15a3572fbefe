"""A build of the marts by a node, whose books are brought up to its tables first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shanhai.errors import ShanhaiError
from shanhai.ingest.node import Node
from shanhai.ingest.reconcile import reconcile_for_build

if TYPE_CHECKING:
    from shanhai.warehouse.last_build import BuildResult


def build_marts(node: Node) -> tuple[BuildResult, tuple[ShanhaiError, ...]]:
    """Build and test every mart on versions pinned now.

    Returns:
        the build; and why the quarantine table is left behind, as `reconcile_for_build` tells it.

    Raises:
        ShanhaiError: as `warehouse.build.build` and `reconcile_for_build`.
    """
    from shanhai.warehouse.build import build

    behind: list[ShanhaiError] = []
    result = build(node.settings, node.federation, reconcile=lambda: behind.extend(reconcile_for_build(node)))
    return result, tuple(behind)
