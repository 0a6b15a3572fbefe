"""A click group that imports a verb's file only when that verb is called."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import click


class LazyGroup(click.Group):
    """A group whose verb `x` is the attribute `command` of the module `<package>.x`.

    Args:
        package: the package that holds one module a verb.
        sections: heading in the help → the verbs below it, in the order of the walk.
    """

    def __init__(
        self, *args: Any, package: str, sections: Mapping[str, Sequence[str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._package = package
        self._sections = sections

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [verb for verbs in self._sections.values() for verb in verbs]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{self._package}.{cmd_name}")
        command = module.command
        if not isinstance(command, click.Command):
            raise TypeError(f"{module.__name__}.command is no click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, verbs in self._sections.items():
            commands = [(verb, self.get_command(ctx, verb)) for verb in verbs]
            width = formatter.width - 6 - max(map(len, self.list_commands(ctx)))
            with formatter.section(heading):
                formatter.write_dl(
                    [(verb, command.get_short_help_str(width)) for verb, command in commands if command]
                )
