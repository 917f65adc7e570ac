"""The store: idempotence, errors, and that acknowledged means durable and applied."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from services.kv.commit import GroupCommit
from services.kv.core import MAX_BALANCE, Store
from services.kv.model import (
    Applied,
    Credit,
    CreditRefused,
    Delete,
    Event,
    InvalidCredit,
    InvalidKey,
    Limits,
    LogUnavailable,
    NoSuchKey,
    Put,
    ValueTooLarge,
    Write,
)


class MemoryLog:
    """A log that remembers its commits, and fails or wants compaction when it is told to."""

    def __init__(self, *, blocks: bool = True) -> None:
        self.blocks = blocks
        self.commits: list[list[Write]] = []
        self.noted: list[Write] = []
        self.fail = False
        self.closed = False
        self.compact_after = 10**9

    def events(self) -> Iterable[Event]:
        writes = [write for commit in self.commits for write in commit]
        return [Event(number, write) for number, write in enumerate(writes, 1)]

    def write_put(self, key: str, value: bytes) -> int:
        return self._note(Put(key, value))

    def write_delete(self, key: str) -> int:
        return self._note(Delete(key))

    def write_credit(self, key: str, amount: int, transaction: str) -> int:
        return self._note(Credit(key, amount, transaction))

    def commit(self) -> None:
        noted, self.noted = self.noted, []
        if self.fail:
            raise LogUnavailable("down")
        self.commits.append(noted)

    def overgrown(self) -> bool:
        return len(self.commits) >= self.compact_after

    def compact(self, snapshot: Iterable[Write]) -> None:
        if self.fail:
            self.compact_after *= 2
            raise LogUnavailable("down")
        self.commits = [list(snapshot)]

    def probe(self) -> None:
        if self.fail:
            raise LogUnavailable("down")

    def close(self) -> None:
        self.closed = True

    def _note(self, write: Write) -> int:
        self.noted.append(write)
        return len(self.noted)


def store_on(log: MemoryLog, **limits: int) -> tuple[Store, GroupCommit]:
    store = Store({}, limits=Limits(**{"key": 10, "value": 5, **limits}))
    store.restore(log.events())
    committer = GroupCommit(log, store)
    store.open(committer)
    return store, committer


def state_of(store: Store) -> list[Write]:
    return list(store.snapshot())


@pytest.mark.parametrize("blocks", [True, False])
def test_repeating_has_the_effect_of_once(blocks: bool) -> None:  # noqa: FBT001
    async def run() -> None:
        store, committer = store_on(MemoryLog(blocks=blocks))
        assert [await store.put("k", b"v") for _ in range(3)] == [True, False, False]
        assert [await store.get("k") for _ in range(2)] == [b"v", b"v"]
        assert [await store.delete("k") for _ in range(3)] == [True, False, False]
        with pytest.raises(NoSuchKey):
            await store.get("k")
        await committer.close()

    asyncio.run(run())


def test_writes_that_arrive_together_share_commits_and_keep_their_order() -> None:
    async def run() -> None:
        log = MemoryLog()
        store, committer = store_on(log)
        created = await asyncio.gather(*(store.put("k", b"%d" % number) for number in range(100)))
        assert created == [True] + [False] * 99
        assert await store.get("k") == b"99"
        assert len(log.commits) < 10
        assert [write for commit in log.commits for write in commit] == [Put("k", b"%d" % n) for n in range(100)]
        await committer.close()
        assert log.closed

    asyncio.run(run())


@pytest.mark.parametrize("blocks", [True, False])
def test_a_log_that_is_down_changes_nothing_and_recovers(blocks: bool) -> None:  # noqa: FBT001
    async def run() -> None:
        log = MemoryLog(blocks=blocks)
        store, committer = store_on(log)
        await store.put("k", b"old")
        log.fail = True
        with pytest.raises(LogUnavailable):
            await store.put("k", b"new")
        with pytest.raises(LogUnavailable):
            await store.delete("k")
        assert await store.get("k") == b"old"
        log.fail = False
        assert not await store.put("k", b"new")
        await committer.close()
        assert state_of(store_on(log)[0]) == [Put("k", b"new")]

    asyncio.run(run())


def test_a_caller_that_leaves_does_not_stop_its_write() -> None:
    async def run() -> None:
        log = MemoryLog()
        store, committer = store_on(log)
        task = asyncio.create_task(store.put("k", b"v"))
        await asyncio.sleep(0)
        task.cancel()
        await committer.close()
        assert await store.get("k") == b"v"

    asyncio.run(run())


@pytest.mark.parametrize("key", ["", "x" * 11, "ü" * 11, "\ud800"])
def test_a_key_that_cannot_be_is_a_typed_error(key: str) -> None:
    async def run() -> None:
        store, committer = store_on(MemoryLog())
        for operation in (store.get(key), store.put(key, b""), store.delete(key)):
            with pytest.raises(InvalidKey):
                await operation
        await committer.close()

    asyncio.run(run())


def test_sizes_at_their_limits_pass_and_beyond_are_refused() -> None:
    async def run() -> None:
        store, committer = store_on(MemoryLog())
        assert await store.put("x" * 10, b"12345")
        with pytest.raises(ValueTooLarge, match="6 bytes; 5"):
            await store.put("x", b"123456")
        await committer.close()

    asyncio.run(run())


def test_a_store_whose_history_was_not_read_answers_nothing() -> None:
    async def run() -> None:
        store = Store({})
        for operation in (store.get("k"), store.put("k", b""), store.delete("k"), store.credit("k", 1, "t")):
            with pytest.raises(LogUnavailable, match="history"):
                await operation

    asyncio.run(run())


def test_a_credit_is_done_once_also_after_a_restart_and_after_compaction() -> None:
    async def run() -> None:
        log = MemoryLog()
        store, committer = store_on(log)
        assert await store.credit("k", 100, "t1") == Applied(balance=100)
        assert await store.credit("k", 5, "t2") == Applied(balance=105)
        for _ in range(3):
            assert await store.credit("k", 100, "t1") == Applied(balance=100, duplicate=True)
        assert await store.get("k") == b"105"
        await committer.close()
        for _ in range(2):
            store, committer = store_on(log)
            assert await store.credit("k", 100, "t1") == Applied(balance=100, duplicate=True)
            assert await store.get("k") == b"105"
            log.compact(store.snapshot())
            await committer.close()

    asyncio.run(run())


def test_concurrent_duplicates_credit_once() -> None:
    async def run() -> None:
        store, committer = store_on(MemoryLog())
        done = await asyncio.gather(*(store.credit("k", 7, "t") for _ in range(20)))
        assert [item.duplicate for item in done] == [False] + [True] * 19
        assert await store.get("k") == b"7"
        await committer.close()

    asyncio.run(run())


def test_a_transaction_id_used_for_another_credit_is_refused() -> None:
    async def run() -> None:
        store, committer = store_on(MemoryLog())
        await store.credit("k", 7, "t")
        for key, amount in (("k", 8), ("other", 7)):
            with pytest.raises(CreditRefused, match="another"):
                await store.credit(key, amount, "t")
        assert await store.get("k") == b"7"
        await committer.close()

    asyncio.run(run())


@pytest.mark.parametrize("held", [b"", b"abc", b"1.5", b" 1", b"\xff"])
def test_what_is_no_whole_number_cannot_be_credited(held: bytes) -> None:
    async def run() -> None:
        store, committer = store_on(MemoryLog())
        await store.put("k", held)
        with pytest.raises(CreditRefused, match="whole number"):
            await store.credit("k", 1, "t")
        assert await store.get("k") == held
        await committer.close()

    asyncio.run(run())


def test_balances_and_amounts_fit_64_bits() -> None:
    async def run() -> None:
        store, committer = store_on(MemoryLog(), value=30)
        for amount in (0, -1, MAX_BALANCE):
            with pytest.raises(InvalidCredit, match="amount"):
                await store.credit("k", amount, "t")
        for transaction in ("", "x" * 257, "\ud800"):
            with pytest.raises(InvalidCredit, match="transaction"):
                await store.credit("k", 1, transaction)
        assert (await store.credit("k", MAX_BALANCE - 1, "\U0001f986" * 256)).balance == MAX_BALANCE - 1
        with pytest.raises(CreditRefused, match="reach"):
            await store.credit("k", 1, "t2")
        await committer.close()

    asyncio.run(run())


def test_only_the_newest_transactions_are_remembered() -> None:
    async def run() -> None:
        store, committer = store_on(MemoryLog(), transactions=2)
        for transaction in ("t1", "t2", "t3"):
            await store.credit("k", 1, transaction)
        assert (await store.credit("k", 1, "t3")).duplicate
        assert not (await store.credit("k", 1, "t1")).duplicate
        await committer.close()

    asyncio.run(run())


@pytest.mark.parametrize("blocks", [True, False])
def test_an_overgrown_log_is_compacted_between_commits(blocks: bool) -> None:  # noqa: FBT001
    async def run() -> None:
        log = MemoryLog(blocks=blocks)
        log.compact_after = 5
        store, committer = store_on(log)
        for number in range(23):
            await asyncio.gather(store.put("k", b"%d" % number), store.credit("n", 1, f"t{number}"))
        await committer.close()
        assert len(log.commits) <= 6
        assert state_of(store_on(log)[0]) == state_of(store)

    asyncio.run(run())


def test_a_compaction_that_fails_stops_no_write() -> None:
    async def run() -> None:
        log = MemoryLog()
        log.compact_after = 1
        store, committer = store_on(log)
        await store.put("k", b"1")
        log.fail = True
        with pytest.raises(LogUnavailable):
            await store.put("k", b"2")
        log.fail = False
        await store.put("k", b"3")
        await committer.close()
        assert state_of(store_on(log)[0]) == [Put("k", b"3")]

    asyncio.run(run())
