"""Where the embedded Airflow keeps things: one value that every part of the runner is given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shanhai.errors import StoreError

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Layout:
    """Absolute folders of one node and its Airflow."""

    home: Path
    federation: Path

    @property
    def airflow(self) -> Path:
        """Airflow's own home: configuration, metadata database, logs of tasks."""
        return self.home / "airflow"

    @property
    def logs(self) -> Path:
        """One file for each process of the runner."""
        return self.home / "logs"

    @property
    def database(self) -> Path:
        return self.airflow / "airflow.db"

    @property
    def password_file(self) -> Path:
        return self.airflow / "password.json"

    @property
    def lock(self) -> Path:
        return self.home / "run.lock"

    @property
    def record(self) -> Path:
        """What runs now: the address and the process ids."""
        return self.home / "processes.json"

    @property
    def knobs(self) -> Path:
        return self.federation / "dags" / "datasets.json"

    def make_folders(self) -> None:
        """Create what is missing, for the owner alone.

        Raises:
            StoreError: the home cannot be written.
        """
        try:
            for folder in (self.home, self.airflow, self.logs, self.home / "secrets"):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.lock.touch(mode=0o600)
        except OSError as error:
            raise StoreError(
                f"the state folder cannot be written: {error.strerror}",
                given=self.home,
                hint="set SHANHAI_HOME to a folder that you may write",
            ) from error
