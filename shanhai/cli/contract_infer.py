"""`shanhai contract infer`: the draft of a contract from a sample of its source."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from shanhai.cli.output import say, show_document, show_json
from shanhai.cli.progress import telling
from shanhai.cli.selection import NEW_DATASET
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.errors import ConfigurationError, DiskFullError, StoreError, as_typed
from shanhai.ids import DatasetId

if TYPE_CHECKING:
    from shanhai.contracts.federation import Federation
    from shanhai.ingest.infer import Inferred
    from shanhai.ingest.infer.given import Given

_ROWS = 20_000
_DISTRICT = "district"
_RULES_TOLD = 8


@click.command("infer")
@click.argument("source")
@click.option(
    "--dataset", type=NEW_DATASET, help="What the draft declares; by default as OUTPUT or SOURCE is called."
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the draft to a file of a folder that is there.",
)
@click.option("--force", is_flag=True, help="Overwrite the file.")
@click.option(
    "--rows", type=click.IntRange(1), default=_ROWS, show_default=True, help="Look at so many rows, at most."
)
@click.option("--connector", help="Ask SOURCE, an endpoint, through this connector.")
@click.option("--options", help="Options of the connector, as YAML in one line.")
@click.option("--window", help="The window to ask the connector for.")
@format_option
@pass_session
def infer(
    session: Session,
    source: str,
    dataset: DatasetId | None,
    output: Path | None,
    force: bool,
    rows: int,
    connector: str | None,
    options: str | None,
    window: str | None,
) -> None:
    """Draft a contract from a sample of SOURCE.

    SOURCE is a file, a folder, a glob in quotes, or an http(s) address; with --connector, an endpoint.
    Format, encoding, headings, types, keys, codes, units, coordinates and personal columns are guessed from
    the first rows of up to five bodies, and each guess is marked as one. The draft goes to standard output.
    It has no value of a personal column, but lists of codes: read it before you pass it on.

    The dataset is called as --dataset says, else after the output, districts/DISTRICT/NAME.odcs.yml; else
    it is district.NAME, by the name of the output or the source, for somebody to correct.

    \b
    Examples:
      shanhai contract infer data/visits.csv
      shanhai contract infer 'data/visits/*.csv' --output districts/longyou/visits.odcs.yml
      shanhai contract infer https://data.example.org/api --connector rest --options '{path: v1/events}'
    """
    if output is not None:
        _check_place(output, force)
    if not source.strip():
        raise ConfigurationError(
            "no source was named", given="an empty text", allowed="a file, a folder, a glob or a URL"
        )
    named, why = (dataset, "") if dataset else _called(output, source)
    with TemporaryDirectory(prefix="shanhai-infer-") as folder, telling() as tell:
        from shanhai.ingest.infer import infer as draft

        work = Path(folder)
        federation = _federation(session)
        given = _given(session, source, connector, options, window, work)
        found = draft(given, named, federation, session.settings, work, rows=rows, tell=tell)
    if output is not None:
        _write(output, found.text)
    _tell(session, found, output, why)


def _check_place(output: Path, force: bool) -> None:
    from shanhai.contracts.federation import DISTRICTS
    from shanhai.contracts.load import dataset_of

    folder = output.parent
    if not folder.is_dir():
        raise ConfigurationError(
            "the draft cannot be written there",
            given=output,
            allowed=f"a file of a folder that is there; {folder} is none",
            hint="name another" if folder.exists() else f"correct the path, or mkdir -p {folder}",
        )
    if output.resolve().parent.parent.name == DISTRICTS:
        # Anything else would be read by nobody there, or stop all that reads the contracts.
        dataset_of(output.resolve(), str(output))
    if output.exists() and not force:
        raise ConfigurationError(
            "the file is there already", given=output, allowed="a new file", hint="or --force"
        )


def _given(
    session: Session, source: str, connector: str | None, options: str | None, window: str | None, work: Path
) -> Given:
    from shanhai.ingest.infer.given import address_of, fetch, open_files

    if connector is not None:
        return fetch(connector, source, _options(options), session.settings, work, window=window)
    if options is not None or window is not None:
        raise ConfigurationError(
            "options and a window are a connector's", given="no --connector", allowed="--connector"
        )
    if source.lower().startswith(("http://", "https://")):
        name, endpoint, asked = address_of(source)
        return fetch(name, endpoint, asked, session.settings, work, window=None)
    return open_files(source)


def _write(output: Path, text: str) -> None:
    from shanhai.storage.durable import replace_text

    try:
        replace_text(output, text)
    except DiskFullError:
        raise
    except StoreError as error:
        raise ConfigurationError(
            "the draft cannot be written there",
            given=f"{output}: {error.given or error.message}",
            allowed="a place that may be written to",
            hint="name another file",
        ) from error


def _options(text: str | None) -> dict[str, Any]:
    import yaml

    from shanhai.contracts.refusals import kind_of

    try:
        found = yaml.safe_load(text or "{}")
    except yaml.YAMLError as error:
        raise ConfigurationError(
            "the options are no YAML",
            given=as_typed(str(text)),
            allowed="{path: v1/events, params: {size: 100}}",
        ) from error
    if not isinstance(found, dict):
        raise ConfigurationError("the options are no mapping", given=kind_of(found), allowed="{key: value}")
    return found


def _federation(session: Session) -> Federation | None:
    """The federation, where there is one; one that somebody named has to be there."""
    if session.federation_root is not None:
        return session.federation
    try:
        return session.federation
    except ConfigurationError:
        return None


def _called(output: Path | None, source: str) -> tuple[DatasetId, str]:
    """The dataset that the output's place or the source's name says, and which of the two does."""
    from shanhai.contracts.federation import DISTRICTS

    if output is None:
        return _named(_DISTRICT, _stem(source)), "the source"
    place = output.resolve()
    is_in_place = place.parent.parent.name == DISTRICTS
    return _named(place.parent.name if is_in_place else _DISTRICT, place.name.split(".")[0]), "the output"


def _stem(source: str) -> str:
    """The name of a file or folder; of a glob its last part that says one."""
    with contextlib.suppress(OSError, RuntimeError):  # whether it can be a path is told where it is opened
        if (path := Path(source).expanduser()).is_dir():
            return path.resolve().name
    parts = re.split(r"[?#]", source)[0] if "://" in source else source
    stems = [re.sub(r"[*?]|\[[^]]*\]", "", part.split(".")[0]) for part in parts.rstrip("/").split("/")]
    return next((stem for stem in reversed(stems) if re.search("[A-Za-z]", stem)), "")


def _named(district: str, name: str) -> DatasetId:
    try:
        return DatasetId(_name(district), _name(name))
    except ConfigurationError as error:
        raise ConfigurationError(
            error.message, given=error.given, allowed=error.allowed, hint="say another by --dataset"
        ) from None


def _name(text: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return name if re.match(r"[a-z]", name) else f"dataset_{name}".rstrip("_")


def _tell(session: Session, found: Inferred, output: Path | None, named_after: str) -> None:
    draft = found.draft
    if session.form == "json":
        show_json(
            {
                "dataset": str(draft.dataset),
                "sampled": draft.sampled,
                "seen": list(draft.seen),
                "rows": found.rows,
                "malformed": found.malformed,
                "broken": found.broken,
                "missing": list(found.missing),
                "steps": list(found.steps),
                "key": list(draft.key),
                "format": draft.format.model_dump(exclude_defaults=True) | {"kind": draft.format.kind},
                "columns": [
                    {**guess.column.model_dump(exclude_defaults=True), "notes": list(guess.notes)}
                    for guess in draft.columns
                ],
                "output": str(output) if output else None,
                "contract": found.text,
            }
        )
    elif output is None:
        show_document(found.text, instead="--output FILE")
    say(
        f"Drafted {draft.dataset} from {draft.sampled}: "
        f"{len(draft.columns)} column{'s' * (len(draft.columns) > 1)}."
        + (f" Written to {as_typed(str(output))}." if output else "")
    )
    if named_after:
        say(f"  {draft.dataset} is called after {named_after}; --dataset says another")
    for line in draft.seen:
        say(f"  {line}")
    broken = sorted(found.broken.items(), key=lambda item: -item[1])[:_RULES_TOLD]
    for rule, count in broken:
        say(f"  {count:,} of {found.rows:,} sampled rows break {rule}: is the rule wrong, or are they?")
    if found.malformed:
        say(f"  {found.malformed:,} records are malformed in this format.")
    for name in found.missing:
        say(f"  {as_typed(name)} is missing in one of the bodies: a delivery without it is held.")
    for step in found.steps:
        say(f"Next: {step}.")
