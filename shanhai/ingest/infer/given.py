"""What a person pointed at: files, a folder, an address or a connector; its bodies, and their names."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from shanhai.connect.protocol import Body, ConnectContext
from shanhai.connect.registry import connector
from shanhai.errors import ConfigurationError, DataError, NotFoundError, as_typed
from shanhai.ingest.decode.decoded import BodyFile
from shanhai.ingest.infer.secret_names import is_secret
from shanhai.settings import Settings

_BODIES = 5
_MAGIC = set("*?[")
_MOST_BYTES = 2**30
_OF_SERVERS = ("files", "{scheme}://{host}{folder}", "{{path: {file}}}")
_OF_DATABASES = ("sql", "{scheme}://{host}{folder}/{file}", "{{table: SCHEMA.TABLE}}")
_BY_SCHEME = {
    **dict.fromkeys(("ftp", "ftps", "sftp"), _OF_SERVERS),
    "s3": ("object_store", "https://HOST/{host}{folder}", "{{path: {file}}}"),
    **dict.fromkeys(("postgresql", "postgres"), _OF_DATABASES),
}
"""What asks addresses of a scheme: a connector, its endpoint, and the least of its options."""


@dataclass(frozen=True)
class Given:
    """A source as it was given.

    Attributes:
        bodies: some of it, spread over all of it.
        names: of all bodies that were seen.
        connector, endpoint, options: how a contract says where it is.
        per: what a delivery is.
        left_out: names of files beside them that are none of it.

    Raises:
        ConfigurationError: a name, or the endpoint, is no UTF-8.
    """

    bodies: tuple[BodyFile, ...]
    names: tuple[str, ...]
    connector: str
    endpoint: str
    options: Mapping[str, Any]
    per: str = "file"
    left_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (self.endpoint, *self.names):
            if not name.isascii() and name != name.encode("utf-8", "replace").decode():
                raise ConfigurationError(
                    "a name is no UTF-8, so that no contract can say it",
                    given=as_typed(name),
                    allowed="names of files and folders in UTF-8",
                    hint="rename it; archives made in GB 18030 leave such names when unpacked without it",
                )


def open_files(source: str) -> Given:
    """Files of this machine: one, those of a folder, or those that a glob matches.

    Raises:
        NotFoundError: there is none.
        ConfigurationError: it cannot be looked at, or is an address that a connector has to be named for.
    """
    if "://" in source:
        raise _of_a_connector(source)
    try:
        path = Path(source).expanduser()
        if path.is_file():
            place = str(path.parent.resolve())
            return Given((BodyFile(path.name, path),), (path.name,), "files", place, {"path": path.name})
        return _several(path, source)
    except OSError as error:
        raise ConfigurationError(
            "the source cannot be looked at",
            given=as_typed(source),
            hint=error.strerror or "see its permissions",
        ) from error
    except RuntimeError as error:
        raise ConfigurationError(
            "nobody of that name has a home here",
            given=as_typed(source),
            allowed="a file, a folder, a glob or a URL",
            hint="write the whole path, or ./ before a name that begins with ~",
        ) from error


def _of_a_connector(source: str) -> ConfigurationError:
    """The error of an address that is not http(s); a password in it is not told again."""
    parts = urlsplit(source)
    scheme, host = parts.scheme.lower(), parts.netloc.rpartition("@")[2]
    folder, _, file = parts.path.rpartition("/")
    hint = "`shanhai connectors` lists them"
    if scheme in _BY_SCHEME:
        known = {"scheme": scheme, "host": host, "folder": folder, "file": file or "'*'"}
        name, endpoint, options = _BY_SCHEME[scheme]
        asked = f"{endpoint.format(**known)} --connector {name} --options '{options.format(**known)}'"
        hint = f"shanhai contract infer {asked}"
    return ConfigurationError(
        "such an address is asked through a connector that is named",
        given=as_typed(f"{scheme}://{host}{parts.path}"),
        allowed="a file, a folder, a glob or an http(s) address; any other endpoint with --connector",
        hint=hint,
    )


def _several(path: Path, source: str) -> Given:
    """The files of a folder that end as most do, or those of a glob."""
    is_folder = path.is_dir()
    parts = path.parts
    fixed = next((place for place, part in enumerate(parts) if _MAGIC & set(part)), len(parts))
    base, pattern = (path, "**/*") if is_folder else (Path(*parts[:fixed]), "/".join(parts[fixed:]))
    found = glob.glob(pattern, root_dir=base, recursive=True)  # noqa: PTH207 - leaves hidden files out
    names = sorted(name for name in found if (base / name).is_file())
    others: list[str] = []
    if is_folder and names:
        ending = Counter(_ending(name) for name in names).most_common(1)[0][0]
        others = [name for name in names if _ending(name) != ending]
        names, pattern = [name for name in names if _ending(name) == ending], f"**/*{ending}"
        pattern = pattern if any("/" in name for name in names) else f"*{ending}"
    if not names:
        raise NotFoundError(
            "no file to draft a contract from",
            given=as_typed(source),
            allowed="a file, a folder, a glob or a URL",
        )
    chosen = [names[round(place * (len(names) - 1) / (_BODIES - 1))] for place in range(_BODIES)]
    bodies = tuple(BodyFile(name, base / name) for name in dict.fromkeys(chosen))
    place = str(base.resolve())
    return Given(bodies, tuple(names), "files", place, {"path": pattern}, left_out=tuple(others))


def address_of(url: str) -> tuple[str, str, dict[str, Any]]:
    """Connector, endpoint and options of an http(s) address; one with a query is asked like an API.

    Raises:
        ConfigurationError: a parameter is a secret, which would stand in the draft.
    """
    parts = urlsplit(url)
    # Some servers part parameters by semicolons as well.
    for name, _ in parse_qsl(parts.query.replace(";", "&"), keep_blank_values=True):
        if is_secret(name):
            shown = as_typed(name)
            auth = f"auth: {{kind: api_key, param: {shown}, secret: NAME}}"
            raise ConfigurationError(
                "a contract holds no secret",
                given=f"a parameter {shown}",
                allowed="parameters that anybody may see",
                hint=f"--connector rest --options '{{path: …, {auth}}}'; "
                f"if it is no secret, '{{path: …, params: {{{shown}: …}}}}'",
            )
    folder, _, name = parts.path.rpartition("/")
    endpoint = urlunsplit((parts.scheme, parts.netloc, folder, "", ""))
    if parts.query:
        return (
            "rest",
            endpoint,
            {"path": name, "params": dict(parse_qsl(parts.query, keep_blank_values=True))},
        )
    return "files", endpoint, {"path": name}


def fetch(
    name: str,
    endpoint: str,
    options: Mapping[str, Any],
    settings: Settings,
    work: Path,
    *,
    window: str | None,
) -> Given:
    """The first bodies of one pull, at the pace and within the limits of the connector.

    Raises:
        SourceError: the source is down, slow, or has nothing.
        ConfigurationError: an option, an address or a secret is wrong.
        DataError: a body is larger than a sample may be.
    """
    local = "://" not in endpoint
    context = ConnectContext(
        endpoint=endpoint,
        secret=settings.secret,
        allowed_roots=(Path(endpoint),) if local else (),
        timeout_seconds=settings.http_timeout_seconds,
        attempts=settings.http_attempts,
        max_body_bytes=min(settings.max_body_bytes, _MOST_BYTES),
    )
    bodies = tuple(_kept(connector(name)(options, context).pull(window), work))
    if not bodies:
        raise DataError(
            "the source has nothing to draft a contract from", given=endpoint, allowed="one body at least"
        )
    names = tuple(body.name for body in bodies)
    return Given(
        bodies, names, name, endpoint, options, "file" if name in ("files", "object_store") else "pull"
    )


def _kept(pulled: Iterator[Body], work: Path) -> Iterator[BodyFile]:
    for number, body in enumerate(pulled):
        path = work / f"body-{number}"
        with path.open("wb") as stream:
            for chunk in body.chunks:
                stream.write(chunk)
        yield BodyFile(body.name, path)
        if number + 1 == _BODIES:
            return


def _ending(name: str) -> str:
    return (
        "".join(PurePosixPath(name).suffixes[-2:])
        if name.endswith((".gz", ".zip"))
        else PurePosixPath(name).suffix
    )
