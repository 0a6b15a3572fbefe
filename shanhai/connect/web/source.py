"""What connectors to one HTTP(S) source share: options, and sessions that keep to one rate budget."""

from __future__ import annotations

from pydantic import Field

from shanhai.connect.options import Options
from shanhai.connect.protocol import ConnectContext
from shanhai.connect.web.budget import Budget, Rate
from shanhai.connect.web.credential import Auth
from shanhai.connect.web.redirect import Origins
from shanhai.connect.web.session import Headers, HttpSession
from shanhai.connect.window import WindowKey
from shanhai.errors import ConfigurationError


class SourceOptions(Options):
    """Options that every connector to an HTTP(S) source has."""

    headers: Headers = Field(default_factory=dict)
    rate: Rate | None = None
    origins: Origins = Field(default=(), description="where else the source may lead")
    windows: tuple[WindowKey, ...] = Field(default=(), description="what a pull without a window asks for")


class HttpSource:
    """A system behind one endpoint; all sessions with it share a budget.

    Raises:
        ConfigurationError: the endpoint is a folder.
    """

    def __init__(self, connector: str, options: SourceOptions, context: ConnectContext) -> None:
        if not context.is_http:
            raise ConfigurationError(
                f"connector {connector}: the endpoint is no address",
                given=context.endpoint,
                allowed="http(s)://…",
            )
        self._options = options
        self._context = context
        self._budget = Budget(options.rate, monotonic=context.monotonic, sleep=context.sleep)

    def session(self, auth: Auth | None) -> HttpSession:
        """A session; its secret is looked up now."""
        options = self._options
        return HttpSession(
            self._context, auth=auth, headers=options.headers, origins=options.origins, budget=self._budget
        )
