"""Settings of one process: frozen, read once, the only reader of the environment."""

from __future__ import annotations

import errno
import functools
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shanhai.errors import ConfigurationError, as_typed

_SECRET_PREFIX = "SHANHAI_SECRET_"  # noqa: S105 - a prefix, no secret
_ENDPOINT_PREFIX = "SHANHAI_ENDPOINT_"
_ENDPOINT = re.compile(r"[^.\s]+\.\S+")
_FOLDERS = ("home", "federation", "dbt_project")
_MISREAD = re.compile(r"[*?\[\]#%\\\x00-\x1f]")
"""What DuckDB takes for a pattern, or Delta Lake for a part of an address: another folder would be read."""


class Settings(BaseSettings):
    """What differs between two installations.

    Every field is read from the environment variable `SHANHAI_<FIELD>`.
    """

    model_config = SettingsConfigDict(env_prefix="SHANHAI_", frozen=True, extra="ignore")

    home: Path = Field(default=Path("var/run"), description="state: snapshots, lake, logs, reports")
    federation: Path = Field(default=Path(), description="folder that holds districts/")
    dbt_project: Path = Field(default=Path("dbt"), description="the dbt project with the marts")
    memory_limit: str = Field(default="1GB", description="what one DuckDB session may use")
    threads: int = Field(default=2, ge=1, description="threads of one DuckDB session")
    free_disk_bytes: int = Field(default=256 * 2**20, description="room to leave on the disk")
    http_timeout_seconds: float = Field(default=30.0, gt=0, description="connect, read and write, each")
    http_attempts: int = Field(default=6, ge=1, description="tries of one request")
    max_body_bytes: int = Field(default=4 * 2**30, description="largest body a connector accepts")
    snapshots: str = Field(default="", description="s3://<bucket>/<prefix>; empty: a folder of the home")
    s3_endpoint: str = Field(
        default="https://s3.amazonaws.com", description="the service that has the bucket of `snapshots`"
    )
    s3_region: str = Field(default="us-east-1", description="where the bucket is")
    relay_endpoint: str = Field(
        default="", description="the service that has the buckets of relays; empty: that of `s3_endpoint`"
    )
    passphrase_file: Path | None = Field(
        default=None, description="file with the passphrase of the node's keys; none: asked for"
    )
    root_passphrase_file: Path | None = Field(
        default=None, description="file with the passphrase of the root keys; none: asked for"
    )
    parcel_bytes: int = Field(
        default=64 * 2**30, ge=1, description="the most that the rows of one received parcel may take"
    )
    parcel_seconds: float = Field(
        default=3600.0, gt=0, description="for how long the files of one received parcel may be parsed"
    )
    exchange_seconds: float = Field(
        default=6 * 3600.0, gt=0, description="for how long one task of a pairing's DAGs may run"
    )
    notify_url: str = Field(default="", description="where alerts are posted as JSON; empty: log only")

    def resolved(self) -> Settings:
        """The same settings with absolute folders; `model_fields_set` still says which were given.

        Raises:
            ConfigurationError: the path of a folder has a character that stands for something else, is that
                of a file, or of nothing that this process may look at.
        """
        folders = {name: _absolute(name, getattr(self, name)) for name in _FOLDERS}
        for name, folder in folders.items():
            if _MISREAD.search(str(folder)):
                raise ConfigurationError(
                    f"setting SHANHAI_{name.upper()}: a path that cannot be used",
                    given=as_typed(str(folder)),
                    allowed="a path without * ? [ ] # % \\ and control characters",
                )
            _check_folder(name, folder)
        return self.model_construct(_fields_set=set(self.model_fields_set), **{**dict(self), **folders})

    def secret(self, name: str) -> SecretStr:
        """A secret by its name: `SHANHAI_SECRET_<NAME>`, else the file `secrets/<name>` of the home.

        Raises:
            ConfigurationError: it is defined nowhere. The message names the secret, never its value.
        """
        value = os.environ.get(_SECRET_PREFIX + name.upper())
        if value is not None:
            return SecretStr(value)
        if (kept := _kept_secret(self.home, name)) is not None:
            return kept
        variable, file = f"{_SECRET_PREFIX}{name.upper()}", _secret_file(self.home, name)
        raise ConfigurationError(
            "a secret is missing", given=name, allowed=f"the variable {variable} or the file {file}"
        )

    def endpoint_overrides(self) -> Mapping[str, str]:
        """Addresses that replace a district's own, by `<district>.<endpoint>`.

        Read from `endpoints.yml` of the home, then from `SHANHAI_ENDPOINT_<DISTRICT>__<ENDPOINT>`, with two
        underscores because the names may have single ones.

        Raises:
            ConfigurationError: the file does not give addresses by names, or a variable lacks the two
                underscores.
        """
        overrides: dict[str, str] = {}
        file = self.home / "endpoints.yml"
        if file.is_file():
            overrides.update(_stated_endpoints(file))
        for name, value in os.environ.items():
            if name.startswith(_ENDPOINT_PREFIX):
                district, separator, endpoint = name[len(_ENDPOINT_PREFIX) :].lower().partition("__")
                if not (district and separator and endpoint):
                    raise ConfigurationError(
                        "not the name of an endpoint",
                        given=name,
                        allowed=f"{_ENDPOINT_PREFIX}<DISTRICT>__<ENDPOINT>",
                    )
                overrides[f"{district}.{endpoint}"] = value
        return overrides


