"""Airflow's configuration and secrets for one node home, written before anything starts."""

from __future__ import annotations

import base64
import configparser
import contextlib
import json
import os
import secrets
import socket
from pathlib import Path

from infra.local.layout import REPOSITORY, Layout
from shanhai.errors import BusyError

USER = "admin"
_FIRST_PORT = 20_000
_GIVEN_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
_PORT_TRIES = 100

_FIXED: dict[str, dict[str, object]] = {
    "core": {
        "executor": "LocalExecutor",
        "load_examples": False,
        "dags_are_paused_at_creation": False,
        "max_active_tasks_per_dag": 16,
        "simple_auth_manager_users": f"{USER}:admin",
        "lazy_discover_providers": True,
    },
    "scheduler": {
        "scheduler_idle_sleep_time": 0.5,
        "enable_health_check": False,
        # A task whose process was killed is found after half a minute, not after five.
        "task_instance_heartbeat_timeout": 30,
        "orphaned_tasks_check_interval": 30,
        "max_dagruns_to_create_per_loop": 50,
        "parsing_cleanup_interval": 600,
    },
    "dag_processor": {
        "parsing_processes": 1,
        "print_stats_interval": 0,
        "dag_version_inflation_check_level": "error",
    },
    "api": {"host": "127.0.0.1", "workers": 1, "expose_config": False, "expose_stacktrace": True},
    "logging": {
        "colored_console_log": False,
        "file_task_handler_new_folder_permissions": "0o700",
        "file_task_handler_new_file_permissions": "0o600",
    },
    # A supervisor that misses the very moment its task ends notices at its next heartbeat: five seconds
    # of a slot for a task of a tenth of one.
    "workers": {"min_heartbeat_interval": 1, "missing_dag_retry_delay": 5},
    "triggerer": {"capacity": 1},
}


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on now.

    Where Linux says which ones it gives to whoever asks for any, or connects somewhere, it is none of those:
    such a one may be taken by the time when a server that starts slowly, or again, listens on it.

    Raises:
        BusyError: all that were tried are taken.
    """
    own = range(_FIRST_PORT, _first_given_port())
    for _ in range(_PORT_TRIES):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", secrets.choice(own) if own else 0))
            return int(probe.getsockname()[1])
    raise BusyError("no port is free", given=f"{_PORT_TRIES} of {own}", hint="end what listens there")


def _first_given_port() -> int:
    """The first port that the system gives away; 0 where it does not tell."""
    try:
        return int(_GIVEN_PORTS.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return 0


def write_private(file: Path, text: str) -> None:
    """Replace a file by one that only its owner can read; never readable by others in between."""
    beside = file.with_name(file.name + ".new")
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text)
    beside.replace(file)


def password(layout: Layout) -> str:
    """The web user's password of this home, made at the first call."""
    if not layout.password_file.is_file():
        write_private(layout.password_file, json.dumps({USER: secrets.token_urlsafe(18)}) + "\n")
    known: dict[str, str] = json.loads(layout.password_file.read_text(encoding="utf-8"))
    return known[USER]


def write_configuration(layout: Layout, *, port: int, slots: int, parse_every: int) -> None:
    """Write `airflow.cfg` (mode 0600) for an API server on `port` and `slots` tasks at a time.

    DAG files are read again every `parse_every` seconds.
    """
    password(layout)
    address = f"http://127.0.0.1:{port}"
    bundle = {
        "name": "shanhai",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(REPOSITORY / "dags"), "refresh_interval": parse_every},
    }
    values: dict[str, dict[str, object]] = {section: dict(options) for section, options in _FIXED.items()}
    values["core"] |= {
        "dags_folder": REPOSITORY / "dags",
        "parallelism": slots,
        "simple_auth_manager_passwords_file": layout.password_file,
        "execution_api_server_url": f"{address}/execution/",
        "fernet_key": _kept(layout, "fernet_key"),
    }
    values["database"] = {
        # Runs that go on after an interruption write while new ones are triggered: wait for each other.
        "sql_alchemy_conn": f"sqlite:///{layout.database}?timeout=60",
        "check_migrations": False,
    }
    values["dag_processor"] |= {
        "dag_bundle_config_list": json.dumps([bundle]),
        "min_file_process_interval": parse_every,
        "refresh_interval": parse_every,
    }
    values["api"] |= {"port": port, "base_url": address, "secret_key": _kept(layout, "secret_key")}
    values["api_auth"] = {"jwt_secret": _kept(layout, "jwt_secret")}
    values["logging"] |= {
        "base_log_folder": layout.airflow / "logs",
        "dag_processor_child_process_log_directory": layout.airflow / "logs" / "dag_processor",
    }
    write_private(layout.airflow / "airflow.cfg", _as_ini(values))


def _kept(layout: Layout, name: str) -> str:
    """A secret of this home, made at the first call: 32 random bytes in URL-safe Base64."""
    file = layout.airflow / f".{name}"
    if not file.is_file():
        write_private(file, base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    return file.read_text(encoding="utf-8")


def _as_ini(values: dict[str, dict[str, object]]) -> str:
    parser = configparser.RawConfigParser()
    lines: list[str] = []
    for section, options in values.items():
        lines.append(f"[{section}]")
        for name, value in options.items():
            lines.append(f"{name} = {str(value).replace('%', '%%')}")
        lines.append("")
    text = "\n".join(lines)
    parser.read_string(text)
    return text
