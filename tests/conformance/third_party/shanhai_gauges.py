"""A connector of somebody else: river gauges, of which a station's index names a file for each day.

It is what docs/guide/write-a-connector.md shows: nothing in it is more than a package of one's own may use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from shanhai.connect.options import read_options
from shanhai.connect.protocol import Body, ConnectContext
from shanhai.connect.web import address
from shanhai.connect.web.credential import Auth
from shanhai.connect.web.source import HttpSource, SourceOptions
from shanhai.connect.window import check_window
from shanhai.errors import ConfigurationError, SourceError


class GaugesOptions(SourceOptions):
    """Options of the connector `gauges`."""

    stations: tuple[str, ...] = Field(min_length=1, description="names of stations")
    auth: Auth | None = None


class GaugesConnector:
    """One file per station and day."""

    options_model = GaugesOptions

    def __init__(self, options: Mapping[str, Any], context: ConnectContext) -> None:
        self._options = read_options(GaugesOptions, options, connector="gauges")
        self._source = HttpSource("gauges", self._options, context)
        self._context = context

    def pull(self, window: str | None) -> Iterator[Body]:
        """One body per station: `<station>/<day>.csv`."""
        if window is None:
            raise ConfigurationError("connector gauges: a window is needed", hint="pull with --window")
        day = check_window(window)
        with self._source.session(self._options.auth) as session:
            for station in self._options.stations:
                index = session.get_whole(address.below(session.base, f"{station}/index.txt"))
                if day not in index.content.decode("utf-8", "replace").split():
                    raise SourceError(f"gauge {station} has nothing for window {day}")
                name = f"{station}/{day}.csv"
                download = session.get(
                    address.below(session.base, name), window=day, kept=self._context.kept(name)
                )
                yield Body(
                    name,
                    download.url,
                    download.media_type,
                    download.chunks,
                    download.facts,
                    download.request,
                    download.unchanged,
                )
