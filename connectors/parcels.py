"""Tables that partners sent: what the exchange has verified and opened, and nobody has admitted yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from shanhai.connect.options import Options, read_options
from shanhai.connect.protocol import Body, ConnectContext
from shanhai.connect.tree.folder import FolderTree
from shanhai.connect.tree.protocol import Selection, bodies
from shanhai.connect.window import check_window
from shanhai.errors import SourceError


class ParcelsOptions(Options):
    """Options of the connector `parcels`."""

    partner: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,62}$", description="who sends it: the name that `shanhai pair` gave"
    )
    subject: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,62}\.[a-z][a-z0-9_]{0,62}$",
        description="the dataset, as the partner calls it",
    )


class ParcelsConnector:
    """The opened tables of one subject of one partner, the oldest version first.

    The endpoint is `home://exchange/opened`. A file lies there when all that was promised of it holds, and is
    gone once it is admitted, so there may be none. A body is named
    `<partner>/<subject>/<version>-<generation>-<seq>-<digest>.parquet`, after the version of the partner's
    table and the number and digest of the message that brought it. A window is a version.
    """

    options_model = ParcelsOptions

    def __init__(self, options: Mapping[str, Any], context: ConnectContext) -> None:
        self._options = read_options(ParcelsOptions, options, connector="parcels")
        self._context = context

    def pull(self, window: str | None) -> Iterator[Body]:
        """One body per parcel that waits; without a window those of every version."""
        version = None if window is None else check_window(window)
        names = self._names(version)
        if version is not None and not names:
            raise SourceError(
                f"no parcel of version {version} waits",
                given=f"{self._options.partner} {self._options.subject}",
                hint="it may not have come yet, or is admitted already: shanhai parcel show",
            )
        if not names:
            return
        tree = FolderTree(self._context.endpoint, self._context.allowed_roots)
        for name in names:
            yield from bodies(tree, Selection.of((name,), (), None, ()), self._context)

    def _names(self, version: str | None) -> list[str]:
        """Names below the endpoint, in the order of versions and then of messages."""
        below = f"{self._options.partner}/{self._options.subject}"
        found = [
            file.name
            for file in (Path(self._context.endpoint) / below).glob("*.parquet")
            if _numbers(file.name) is not None
        ]
        ordered = sorted(found, key=lambda name: (_numbers(name) or (), name))
        return [f"{below}/{name}" for name in ordered if version in (None, name.partition("-")[0])]


def _numbers(name: str) -> tuple[int, ...] | None:
    """Version, generation and number of the message; None of a file that the exchange did not place."""
    parts = name.split("-")[:3]
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    return tuple(map(int, parts))
