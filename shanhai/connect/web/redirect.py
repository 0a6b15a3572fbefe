"""Where a source may send us: to its own origin, to origins that options name, or to public https."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from typing import Annotated

import httpx
from pydantic import AfterValidator

from shanhai.connect.web import address
from shanhai.errors import ConfigurationError, DeniedError

Origin = tuple[str, str, int]


def _check_origins(given: tuple[str, ...]) -> tuple[str, ...]:
    for text in given:
        try:
            url = address.parse_endpoint(text)
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
        if url.path not in ("", "/"):
            raise ValueError(f"{text} has a path; an origin is http(s)://<host>[:<port>]")
    return given


Origins = Annotated[tuple[str, ...], AfterValidator(_check_origins)]
"""An option with origins that a source may lead to besides its own; they never get the credential."""


def origins(named: Collection[str]) -> frozenset[Origin]:
    """The origins that options name."""
    return frozenset(address.origin(httpx.URL(text)) for text in named)


def check_target(current: httpx.URL, target: httpx.URL, own: Collection[Origin]) -> bool:
    """Whether the address that a source leads to is a stranger's: one whose machine must be a public one.

    A district's system is trusted with its data, not with requests from inside our network: an address there
    is reached only when it is the endpoint's own, or the options name it.

    Raises:
        DeniedError: it leads from https to http, or to a stranger that is not public https.
    """
    if current.scheme == "https" and target.scheme == "http":
        raise DeniedError(f"{address.told(current)} leads from https to http")
    if address.origin(target) in own:
        return False
    if target.scheme != "https" or not _may_be_public(target.host):
        raise DeniedError(
            f"{address.told(current)} leads to another origin",
            given=address.told(target.copy_with(path="/")),
            allowed="its own origin, one in the option origins, or a public https one",
            hint="if the address is right, name its origin in the option origins",
        )
    return True


def is_public(host: str) -> bool:
    """Whether an IP address is a public one."""
    return ipaddress.ip_address(host.partition("%")[0]).is_global


def _may_be_public(host: str) -> bool:
    """What a name stands for is seen when it is connected to; see `shanhai.connect.web.network`."""
    try:
        return is_public(host)
    except ValueError:
        name = host.removesuffix(".").lower()
        return "." in name and not name.endswith((".localhost", ".local", ".internal"))
