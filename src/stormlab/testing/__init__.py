"""Test doubles for code that uses policies: virtual time, a listener that remembers, a callee with a script; and
``assert_recovers``, a resilience claim as a line of a test.

For gevent see :mod:`stormlab.testing.virtual_hub`.
"""

from stormlab.testing.assertions import assert_recovers
from stormlab.testing.doubles import Line, RecordingListener, ScriptedCallee
from stormlab.testing.virtual_time import VirtualTimeLoop
from stormlab.testing.virtual_time import run as run_in_virtual_time

__all__ = ["Line", "RecordingListener", "ScriptedCallee", "VirtualTimeLoop", "assert_recovers", "run_in_virtual_time"]
