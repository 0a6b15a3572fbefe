"""The nodes that one scheduler serves: those of `nodes.yml` in its home, else the home itself."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from shanhai.audit.database import FILE as STATE
from shanhai.clock import system_clock
from shanhai.courier import partners
from shanhai.courier.database import open_state
from shanhai.courier.leaving import leaving
from shanhai.courier.log_kept import check_kept
from shanhai.courier.own_keys import keyring_of
from shanhai.errors import ConfigurationError, NotFoundError, ShanhaiError, as_typed
from shanhai.exchange.keysets import NAME
from shanhai.exchange.pairing_states import PairingState
from shanhai.settings import Settings, read_neighbour, read_settings

log = logging.getLogger(__name__)

FILE = Path("nodes.yml")
EVERY_TEN_MINUTES = "*/10 * * * *"


def _cron(text: str) -> str:
    from croniter import croniter

    if len(text.split()) != 5 or not croniter.is_valid(text):
        raise ValueError("five fields of cron are wanted")
    return text


def _apart(text: str) -> str:
    # The names of DAGs join node and partner by them.
    if "__" in text:
        raise ValueError("two underscores stand between the names of a node and a partner")
    return text


class Entry(BaseModel):
    """A node of `nodes.yml`. Paths are relative to the home that has the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(description="its state; `.` is the home that has the file")
    federation: Path | None = Field(default=None, description="folder that holds its districts/")
    passphrase_file: Path | None = Field(default=None, description="file with the passphrase of its keys")
    snapshots: str | None = Field(
        default=None, description="s3://<bucket>/<prefix> of its own; empty: a folder of its home"
    )
    receive: Annotated[str, AfterValidator(_cron)] = Field(
        default=EVERY_TEN_MINUTES, description="when it looks for parcels: five fields of cron, UTC"
    )


_ENTRIES = TypeAdapter(dict[Annotated[str, Field(pattern=f"^(?:{NAME})$"), AfterValidator(_apart)], Entry])


@dataclass(frozen=True)
class Served:
    """A node that is served.

    Attributes:
        settings: with its home, its federation and the file of its passphrase.
        receive: cron, in UTC.
        is_own: whether its home is that of the scheduler, whose publications it releases.
    """

    name: str
    settings: Settings
    receive: str
    is_own: bool


@dataclass(frozen=True)
class Exchange:
    """A node that is served, and one of its partners."""

    node: Served
    partner: str
    receives: bool
    """Whether there is anything to come: a pairing that ended has only its last message to send."""


def served(settings: Settings) -> Mapping[str, Served]:
    """The nodes by name; none where there is no `nodes.yml` and the home has no keys.

    Raises:
        ConfigurationError: the file is not what it should be.
    """
    file = settings.home / FILE
    if not file.is_file():
        keyring = keyring_of(settings.home)
        name = keyring.keyset().name if keyring.exists else None
        return {name: Served(name, settings, EVERY_TEN_MINUTES, is_own=True)} if name else {}
    found = {name: _served(settings, name, entry) for name, entry in _entries(file).items()}
    places = {name: one.settings.snapshots for name, one in found.items()}
    if not any(one.is_own for one in found.values()):
        # It is walked all the same.
        places["the home that has the file"] = settings.snapshots
    _check_snapshots(places)
    return found


def node_named(settings: Settings, name: str) -> Served:
    """The node of that name.

    Raises:
        NotFoundError: it is not served here.
        ConfigurationError: `nodes.yml` is not what it should be.
    """
    known = served(settings)
    if name not in known:
        raise NotFoundError(
            "no such node is served here", given=as_typed(name), allowed=list(known), hint=str(FILE)
        )
    return known[name]


def exchanges(settings: Settings, *, own: bool = False) -> tuple[Exchange, ...]:
    """Every node that is served with each of its partners to whom something may go, or from whom come.

    Read from the state of each node alone: no key is opened, and no lake. A node whose state cannot be read
    is left out and named in the log: the others go on.

    Args:
        own: ask the node alone whose home it is.

    Raises:
        ConfigurationError: `nodes.yml` is not what it should be.
    """
    found: list[Exchange] = []
    for node in served(settings).values():
        if own and not node.is_own:
            continue
        try:
            found += _of_node(node)
        except ShanhaiError as error:
            log.error("exchange node=%s is not served: %s", node.name, error)
    return tuple(found)


def _of_node(node: Served) -> list[Exchange]:
    check_kept(node.settings.home)
    if not (node.settings.home / STATE).is_file():
        return []
    found: dict[str, Exchange] = {}
    with contextlib.closing(open_state(node.settings.home)) as connection:
        # Of those with the same name the one that has not ended comes first.
        for partner in partners.every(connection):
            ended = partner.state is PairingState.ENDED
            if not ended or leaving(node.settings.home, connection, partner.pairing, system_clock()):
                found.setdefault(partner.name, Exchange(node, partner.name, receives=not ended))
    return list(found.values())


def _entries(file: Path) -> dict[str, Entry]:
    try:
        return _ENTRIES.validate_python(yaml.safe_load(file.read_text(encoding="utf-8")) or {})
    except (yaml.YAMLError, ValidationError) as error:
        wrong = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": "no YAML"}
        where = ".".join(str(part) for part in wrong["loc"])
        raise ConfigurationError(
            f"{file.name}: {wrong['msg']}",
            given=where or file,
            allowed=f"<node>: {{{', '.join(Entry.model_fields)}}}",
        ) from None


def _served(settings: Settings, name: str, entry: Entry) -> Served:
    own = settings.home
    given = {
        "home": own / entry.home,
        "federation": settings.federation if entry.federation is None else own / entry.federation,
        "passphrase_file": settings.passphrase_file
        if entry.passphrase_file is None
        else own / entry.passphrase_file,
        "dbt_project": settings.dbt_project,
    }
    if read_settings(**given).home == own:
        _check_unstated(name, entry)
        return Served(name, read_settings(**given), entry.receive, is_own=True)
    if settings.snapshots and entry.snapshots is None:
        raise ConfigurationError(
            "where the snapshots of this node are",
            given=f"{name}: nothing",
            allowed="snapshots: s3://<bucket>/<prefix> of its own, or snapshots: '' for its home",
            hint=f"{FILE}: the place that SHANHAI_SNAPSHOTS names is another node's",
        )
    node = read_neighbour(**given, snapshots=entry.snapshots or "")
    return Served(name, node, entry.receive, is_own=False)


def _check_unstated(name: str, entry: Entry) -> None:
    """The walks of the own node do not ask `nodes.yml` where their snapshots are."""
    if entry.snapshots is not None:
        raise ConfigurationError(
            "where the snapshots of this node are", given=f"{name}: snapshots", allowed="SHANHAI_SNAPSHOTS"
        )


def _check_snapshots(places: Mapping[str, str]) -> None:
    """Two nodes in one place would take the snapshots of each other for their own, and purge them."""
    stated = sorted((f"{place.rstrip('/')}/", name) for name, place in places.items() if place)
    for (one, first), (other, second) in combinations(stated, 2):
        if other.startswith(one):
            raise ConfigurationError(
                "two nodes have their snapshots in one place",
                given=f"{first}, {second}",
                allowed="a bucket or a prefix each, none within another",
                hint=str(FILE),
            )
