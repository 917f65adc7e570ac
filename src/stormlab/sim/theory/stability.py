"""When a trigger leaves a system metastable: the thresholds of Huang et al. (OSDI'22) and a fluid model of retries.

Load L and capacity C in the same unit, for instance requests per second. Triggers add to the load and take from the
capacity; sustaining effects then multiply load by up to w_L and divide capacity by up to w_C. Being stable means that
C_stable = C/(w_L*·w_C*) exceeds the normal load. Source: usenix.org/conference/osdi22/presentation/huang-lexiang.
"""

from __future__ import annotations

from dataclasses import dataclass

from stormlab.sim.theory.domain import require_count, require_not_negative, require_positive


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """What a system is like before any trigger.

    ``load`` and ``capacity`` are normal values; ``load_amplification`` w_L* and ``capacity_degradation`` w_C*, both at
    least 1 (infinite when nothing bounds them), are the worst that sustaining effects can do.
    """

    load: float
    capacity: float
    load_amplification: float = 1.0
    capacity_degradation: float = 1.0

    def __post_init__(self) -> None:
        require_positive(load=self.load, capacity=self.capacity)
        require_positive(load_amplification=min(self.load_amplification, 1e300))
        require_positive(capacity_degradation=min(self.capacity_degradation, 1e300))

    @property
    def headroom(self) -> float:
        """Room for triggers before anything is overloaded: C − L."""
        return self.capacity - self.load

    @property
    def stable_capacity(self) -> float:
        """C_stable = C/(w_L*·w_C*); loads below it cannot become metastable."""
        return self.capacity / (self.load_amplification * self.capacity_degradation)

    @property
    def is_stable(self) -> bool:
        """Threshold 2: no trigger whatever leaves this system metastable."""
        return self.load < self.stable_capacity

    def absorbs(self, *, added_load: float = 0.0, lost_capacity: float = 0.0) -> bool:
        """Threshold 1: a trigger of this size causes no overload, hence nothing that could sustain itself."""
        require_not_negative(added_load=added_load, lost_capacity=lost_capacity)
        return added_load + lost_capacity < self.headroom

    def outlasts(self, *, load_amplification: float, capacity_degradation: float) -> bool:
        """Threshold 3: what the sustaining effects reach by the end of the trigger is too little to hold on.

        The arguments are w_L and w_C of the trigger's duration, each at least 1.
        """
        require_positive(load_amplification=load_amplification, capacity_degradation=capacity_degradation)
        return load_amplification * capacity_degradation < self.capacity / self.load

    def is_trapped(
        self,
        *,
        system_load: float,
        system_capacity: float,
        added_load: float = 0.0,
        lost_capacity: float = 0.0,
    ) -> bool:
        """Threshold 4: overload will survive the end of the trigger: L_sys − C_sys ≥ α_L·m_L + α_C·m_C.

        ``system_load`` and ``system_capacity`` are measured with trigger and sustaining effects in force;
        α_L = L_sys/(L + m_L) and α_C = C_sys/(C − m_C) are what the effects do now.
        """
        require_not_negative(
            system_load=system_load,
            system_capacity=system_capacity,
            added_load=added_load,
            lost_capacity=lost_capacity,
        )
        amplified = system_load / (self.load + added_load)
        degraded = system_capacity / (self.capacity - lost_capacity) if lost_capacity < self.capacity else 0.0
        return system_load - system_capacity >= amplified * added_load + degraded * lost_capacity


def retry_amplification(*, retries: int) -> float:
    """The most that ``retries`` retries multiply load by: w_L* = R + 1."""
    require_count(least=0, retries=retries)
    return retries + 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """A capacity cut in front of a FIFO server that keeps serving callers who gave up (fluid model).

    ``load`` calls/s meet ``capacity`` tries/s; for ``duration`` s only ``remaining`` (fraction) of it is left; callers
    wait ``timeout`` s for an answer and retry ``retries`` times at once.
    """

    load: float
    capacity: float
    remaining: float
    duration: float
    timeout: float
    retries: int

    def __post_init__(self) -> None:
        require_positive(load=self.load, capacity=self.capacity, timeout=self.timeout)
        require_not_negative(remaining=self.remaining, duration=self.duration)
        require_count(least=0, retries=self.retries)

    @property
    def backlog(self) -> float:
        """Tries queued when the cut ends: the shortfall, plus first retries once the wait exceeds the timeout."""
        served = self.remaining * self.capacity
        if served >= self.load:
            return 0.0
        until_late = self.timeout * served / (self.load - served)
        retrying = max(0.0, self.duration - until_late - self.timeout)
        return (self.load - served) * self.duration + self.load * retrying

    @property
    def is_metastable(self) -> bool:
        """The backlog costs every caller more than the timeout, and the retries that follow exceed the capacity."""
        sustained = (1 + self.retries) * self.load > self.capacity
        return sustained and self.backlog / self.capacity > self.timeout
