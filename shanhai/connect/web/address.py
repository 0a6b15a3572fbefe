"""Addresses: which are allowed, which belong together, and how they may be told."""

from __future__ import annotations

from urllib.parse import quote

import httpx

from shanhai.errors import ConfigurationError, SourceError

_PORTS = {"http": 80, "https": 443}


def parse_endpoint(endpoint: str) -> httpx.URL:
    """The base address of a source.

    Raises:
        ConfigurationError: not http(s), or with a user, a query or a fragment.
    """
    try:
        url = httpx.URL(endpoint)
        well_formed = _can_be_asked(url)
    except (httpx.InvalidURL, ValueError):
        well_formed = False
    if not well_formed:
        raise ConfigurationError(
            "an endpoint is no address", given=endpoint[:200], allowed="http://… or https://…"
        )
    if url.userinfo or url.query or url.fragment:
        raise ConfigurationError(
            "an endpoint has more than a host and a path",
            given=told(url),
            allowed="http(s)://<host>[:<port>]/<path>",
            hint="credentials go into the option auth, parameters into the option params",
        )
    return url


def below(base: httpx.URL, path: str) -> httpx.URL:
    """The address of a relative `path` under `base`, percent-encoded; `base` itself for an empty one.

    Raises:
        ConfigurationError: the path is absolute, an address of its own, or climbs out of the base.
    """
    segments = path.split("/")
    if path.startswith("/") or ".." in segments or "://" in path or "\\" in path:
        raise ConfigurationError(
            "a path leads out of its endpoint", given=path, allowed=f"a path relative to {told(base)}"
        )
    if not path:
        return base
    encoded = "/".join(quote(segment, safe="!$&'()*+,;=:@") for segment in segments)
    return base.copy_with(raw_path=base.raw_path.removesuffix(b"/") + b"/" + encoded.encode("ascii"))


def joined(url: httpx.URL, reference: str) -> httpx.URL:
    """Where `reference`, given by the source in an answer to `url`, leads to.

    Raises:
        SourceError: it is no http(s) address, or carries a user.
    """
    try:
        target = url.join(reference)
        well_formed = _can_be_asked(target)
    except (httpx.InvalidURL, ValueError):
        well_formed = False
    if not well_formed or target.userinfo:
        raise SourceError(
            f"{told(url)} points to an address that is not allowed", allowed="http:// or https://"
        )
    return target.copy_with(fragment=None)


def _can_be_asked(url: httpx.URL) -> bool:
    # The library parses more than the system's resolver and sockets take without raising.
    labels = url.host.removesuffix(".").split(".")
    well_named = all(0 < len(label) < 64 for label in labels) and not set("[]%") & set(url.host)
    return url.scheme in _PORTS and well_named and (url.port is None or 0 < url.port < 65536)


def origin(url: httpx.URL) -> tuple[str, str, int]:
    """Scheme, host and port: what a credential is bound to."""
    return url.scheme, url.host.lower(), url.port or _PORTS[url.scheme]


def told(url: httpx.URL) -> str:
    """The address as logs and errors may tell it: without user, query and fragment."""
    port = f":{url.port}" if url.port else ""
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{url.scheme}://{host}{port}{url.path}"
