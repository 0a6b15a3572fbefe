"""Which connectors exist: ours, and those that installed packages add under one entry-point group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from shanhai.connect.options import read_options
from shanhai.connect.protocol import ConnectorFactory
from shanhai.errors import ConfigurationError

GROUP = "shanhai.connectors"

_BUILT_IN = (
    EntryPoint("ckan", "connectors.ckan:CkanConnector", GROUP),
    EntryPoint("files", "connectors.files:FilesConnector", GROUP),
    EntryPoint("object_store", "connectors.object_store:ObjectStoreConnector", GROUP),
    EntryPoint("open311", "connectors.open311:Open311Connector", GROUP),
    EntryPoint("parcels", "connectors.parcels:ParcelsConnector", GROUP),
    EntryPoint("rest", "connectors.rest:RestConnector", GROUP),
    EntryPoint("socrata", "connectors.socrata:SocrataConnector", GROUP),
    EntryPoint("sql", "connectors.sql:SqlConnector", GROUP),
)


def installed() -> tuple[EntryPoint, ...]:
    """Every connector's name and place, by name; none of their code is imported.

    Raises:
        ConfigurationError: two packages bring different connectors of one name.
    """
    found = {*_BUILT_IN, *(EntryPoint(point.name, point.value, GROUP) for point in entry_points(group=GROUP))}
    points = sorted(found, key=lambda point: (point.name, point.value))
    twice = [name for name, count in Counter(point.name for point in points).items() if count > 1]
    if twice:
        raise ConfigurationError(
            f"two connectors are called {twice[0]}",
            given=[point.value for point in points if point.name == twice[0]],
            allowed="one of them",
            hint="uninstall the package that brings the other",
        )
    return tuple(points)


def connector(name: str) -> ConnectorFactory:
    """The factory of the connector called `name`, imported now.

    Raises:
        ConfigurationError: there is none of that name, or its package cannot be imported.
    """
    points = {point.name: point for point in installed()}
    if name not in points:
        raise ConfigurationError("there is no such connector", given=name, allowed=tuple(points))
    try:
        return cast(ConnectorFactory, points[name].load())
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"connector {name} cannot be loaded", given=points[name].value, hint=str(error)
        ) from error


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Check a contract's source options without making a connector.

    Raises:
        ConfigurationError: the connector or an option of it is unknown, missing or wrong.
    """
    read_options(connector(name).options_model, options, connector=name)
