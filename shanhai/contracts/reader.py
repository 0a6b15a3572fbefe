"""One contract's file while it is read: whatever is wrong is refused with the line where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from shanhai.contracts import standard
from shanhai.contracts.refusals import as_written, refusal
from shanhai.contracts.yamlfile import PathInFile, YamlFile
from shanhai.errors import ContractError

_LOOK_UP = "docs/reference/contract.md says what each key takes"
Model = TypeVar("Model", bound=BaseModel)
Spelling = Mapping[str, tuple[str, ...]]
"""Where a model's field stands below its object: the models' names differ from the standard's."""


@dataclass(frozen=True)
class Reader:
    """One file being read.

    Attributes:
        file: its values and their lines.
        name: what errors call it.
    """

    file: YamlFile
    name: str

    def error(self, message: str, path: PathInFile, **facts: Any) -> ContractError:
        """The refusal of what stands at a path; the name of a custom property may stand for its position."""
        facts["hint"] = facts.get("hint") or _LOOK_UP
        return ContractError(message, file=self.name, line=self.file.line(self._positions(path)), **facts)

    def _positions(self, path: PathInFile) -> PathInFile:
        """The path with a custom property's name replaced by its position in the list."""
        if len(path) < 2 or path[0] != "customProperties" or isinstance(path[1], int):
            return path
        entries = self.file.data.get("customProperties") or []
        places = [place for place, entry in enumerate(entries) if entry["property"] == path[1]]
        return ["customProperties", *places[:1], "value", *path[2:]] if places else path[:1]

    def check_keys(self, item: dict[str, Any], keys: standard.Keys, path: PathInFile) -> None:
        """Refuse keys of the standard that look like rules and that nothing here follows.

        Raises:
            ContractError: the first of them.
        """
        for key, hint in keys.rules_not_followed(item):
            raise self.error(
                f"{key} of {keys.of} is not followed",
                [*path, key],
                given=as_written(item[key]),
                allowed=keys.accepted,
                hint=hint,
            )

    def text(self, value: Any, path: PathInFile) -> str:
        """A text, with or without quotes; what YAML makes another one of needs them.

        Raises:
            ContractError: it does.
        """
        written = self.file.written(path)
        if isinstance(value, str) or str(value) == written:
            return str(value)
        raise self.error(
            "YAML does not read this as the text that it is",
            path,
            given=written or as_written(value),
            allowed="a text",
            hint="quote it" if written is None else f"quote it: '{written}'",
        )

    def build(
        self, model: type[Model], value: Any, path: PathInFile, *, spelled: Spelling | None = None
    ) -> Model:
        """A model of what stands at a path.

        Args:
            spelled: the fields that stand there under other names.

        Raises:
            ContractError: it is no such model; with the line of the first field that is wrong.
        """
        try:
            return model.model_validate(value)
        except ValidationError as error:
            refused = refusal(model, error)
            steps = _as_written(list(refused.path), spelled or {})
            what = ".".join(str(step) for step in (*self._called(path), *steps))
            raise self.error(
                f"{what}: {refused.problem}" if what else refused.problem,
                [*path, *steps],
                given=refused.given,
                allowed=refused.allowed,
                hint=refused.hint,
            ) from error

    def _called(self, path: PathInFile) -> PathInFile:
        """What people call what stands at a path: of a custom property its name."""
        match list(path):
            case ["customProperties", int(place), "value", *rest]:
                return [self.file.data["customProperties"][place]["property"], *rest]
            case _:
                return ()


def _as_written(steps: list[str | int], spelled: Spelling) -> list[str | int]:
    if not steps or not isinstance(steps[0], str):
        return steps
    return [*spelled.get(steps[0], (steps[0],)), *steps[1:]]
