"""A federation folder: the districts it lists, their contracts, and the registers that rules look up."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shanhai.contracts.load import SUFFIX, dataset_of, load_contract
from shanhai.contracts.model import Contract
from shanhai.contracts.near import no_such_dataset
from shanhai.contracts.refusals import refusal
from shanhai.contracts.retention import FOR_EVER, Retention
from shanhai.contracts.yamlfile import YamlFile, read_yaml
from shanhai.errors import ConfigurationError, ContractError
from shanhai.ids import DatasetId

Model = TypeVar("Model", bound=BaseModel)

DISTRICTS = "districts"


class District(BaseModel):
    """Who publishes: name, area code, and the named endpoints that contracts refer to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    area_code: str | None = Field(default=None, pattern=r"^\d{6}$")
    licence: str = ""
    description: str = ""
    endpoints: dict[str, str]
    retention: Retention = Field(default=FOR_EVER, description="of its datasets whose contracts state none")


class Register(BaseModel):
    """A reference register that rules look up, pinned by edition and digest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    edition: str
    file: Path = Field(description="a CSV file; in the YAML relative to the federation")
    column: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


@dataclass(frozen=True)
class Federation:
    """The folder as values. Contracts are read when first asked for, each once."""

    root: Path

    @functools.cached_property
    def districts(self) -> Mapping[str, District]:
        """By name, in alphabetical order.

        Raises:
            ContractError: a district.yml is wrong.
        """
        files = sorted((self.root / DISTRICTS).glob("*/district.yml"))
        return {file.parent.name: self._district(file) for file in files}

    @functools.cached_property
    def contracts(self) -> Mapping[DatasetId, Contract]:
        """By dataset, in alphabetical order.

        Raises:
            ContractError: the first contract that is wrong.
        """
        return {dataset: self.contract(dataset) for dataset in self.datasets}

    @functools.cached_property
    def datasets(self) -> tuple[DatasetId, ...]:
        """The ids of all contracts, without reading them.

        Raises:
            ContractError: a file is called as no dataset can be.
        """
        return tuple(dataset_of(file, self.shown(file)) for file in self.contract_files())

    @functools.cached_property
    def _loaded(self) -> dict[DatasetId, Contract]:
        return {}

    def contract_files(self) -> list[Path]:
        """Every contract file of the federation, sorted."""
        return sorted((self.root / DISTRICTS).glob(f"*/*{SUFFIX}"))

    def contract(self, dataset: DatasetId) -> Contract:
        """The contract of one dataset; the others may be wrong meanwhile.

        Raises:
            NotFoundError: no file declares it.
            ContractError: the file is wrong.
        """
        if dataset not in self._loaded:
            file = self.root / DISTRICTS / dataset.district / f"{dataset.name}{SUFFIX}"
            if not file.is_file():
                raise no_such_dataset(str(dataset), self.datasets)
            contract = load_contract(file, shown_as=self.shown(file))
            self._check_endpoint(contract, file)
            self._check_readings_of(contract, file)
            self._loaded[dataset] = contract
        return self._loaded[dataset]

    def retention(self, dataset: DatasetId) -> Retention:
        """How long what is kept of a dataset is kept: by its contract, else by its district.

        Raises:
            NotFoundError: no file declares the dataset.
            ContractError: the file is wrong.
        """
        return self.contract(dataset).retention or self.districts[dataset.district].retention

    def register(self, name: str) -> Register | None:
        """A pinned register, or None when the federation has none of that name.

        Raises:
            ContractError: registers.yml is wrong.
        """
        return self._registers.get(name)

    @functools.cached_property
    def _registers(self) -> dict[str, Register]:
        file = self.root / DISTRICTS / "registers.yml"
        if not file.is_file():
            return {}
        entries = self._yaml(file).data
        found = {name: self._parsed(Register, entry, file, name) for name, entry in entries.items()}
        return {
            name: register.model_copy(update={"file": self.root / register.file})
            for name, register in found.items()
        }

    def _district(self, file: Path) -> District:
        district = self._parsed(District, self._yaml(file).data, file)
        if district.name != file.parent.name:
            raise ContractError(
                "a district is called as its folder is",
                file=self.shown(file),
                line=self._yaml(file).line(["name"]),
                given=district.name,
                allowed=file.parent.name,
            )
        return district

    def _check_endpoint(self, contract: Contract, file: Path) -> None:
        district = self.districts.get(contract.dataset.district)
        if district is None:
            raise ContractError(
                "the folder has no district.yml",
                file=self.shown(file),
                given=f"{DISTRICTS}/{contract.dataset.district}",
                allowed="a folder with a district.yml: name, title, endpoints",
                hint="docs/guide/add-a-dataset.md begins with it",
            )
        if contract.source.endpoint not in district.endpoints:
            raise ContractError(
                "source: no such endpoint",
                file=self.shown(file),
                line=self._yaml(file).line(["customProperties"]),
                given=contract.source.endpoint,
                allowed=sorted(district.endpoints),
                hint="endpoints are named in district.yml",
            )

    def _check_readings_of(self, contract: Contract, file: Path) -> None:
        """A register of the sensors of a dataset that is not there would be no register of anything."""
        siblings = [known.name for known in self.datasets if known.district == contract.dataset.district]
        named = [feed.columns["readings_of"].value for feed in contract.feeds if feed.shape == "sensor"]
        for name in named:
            if name is not None and name not in siblings:
                raise ContractError(
                    "feeds: no such dataset in readings_of",
                    file=self.shown(file),
                    line=self._yaml(file).line(["customProperties"]),
                    given=name,
                    allowed=siblings,
                )

    def _parsed(self, model: type[Model], data: Any, file: Path, *path: str) -> Model:
        try:
            return model.model_validate(data)
        except ValidationError as error:
            refused = refusal(model, error)
            where = [*path, *refused.path]
            raise ContractError(
                f"{'.'.join(map(str, where)) or 'the document'}: {refused.problem}",
                file=self.shown(file),
                line=self._yaml(file).line(where),
                given=refused.given,
                allowed=refused.allowed,
                hint=refused.hint,
            ) from error

    def _yaml(self, file: Path) -> YamlFile:
        return read_yaml(file, shown_as=self.shown(file))

    def shown(self, file: Path) -> str:
        """What errors call a file: its path within the federation."""
        return file.relative_to(self.root).as_posix()


def open_federation(root: Path) -> Federation:
    """The federation in a folder.

    Raises:
        ConfigurationError: the folder has no `districts/`.
    """
    if not (root / DISTRICTS).is_dir():
        raise ConfigurationError(
            "not a federation", given=root, allowed=f"a folder that holds {DISTRICTS}/<district>/district.yml"
        )
    return Federation(root.resolve())
