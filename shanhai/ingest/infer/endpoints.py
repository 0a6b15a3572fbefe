"""Which endpoint of a district a source is, or what a person has to fill in for it to be one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from shanhai.contracts.drafting.page import scalar
from shanhai.contracts.federation import Federation
from shanhai.ids import DatasetId
from shanhai.ingest.infer.given import Given
from shanhai.settings import Settings

_FOLDER, _PORTAL = "folder", "portal"


@dataclass(frozen=True)
class Endpoint:
    """How a contract names a source.

    Attributes:
        name: of an endpoint of the district; where none is the source, a name that none has.
        given: the source, as it is named from that endpoint on.
        steps: what a person has to do before the contract can be asked, one sentence each.
    """

    name: str
    given: Given
    steps: tuple[str, ...] = ()


def name_endpoint(
    given: Given, dataset: DatasetId, federation: Federation | None, settings: Settings
) -> Endpoint:
    """The endpoint of the district that the source is, or lies below.

    Another endpoint is never guessed: the contract would load, and ask for somebody else's data.

    Args:
        federation: None: there is none.
    """
    place = given.endpoint.rstrip("/")
    known = dict(_addresses(dataset, federation, settings))
    for name, address in sorted(known.items(), key=lambda one: -len(one[1])):
        if place == address:
            return Endpoint(name, given)
        below = place.removeprefix(f"{address}/")
        if below != place and given.connector == "files":
            return Endpoint(name, _from_above(given, below))
    name = next(one for one in _names(given.endpoint) if one not in known)
    file = f"districts/{dataset.district}/district.yml"
    address = scalar(_below(given.endpoint, federation))
    said = f"`endpoints: {{{name}: {address}}}`"
    if known:
        told = f"add to the endpoints of {file} `{name}: {address}`; none of them is that place"
    elif federation is not None and dataset.district in federation.districts:
        told = f"add to {file} {said}; it has no endpoint"
    else:
        told = f"write {file} with `name: {dataset.district}`, a title and {said}"
    return Endpoint(name, given, (told,))


def _below(endpoint: str, federation: Federation | None) -> str:
    """A folder as `district.yml` says it: relative to the federation if it lies below it."""
    root = federation.root.resolve() if federation is not None else None
    if root is None or "://" in endpoint or not Path(endpoint).is_relative_to(root):
        return endpoint
    return Path(endpoint).relative_to(root).as_posix()


def _from_above(given: Given, below: str) -> Given:
    """Files as they are called from a folder above."""
    names = tuple(f"{below}/{name}" for name in given.names)
    return replace(given, names=names, options={**given.options, "path": f"{below}/{given.options['path']}"})


def _addresses(
    dataset: DatasetId, federation: Federation | None, settings: Settings
) -> Iterator[tuple[str, str]]:
    """The endpoints of the district by name, as this installation reaches them."""
    district = federation.districts.get(dataset.district) if federation is not None else None
    if federation is None or district is None:
        return
    overrides = settings.endpoint_overrides()
    for name, stated in district.endpoints.items():
        address = overrides.get(f"{dataset.district}.{name}", stated)
        place = address if "://" in address else (federation.root / address).resolve().as_posix()
        yield name, place.rstrip("/")


def _names(endpoint: str) -> Iterator[str]:
    name = _PORTAL if "://" in endpoint else _FOLDER
    yield name
    yield from (f"{name}_{number}" for number in itertools.count(2))
