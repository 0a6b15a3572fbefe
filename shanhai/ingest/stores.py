"""Where a node keeps its snapshots: a folder of its home, or a bucket that the settings name."""

from __future__ import annotations

from urllib.parse import urlsplit

from shanhai.clock import Clock, system_clock
from shanhai.errors import ConfigurationError
from shanhai.settings import Settings
from shanhai.storage import LocalStore, ObjectStore

ACCESS_KEY, SECRET_KEY = "s3_access_key", "s3_secret_key"


def snapshot_store(settings: Settings, clock: Clock = system_clock) -> ObjectStore:
    """The store that the settings describe; nothing is asked of it yet.

    Raises:
        ConfigurationError: the setting is no address of a bucket, or the keys for it are missing.
    """
    if not settings.snapshots:
        return LocalStore(settings.home / "snapshots", keep_free_bytes=settings.free_disk_bytes)
    parts = urlsplit(settings.snapshots)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(
            "setting SHANHAI_SNAPSHOTS: not a bucket",
            given=settings.snapshots,
            allowed="s3://<bucket>/<prefix>",
        )
    return bucket_store(settings.snapshots, settings, secrets=(ACCESS_KEY, SECRET_KEY), clock=clock)


def bucket_store(
    address: str,
    settings: Settings,
    *,
    secrets: tuple[str, str],
    endpoint: str = "",
    clock: Clock = system_clock,
) -> ObjectStore:
    """A store in a bucket; nothing is asked of it yet.

    Args:
        address: `s3://<bucket>/<prefix>`.
        secrets: names of those with the access key and the secret key.
        endpoint: the URL of the server; that of the settings by default.

    Raises:
        ConfigurationError: the keys are missing.
    """
    from shanhai.storage.s3 import S3Store
    from shanhai.storage.s3_access import Access, Keys

    parts = urlsplit(address)
    access_key, secret_key = (settings.secret(name) for name in secrets)
    access = Access(
        endpoint=(endpoint or settings.s3_endpoint).rstrip("/"),
        bucket=parts.netloc,
        keys=Keys(access_key, secret_key, f"secrets {', '.join(secrets)}"),
        region=settings.s3_region,
        timeout_seconds=settings.http_timeout_seconds,
        attempts=settings.http_attempts,
    )
    return S3Store(
        access,
        parts.path.strip("/"),
        scratch=settings.home / "scratch" / "objects",
        keep_free_bytes=settings.free_disk_bytes,
        clock=clock,
    )