def _stated_endpoints(file: Path) -> dict[str, str]:
    """What a file of addresses states; an address may hold a password, and is told in no error.

    Raises:
        ConfigurationError: it is no YAML, gives no addresses by names, or cannot be read.
    """
    allowed = "lines of the form `<district>.<endpoint>: <folder or address>`"
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError("a file cannot be read", given=file, hint=error.strerror or "") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{file}:{mark.line + 1}" if mark else str(file)
        raise ConfigurationError("not YAML in UTF-8", given=where, allowed=allowed) from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ConfigurationError("not the addresses of endpoints", given=file, allowed=allowed)
    stated = {
        name: address
        for name, address in found.items()
        if isinstance(name, str) and _ENDPOINT.fullmatch(name) and isinstance(address, str) and address
    }
    if wrong := sorted(map(str, found.keys() - stated.keys())):
        given = f"{file}: {as_typed(wrong[0])}"
        raise ConfigurationError("not the address of an endpoint", given=given, allowed=allowed)
    return stated


class NeighbourSettings(Settings):
    """Those of a node that a process serves beside its own: secrets of the environment are not its own."""

    def secret(self, name: str) -> SecretStr:
        """A secret by its name: the file `secrets/<name>` of its home.

        Raises:
            ConfigurationError: there is no such file. The message names the secret, never its value.
        """
        kept = _kept_secret(self.home, name)
        if kept is None:
            raise ConfigurationError(
                "a secret is missing", given=name, allowed=f"the file {_secret_file(self.home, name)}"
            )
        return kept


@functools.cache
def load_settings() -> Settings:
    """The settings of this process, read from the environment at the first call.

    Raises:
        ConfigurationError: a variable has a value that its field does not allow.
    """
    return read_settings()


def read_settings(**overrides: Any) -> Settings:
    """Settings read now, with some fields given instead of read.

    Raises:
        ConfigurationError: a variable has a value that its field does not allow.
    """
    return _read(Settings, overrides)


def read_neighbour(**overrides: Any) -> Settings:
    """The same of a node that a process serves beside its own.

    Raises:
        ConfigurationError: a variable has a value that its field does not allow.
    """
    return _read(NeighbourSettings, overrides)


def _read(kind: type[Settings], overrides: Mapping[str, Any]) -> Settings:
    try:
        return kind(**overrides).resolved()
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(
            f"setting SHANHAI_{field.upper()}: {first['msg']}", given=first.get("input")
        ) from error


def _absolute(name: str, folder: Path) -> Path:
    try:
        return folder.expanduser().resolve()
    except (OSError, RuntimeError) as error:
        # No such user, or a link that leads to itself.
        raise ConfigurationError(
            f"setting SHANHAI_{name.upper()}: a path that leads nowhere", given=as_typed(str(folder))
        ) from error


def _check_folder(name: str, folder: Path) -> None:
    try:
        is_other = folder.exists() and not folder.is_dir()
    except OSError as error:
        allowed, hint = _way_out(error)
        raise ConfigurationError(
            f"setting SHANHAI_{name.upper()}: a folder that cannot be looked at",
            given=f"{folder}: {error.strerror}",
            allowed=allowed,
            hint=hint,
        ) from error
    if is_other:
        raise ConfigurationError(
            f"setting SHANHAI_{name.upper()}: no folder", given=folder, allowed="a folder"
        )


def _way_out(error: OSError) -> tuple[str, str]:
    """What is allowed where a path cannot be looked at, and the next step."""
    if isinstance(error, PermissionError):
        return "a path whose folders this account may enter", "namei -l shows who may enter each of them"
    if error.errno == errno.ENAMETOOLONG:
        return "a path as long as this system takes", "choose shorter names, or another folder"
    return "a path that the system can look at", "look at its disk: is it there and whole?"


def _secret_file(home: Path, name: str) -> Path:
    return home / "secrets" / name


def _kept_secret(home: Path, name: str) -> SecretStr | None:
    file = _secret_file(home, name)
    return SecretStr(file.read_text(encoding="utf-8").strip()) if file.is_file() else None
