"""The connector `files`: which files, in which order, and which never."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.files import FilesConnector
from shanhai.connect.conformance import collect
from shanhai.connect.protocol import ConnectContext
from shanhai.connect.registry import check_options
from shanhai.errors import ConfigurationError, DataError, DeniedError, NotFoundError, SourceError
from tests.conformance.far_side import Asked, FarSide, Reply


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for name in (
        "b/2.csv",
        "b/10.csv",
        "a.csv",
        "b/.half.csv",
        "x/y/数 据.csv",
        "w/2024-03-01.csv",
        "w/2024-03-02.csv",
    ):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    (tmp_path / "outside.csv").write_text("outside")
    return root


def pull(root: Path, window: str | None = None, **options: Any) -> dict[str, bytes]:
    return collect(FilesConnector(options, ConnectContext(str(root), allowed_roots=(root,))), window)


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("a.csv", ["a.csv"]),
        ("*.csv", ["a.csv"]),
        ("b/*.csv", ["b/10.csv", "b/2.csv"]),
        ("**/*据.csv", ["x/y/数 据.csv"]),
        (["b/2.csv", "*.csv", "a.csv"], ["a.csv", "b/2.csv"]),
        ("w/{window}.csv", ["w/2024-03-01.csv", "w/2024-03-02.csv"]),
        ("[ab]/?.csv", ["b/2.csv"]),
    ],
)
def test_files_are_found_in_order_each_once(root: Path, path: Any, names: list[str]) -> None:
    assert list(pull(root, path=path)) == names
    assert pull(root, path=path) == {name: name.encode() for name in names}


def test_a_window_picks_its_files(root: Path) -> None:
    assert list(pull(root, "2024-03-02", path="w/{window}.csv")) == ["w/2024-03-02.csv"]
    assert list(pull(root, path="w/{window}.csv", windows=["2024-03-01"])) == ["w/2024-03-01.csv"]


def test_an_optional_file_may_be_absent(root: Path) -> None:
    options = {"path": "w/{window}.csv", "optional": "w/{window}.r2.csv"}
    assert list(pull(root, "2024-03-01", **options)) == ["w/2024-03-01.csv"]
    (root / "w/2024-03-01.r2.csv").write_text("later")
    assert list(pull(root, "2024-03-01", **options)) == ["w/2024-03-01.csv", "w/2024-03-01.r2.csv"]


def test_nothing_found_is_an_error(root: Path) -> None:
    with pytest.raises(NotFoundError, match="no file matches"):
        pull(root, path="*.xlsx")
    with pytest.raises(SourceError, match="no file for window 2024-04-01"):
        pull(root, "2024-04-01", path="w/{window}.csv")
    with pytest.raises(SourceError, match="is it mounted"):
        collect(FilesConnector({"path": "*"}, ConnectContext(f"{root}/no", allowed_roots=(root,))), None)


@pytest.mark.parametrize("path", ["../outside.csv", "b/../../outside.csv", "/etc/passwd", "..", "b/../a.csv"])
def test_a_path_does_not_climb(root: Path, path: str) -> None:
    with pytest.raises(ConfigurationError, match=r"option path\.0 is wrong"):
        FilesConnector({"path": path}, ConnectContext(str(root), allowed_roots=(root,)))
    for name in ("files", "object_store"):
        with pytest.raises(ConfigurationError, match=r"option optional\.0 is wrong"):
            check_options(name, {"path": "a.csv", "optional": path})


def test_links_stay_below_the_roots(root: Path) -> None:
    (root / "inside.csv").symlink_to(root / "a.csv")
    assert pull(root, path="inside.csv") == {"inside.csv": b"a.csv"}
    (root / "link.csv").symlink_to(root.parent / "outside.csv")
    (root / "folder").symlink_to(root.parent)
    for path in ("link.csv", "folder/outside.csv", "folder/*.csv"):
        with pytest.raises(DeniedError, match="outside the allowed folders"):
            pull(root, path=path)


def test_an_endpoint_lies_below_the_roots(root: Path) -> None:
    (root / "out").symlink_to(root.parent)
    for endpoint in (root.parent, root / "..", root / "out"):
        with pytest.raises(DeniedError, match="outside the allowed folders"):
            collect(FilesConnector({"path": "*"}, ConnectContext(str(endpoint), allowed_roots=(root,))), None)
    with pytest.raises(DeniedError):
        collect(FilesConnector({"path": "*"}, ConnectContext(str(root))), None)


def test_only_regular_files_are_read(root: Path) -> None:
    os.mkfifo(root / "pipe.csv")
    (root / "folder.csv").mkdir()
    assert list(pull(root, path="*.csv")) == ["a.csv"]


def test_a_file_that_grows_while_it_is_read_is_refused(root: Path) -> None:
    connector = FilesConnector({"path": "a.csv"}, ConnectContext(str(root), allowed_roots=(root,)))
    body = next(iter(connector.pull(None)))
    assert next(body.chunks) == b"a.csv"
    with (root / "a.csv").open("a") as stream:
        stream.write("more")
    with pytest.raises(SourceError, match="changed while it was read"):
        list(body.chunks)


def test_a_file_swapped_for_a_link_is_refused(root: Path) -> None:
    connector = FilesConnector({"path": "a.csv"}, ConnectContext(str(root), allowed_roots=(root,)))
    body = next(iter(connector.pull(None)))
    (root / "a.csv").unlink()
    (root / "a.csv").symlink_to(root.parent / "outside.csv")
    with pytest.raises(SourceError, match="cannot be read"):
        list(body.chunks)


def test_a_file_over_the_cap_is_refused(root: Path) -> None:
    context = ConnectContext(str(root), allowed_roots=(root,), max_body_bytes=4)
    with pytest.raises(DataError, match="larger than allowed"):
        collect(FilesConnector({"path": "a.csv"}, context), None)


@pytest.fixture
def far() -> Iterator[FarSide]:
    def answer(asked: Asked) -> Reply:
        known = asked.path.startswith("/open/water/") and not asked.path.endswith(".r2.csv")
        return Reply(asked.path.encode(), headers={"ETag": '"7"'}) if known else Reply(status=404)

    with FarSide(answer) as far_side:
        yield far_side


def web(far: FarSide, **options: Any) -> FilesConnector:
    return FilesConnector(options, ConnectContext(f"{far.address}/open", sleep=lambda seconds: None))


def test_a_body_tells_where_it_came_from(far: FarSide) -> None:
    body = next(iter(web(far, path="water/all.csv").pull(None)))
    assert (body.name, body.origin) == ("water/all.csv", f"{far.address}/open/water/all.csv")
    assert dict(body.facts) == {"etag": '"7"'}


def test_chinese_names_and_blanks_are_encoded(far: FarSide) -> None:
    collect(web(far, path="water/水 表#1.csv"), None)
    assert far.asked[0].raw == "/open/water/%E6%B0%B4%20%E8%A1%A8%231.csv"


def test_an_optional_address_may_be_absent(far: FarSide) -> None:
    connector = web(far, path="water/{window}.csv", optional=["water/{window}.r2.csv"])
    assert list(collect(connector, "2024-03-01")) == ["water/2024-03-01.csv"]
    assert len(far.asked) == 2


def test_an_absent_address_is_told(far: FarSide) -> None:
    with pytest.raises(NotFoundError, match="has nothing"):
        collect(web(far, path="none.csv"), None)
    with pytest.raises(SourceError, match="nothing for window 2024-03-01"):
        collect(web(far, path="none/{window}.csv"), "2024-03-01")


@pytest.mark.parametrize("path", ["*.csv", "../secret", "/etc", "http://elsewhere/x", "a/../../b", "a\\b"])
def test_a_path_that_is_no_file_below_the_endpoint_is_refused(far: FarSide, path: str) -> None:
    with pytest.raises(ConfigurationError):
        collect(web(far, path=path), None)
    assert far.asked == []


def test_a_window_is_needed_at_an_address(far: FarSide) -> None:
    with pytest.raises(ConfigurationError, match="a window is needed"):
        collect(web(far, path="water/{window}.csv"), None)
    listed = web(far, path="water/{window}.csv", windows=["2024-03-02", "2024-03-01"])
    assert list(collect(listed, None)) == ["water/2024-03-02.csv", "water/2024-03-01.csv"]


def test_credentials_need_an_address(root: Path) -> None:
    with pytest.raises(ConfigurationError, match="auth is not for this endpoint"):
        pull(root, path="a.csv", auth={"kind": "bearer", "secret": "x"})
