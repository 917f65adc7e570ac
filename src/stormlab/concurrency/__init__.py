"""Small patterns of concurrency for asyncio: debounce, future, sharding, fan-in and fan-out."""

from stormlab.concurrency.debounce import debounce_first, debounce_last
from stormlab.concurrency.fans import fan_in, fan_out
from stormlab.concurrency.future import Future
from stormlab.concurrency.sharding import Shards

__all__ = ["Future", "Shards", "debounce_first", "debounce_last", "fan_in", "fan_out"]
