"""How far people were told of what became of a dataset's deliveries: a crash swallows no alert."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

from shanhai.ids import DatasetId
from shanhai.ingest.books import Entry, Net, table_net
from shanhai.ingest.files import write_whole
from shanhai.ingest.node import Node
from shanhai.warehouse import lake
from shanhai.warehouse.lake import LakeTable

log = logging.getLogger(__name__)

_BY_THE_GATE = ("load", "hold", "refuse")


def tell_verdicts(node: Node, dataset: DatasetId, tell: Callable[[Entry], bool]) -> None:
    """Call `tell` with each verdict of the gate that was committed since the last call, oldest first.

    Whoever is killed between a commit and this, or in the midst of it, leaves it to the next call: one that
    was told may be told once more. So is one, with all after it, for which `tell` returns False. A delivery
    about which a person has decided meanwhile is left out.

    Raises:
        StoreError: the table cannot be read, or the home not be written.
    """
    if not lake.exists(node.table(dataset)):
        return
    table = LakeTable.open(node.table(dataset), node.logs.get(dataset))
    reached = _reached(node, dataset)
    commits = table.commits(after=reached)
    if not commits:
        return
    standing, told = table_net(table), reached
    for commit in commits:
        verdicts = [Entry.model_validate(line) for line in commit.facts.get("entries", ())]
        if not all(tell(entry) for entry in verdicts if _stands(entry, standing[entry.delivery])):
            break
        told = commit.version
    if told > reached:
        _remember(node, dataset, told)


def _stands(entry: Entry, net: Net) -> bool:
    by_a_person = entry.decided_by or net.decided_by
    return entry.kind in _BY_THE_GATE and not by_a_person and entry.verdict == net.verdict


def _reached(node: Node, dataset: DatasetId) -> int:
    """The version of the table up to which people were told; -1 where nothing says so."""
    file = _file(node, dataset)
    try:
        return int(json.loads(file.read_text(encoding="utf-8"))["version"])
    except FileNotFoundError:
        return -1
    except (ValueError, KeyError, TypeError):
        log.warning("unreadable file=%s", file.name)
        return -1


def _remember(node: Node, dataset: DatasetId, version: int) -> None:
    write_whole(_file(node, dataset), json.dumps({"version": version}) + "\n")


def _file(node: Node, dataset: DatasetId) -> Path:
    return node.home / "notified" / "verdicts" / f"{dataset}.json"
