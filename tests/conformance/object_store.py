"""The suite that every object store passes; a test module subclasses it and gives a store."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator

import pytest

from shanhai.errors import ConfigurationError, NotFoundError
from shanhai.storage import ObjectInfo, ObjectStore, Stored

BAD_KEYS = (
    "", "/", "a/", "/a", "a//b", ".", "..", "../a", "a/../b", "a/./b", ".hidden", "a/.hidden", "a\\b",
    "a b", "a\nb", "a\x00b", "~", "a?b", "a*b", "%2e%2e/a", "x" * 256, "/".join(["abcdefghi"] * 101),
)  # fmt: skip


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class ObjectStoreConformance:
    """Give the fixture `store`: an empty store."""

    def read(self, store: ObjectStore, key: str) -> bytes:
        with store.open(key) as stream:
            return stream.read()

    def test_what_is_put_is_read(self, store: ObjectStore) -> None:
        stored = store.put("a/b.json", [b"one", b"", b"two"])
        assert stored == Stored(key="a/b.json", size=6, sha256=sha256(b"onetwo"), created=True)
        assert self.read(store, "a/b.json") == b"onetwo"
        assert store.exists("a/b.json")
        assert store.stat("a/b.json") == ObjectInfo("a/b.json", 6)

    def test_an_empty_object_is_an_object(self, store: ObjectStore) -> None:
        assert store.put("empty", []).size == 0
        assert self.read(store, "empty") == b""

    def test_a_key_may_come_from_the_digest(self, store: ObjectStore) -> None:
        digest = sha256(b"body")
        stored = store.put(lambda hex_digits: f"sha256/{hex_digits[:2]}/{hex_digits}", [b"bo", b"dy"])
        assert stored.key == f"sha256/{digest[:2]}/{digest}"
        assert self.read(store, stored.key) == b"body"

    def test_put_replaces(self, store: ObjectStore) -> None:
        store.put("k", [b"old"])
        with store.open("k") as before:
            assert store.put("k", [b"newer"]).created
            assert before.read() == b"old"
        assert self.read(store, "k") == b"newer"

    def test_put_if_absent_leaves_what_is_there(self, store: ObjectStore) -> None:
        assert store.put("k", [b"first"], if_absent=True).created
        second = store.put("k", [b"second"], if_absent=True)
        assert second == Stored(key="k", size=6, sha256=sha256(b"second"), created=False)
        assert self.read(store, "k") == b"first"

    def test_of_many_writers_one_creates(self, store: ObjectStore) -> None:
        results: list[Stored] = []
        start = threading.Barrier(8)

        def write(number: int) -> None:
            start.wait()
            results.append(store.put("raced", [b"%d" % number] * 3, if_absent=True))

        writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        created = [result for result in results if result.created]
        assert len(results) == 8
        assert len(created) == 1
        assert sha256(self.read(store, "raced")) == created[0].sha256

    def test_a_writer_that_fails_leaves_nothing(self, store: ObjectStore) -> None:
        def broken() -> Iterator[bytes]:
            yield b"half"
            raise ConnectionResetError("the source hung up")

        store.put("kept", [b"whole"])
        for key in ("new", "kept"):
            with pytest.raises(ConnectionResetError, match="hung up"):
                store.put(key, broken())
        assert list(store.list()) == ["kept"]
        assert self.read(store, "kept") == b"whole"

    def test_nothing_is_seen_before_it_is_whole(self, store: ObjectStore) -> None:
        def watching() -> Iterator[bytes]:
            yield b"half"
            assert not store.exists("k")
            assert list(store.list()) == []
            yield b"whole"

        store.put("k", watching())
        assert list(store.list()) == ["k"]

    def test_list_gives_a_folder_in_order(self, store: ObjectStore) -> None:
        for key in ("ab", "a/c", "a/b/2", "a/b/10", "a-b", "数据/一", "B"):
            store.put(key, [b""])
        assert list(store.list()) == ["B", "a-b", "a/b/10", "a/b/2", "a/c", "ab", "数据/一"]
        assert list(store.list("a")) == list(store.list("a/")) == ["a/b/10", "a/b/2", "a/c"]
        assert list(store.list("a/b/2")) == []
        assert list(store.list("none")) == []

    def test_local_path_holds_the_bytes(self, store: ObjectStore) -> None:
        store.put("folder/file.csv", [b"a,b\n"])
        with store.local_path("folder/file.csv") as path:
            assert path.name == "file.csv"
            assert path.read_bytes() == b"a,b\n"

    def test_streams_can_seek(self, store: ObjectStore) -> None:
        store.put("k", [b"0123456789"])
        with store.open("k") as stream:
            stream.seek(7)
            assert stream.read() == b"789"

    def test_delete_removes_and_may_be_repeated(self, store: ObjectStore) -> None:
        store.put("a/k", [b"x"])
        store.delete("a/k")
        store.delete("a/k")
        store.delete("never/there")
        assert not store.exists("a/k")
        assert list(store.list()) == []

    def test_what_is_absent_is_named(self, store: ObjectStore) -> None:
        store.put("folder/k", [b"x"])
        for key in ("absent", "folder"):
            assert not store.exists(key)
            with pytest.raises(NotFoundError, match=key):
                store.open(key)
            with pytest.raises(NotFoundError, match=key):
                store.stat(key)
            with pytest.raises(NotFoundError, match=key), store.local_path(key):
                pass

    @pytest.mark.parametrize("key", BAD_KEYS, ids=lambda key: ascii(key[:20]))
    def test_what_is_no_key_is_refused(self, store: ObjectStore, key: str) -> None:
        for use in (store.open, store.exists, store.stat, store.delete, lambda bad: store.put(bad, [b"x"])):
            with pytest.raises(ConfigurationError, match="not a key"):
                use(key)
        with pytest.raises(ConfigurationError, match="not a key"):
            store.put(lambda _: key, [b"x"])
        if key.removesuffix("/"):
            with pytest.raises(ConfigurationError, match="not a key"):
                list(store.list(key + "/"))
        assert list(store.list()) == []
