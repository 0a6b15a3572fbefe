"""Serve the three simulated districts until told to stop: `python -m infra.simulator --print-urls`."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
from pathlib import Path

from infra.simulator.server import serve, warm
from infra.simulator.statement import statement

_TO_STOP = (signal.SIGTERM, signal.SIGINT)


def main() -> int:
    """Start, say the addresses on one line of JSON, wait for SIGTERM or SIGINT, stop."""
    options = _options()
    if options.truth:
        print(json.dumps(statement(), ensure_ascii=False, indent=2))
        return 0
    # Not by a handler that sets an event: it would wait for a lock that the thread that it interrupts holds.
    signal.pthread_sigmask(signal.SIG_BLOCK, _TO_STOP)
    simulator = serve(token=_token(options.token_file), port=options.port, hiccups=not options.calm)
    if options.print_urls:
        print(json.dumps({**simulator.urls, "pid": os.getpid()}), flush=True)
    warm()
    signal.sigwait(_TO_STOP)
    simulator.stop()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m infra.simulator", description="Three simulated districts. All data are generated."
    )
    parser.add_argument("--port", type=int, default=9101, help="first of three ports; 0: free ones")
    parser.add_argument("--token-file", type=Path, help="bearer token of Gongshu; written when absent")
    parser.add_argument("--print-urls", action="store_true", help="one line of JSON once ready")
    parser.add_argument("--calm", action="store_true", help="without the faults of an ordinary start")
    parser.add_argument("--truth", action="store_true", help="print the stated truth and leave")
    return parser.parse_args()


def _token(file: Path | None) -> str:
    """The token in the file; a new one when there is none, written for the owner's eyes only."""
    if file is not None and file.is_file():
        return file.read_text(encoding="utf-8").strip()
    token = secrets.token_urlsafe(24)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(token + "\n")
    return token


if __name__ == "__main__":
    raise SystemExit(main())
