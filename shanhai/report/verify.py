"""Verify: count every figure of a report again, look at each file that it rests on, and write it again."""

from __future__ import annotations

from pathlib import Path

from shanhai.errors import ConfigurationError
from shanhai.ids import DeliveryId
from shanhai.ingest.node import Node
from shanhai.ingest.sidecar import Sidecar
from shanhai.report import verify_figures, verify_files, verify_pages, verify_refused
from shanhai.report.booked import behind
from shanhai.report.differences import Progress, Verification


def verify(
    node: Node, report: Path, *, deep: bool = False, progress: Progress = lambda *_: None
) -> Verification:
    """Compare a report with the home it was made of; the home is left as it is.

    Always: each page and the lists of figures with their digests; each figure with what its SQL gives now,
    and with its text on each page; the ledger with the commits that it was brought up to; quarantine files
    with the digests in the commits, and their rows with what the commits say became of them; the files of
    each table with the sizes in its log, and with the digests in its commits; each snapshot's size. When all
    that agrees, and the books and contracts are those that the report was made of, each statement and each
    page with what is written anew.

    Args:
        report: the folder of the report.
        deep: also read every snapshot for its SHA-256, and stage each delivery again in a scratch folder.

    Raises:
        ConfigurationError: the folder holds no report.
    """
    try:
        manifest, document = verify_pages.read(report)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            "the folder holds no report with figures", given=report, hint="shanhai report"
        ) from error
    found = Verification()
    found.look("pages", verify_pages.pages(report, manifest, progress))
    found.look("figures", verify_figures.figures(node, document, progress))
    found.look("figures on pages", verify_pages.shown(report, manifest, document))
    found.look("ledger rows", verify_files.books(node, progress))
    found.look("files", verify_files.files(node, progress))
    refused_rows: list[int] = []
    found.look("refused rows", verify_refused.refused(node, progress, refused_rows))
    found.looked["refused rows"] = sum(refused_rows)
    pulled: list[Sidecar] = []
    found.look("sidecars", verify_files.names(node, pulled))
    found.look("snapshots", verify_files.snapshots(node, pulled, deep, progress))
    if deep:
        left_out: list[DeliveryId] = []
        found.look("numbers staged again", verify_files.recounts(node, progress, left_out))
        if left_out:
            found.looked["deliveries whose bytes or contract are gone, not staged again"] = len(left_out)
    note = verify_pages.why_not_comparable(node, manifest)
    if note:
        found.notes.append(note)
    if found.agrees:
        found.notes += behind(node)
        if not note:
            found.look(
                "pages and statements written again", verify_pages.again(node, manifest, document, progress)
            )
    return found
