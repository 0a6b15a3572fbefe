"""Options of a connector: read from a contract, refused with the name of what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from shanhai.errors import ConfigurationError


class Options(BaseModel):
    """Base of all options: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


OptionsModel = TypeVar("OptionsModel", bound=BaseModel)


def read_options(model: type[OptionsModel], given: Mapping[str, Any], *, connector: str) -> OptionsModel:
    """The options as the connector's model.

    Raises:
        ConfigurationError: one is missing, unknown or has a wrong value; names connector and option.
    """
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        raise _told(error.errors(include_url=False)[0], model, connector) from None


def _told(first: ErrorDetails, model: type[BaseModel], connector: str) -> ConfigurationError:
    where = ".".join(str(part) for part in first["loc"]) or "options"
    given: object = None
    allowed: object = None
    match first["type"]:
        case "extra_forbidden":
            problem, given, allowed = "is not known", first["loc"][-1], _siblings(first, model)
        case "missing":
            problem, allowed = "is missing", _siblings(first, model)
        case "union_tag_invalid" | "literal_error" | "enum":
            context = first.get("ctx", {})
            problem, given = "has no such value", context.get("tag", _shown(first["input"]))
            allowed = context.get("expected_tags") or context.get("expected")
        case _:
            problem, given = "is wrong", _shown(first["input"])
            allowed = first["msg"].removeprefix("Value error, ")
    return ConfigurationError(
        f"connector {connector}: option {where} {problem}", given=given, allowed=allowed
    )


def _shown(value: object) -> str:
    """A wrong value as an error may tell it: of a structure only its type, as it may hold a secret."""
    return str(value) if isinstance(value, (str, int, float)) else type(value).__name__


def _siblings(error: ErrorDetails, model: type[BaseModel]) -> tuple[str, ...] | None:
    """The options that there are, for an error of the first level."""
    return tuple(model.model_fields) if len(error["loc"]) == 1 else None
