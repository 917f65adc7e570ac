"""The network faults of a scenario as toxics of the control API."""

from __future__ import annotations

from dataclasses import replace

from stormlab.chaos import toxics
from stormlab.scenario import disturbances as faults

#: A toxic's rate is in kB/s in a scenario and in bytes/s in the chaos package.
_KILOBYTE = 1000


def toxic_of(fault: faults.Toxic, name: str) -> toxics.Toxic:
    """The toxic called ``name`` that does what ``fault`` says."""
    return replace(_bare(fault), name=name, stream=toxics.Stream(fault.stream), toxicity=fault.toxicity)


def _bare(fault: faults.Toxic) -> toxics.Toxic:
    match fault:
        case faults.Latency(latency=latency, jitter=jitter):
            return toxics.Latency(latency=latency, jitter=jitter)
        case faults.Bandwidth(rate=rate):
            return toxics.Bandwidth(rate=rate * _KILOBYTE)
        case faults.SlowClose(delay=delay):
            return toxics.SlowClose(delay=delay)
        case faults.Blackhole(timeout=timeout):
            return toxics.Timeout(timeout=timeout)
        case faults.ResetPeer(timeout=timeout):
            return toxics.ResetPeer(timeout=timeout)
        case faults.Slicer(average_size=size, size_variation=variation, delay=delay):
            return toxics.Slicer(average_size=size, size_variation=variation, delay=delay)
        case faults.LimitData(bytes=limit):
            return toxics.LimitData(bytes=limit)
    raise TypeError(f"no toxic does what {type(fault).__name__} says")
