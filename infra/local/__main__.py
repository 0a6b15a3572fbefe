"""The commands behind `make run`, `make real`, `make up` and `make down`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from infra.local.layout import REPOSITORY, Layout
from infra.local.run import Plan, run
from infra.local.up import down, up
from shanhai.errors import ShanhaiError

_INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command; errors become one line on stderr and the exit code of their class."""
    options = _parser().parse_args(arguments)
    layout = Layout(home=options.home.expanduser().resolve(), federation=options.federation.resolve())
    try:
        if options.command == "down":
            return down(layout)
        plan = Plan(layout=layout, data=getattr(options, "data", None), minutes=options.timeout)
        return up(plan) if options.command == "up" else run(plan)
    except ShanhaiError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; everything was stopped", file=sys.stderr)
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local",
        description="An embedded Airflow on this machine: loopback only, state in one folder.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    _command(commands, "run", "let the scheduler take the simulated districts through the walk, then stop")
    real = _command(
        commands, "real", "the same with downloaded public data", REPOSITORY / "examples" / "cities"
    )
    real.add_argument("--data", type=Path, required=True, help="folder of the downloaded data")
    _command(commands, "up", "start everything and leave it running, with Airflow's web UI")
    _command(commands, "down", "stop what `up` left running")
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    text: str,
    federation: Path = REPOSITORY,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text)
    home = default_home("real" if name == "real" else "run")
    command.add_argument("--home", type=Path, default=home, help="state folder (SHANHAI_HOME)")
    command.add_argument("--federation", type=Path, default=federation, help="folder that holds districts/")
    patience = "give up when for so long nothing ends"
    command.add_argument("--timeout", type=float, default=15.0, metavar="MINUTES", help=patience)
    return command


def default_home(name: str) -> Path:
    """`SHANHAI_HOME`, or `var/<name>` of the repository when it is not set."""
    from shanhai.settings import read_settings

    home = read_settings().home
    return home if "home" in read_settings().model_fields_set else REPOSITORY / "var" / name


if __name__ == "__main__":
    sys.exit(main())
