"""The store on the file log against a plain dictionary, over random histories with restarts, kills and compaction."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.kv.commit import GroupCommit
from services.kv.core import Store
from services.kv.file_log import Durability, FileLog
from services.kv.model import Applied, CreditRefused, NoSuchKey

KEYS = st.sampled_from(["a", "b/ü", " \n\x00"])
TRANSACTIONS = st.sampled_from(["t1", "t2", "t3", "t4"])


class Model(RuleBasedStateMachine):
    """Every step is done to both; they have to agree always."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "kv.log"
        self.loop = asyncio.Runner()
        self.values: dict[str, bytes] = {}
        self.settled: dict[str, tuple[str, int, int]] = {}
        self.open()

    def open(self) -> None:
        self.log = FileLog(self.path, durability=Durability.NEVER, compact_after=400)
        self.store = Store({})
        self.store.restore(self.log.events())
        self.committer = GroupCommit(self.log, self.store)
        self.store.open(self.committer)

    def close(self) -> None:
        self.loop.run(self.committer.close())

    @rule(key=KEYS, value=st.binary(max_size=40))
    def put(self, key: str, value: bytes) -> None:
        assert self.loop.run(self.store.put(key, value)) == (key not in self.values)
        self.values[key] = value

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        assert self.loop.run(self.store.delete(key)) == (self.values.pop(key, None) is not None)

    @rule(key=KEYS, amount=st.integers(1, 3), transaction=TRANSACTIONS)
    def credit(self, key: str, amount: int, transaction: str) -> None:
        expected = self.expect_credit(key, amount, transaction)
        try:
            assert self.loop.run(self.store.credit(key, amount, transaction)) == expected
        except CreditRefused:
            assert expected is None

    def expect_credit(self, key: str, amount: int, transaction: str) -> Applied | None:
        """What the credit has to answer; ``None`` for a refusal."""
        if transaction in self.settled:
            known = self.settled[transaction]
            return Applied(balance=known[2], duplicate=True) if known[:2] == (key, amount) else None
        held = self.values.get(key, b"0")
        if not held.removeprefix(b"-").isdigit():
            return None
        balance = int(held) + amount
        self.values[key] = b"%d" % balance
        self.settled[transaction] = (key, amount, balance)
        return Applied(balance=balance)

    @rule()
    def restart(self) -> None:
        self.close()
        self.open()

    @rule(junk=st.binary(min_size=1, max_size=30))
    def crash_in_the_middle_of_a_write(self, junk: bytes) -> None:
        self.close()
        with self.path.open("ab") as file:
            file.write(junk)
        self.open()

    @rule()
    def crash_in_the_middle_of_a_compaction(self) -> None:
        self.close()
        whole = self.path.read_bytes()
        self.path.with_name("kv.log.compact").write_bytes(whole[: len(whole) // 2])
        self.open()

    @invariant()
    def they_agree(self) -> None:
        for key in ("a", "b/ü", " \n\x00"):
            try:
                found: bytes | None = self.loop.run(self.store.get(key))
            except NoSuchKey:
                found = None
            assert found == self.values.get(key)
        assert len(self.store) == len(self.values)

    def teardown(self) -> None:
        self.close()
        self.loop.close()
        self.folder.cleanup()


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
