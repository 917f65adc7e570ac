"""A queue whose timed-out callers retry, as a Markov chain over (queue length n, orbit size r), after Isaacs et al.

Arrivals come at λ, ``threads`` servers work at μ each; a caller in orbit retries at μ_retry = R/((R+1)T) or gives
up at μ_drop = 1/((R+1)T). A customer who meets n others is late with a chance bounded in Chebyshev's manner: with
s = min(n, c)·μ, mean m = n/s and deviation σ = √n/s it is (σ/(T−m))² while T−m > σ, else 1. Out of state (n, r):

    (n+1, r+1)  αλ·late              an arrival that will time out and come again
    (n+1, r)    λ + r·μ_retry·late   an arrival, and a retry that will be late again
    (n+1, r−1)  r·μ_retry·(1−late)   a retry that will be in time
    (n, r−1)    r·μ_drop             a caller who gives up
    (n−1, r)    min(n, c)·μ          a completion

A full queue takes nobody in, and whoever retries then leaves the orbit. The first term comes on top of λ, so the model
is pessimistic: arrivals amount to λ(1+α·late); fit α to a simulation before trusting a number. Metastability is a
second eigenvalue next to zero: two regions, each quick to settle and slow to leave.
Source: arxiv.org/abs/2510.03551 and github.com/mpi-sws-rse/metafor (single-server model).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from stormlab.errors import BadInput
from stormlab.sim.theory.domain import require_count, require_not_negative, require_positive

if TYPE_CHECKING:
    from scipy.sparse import csc_array

Grid: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.float64]]

MAX_STATES = 250_000


class Move(NamedTuple):
    """One kind of transition: by how much it changes n and r, and its rate in every state ``[n, r]`` (1/s)."""

    queue: int
    orbit: int
    rate: Grid


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryChain:
    """The chain: rates per s, ``timeout`` in s; n runs over 0..queue−1 and r over 0..orbit−1.

    Raises ``BadInput`` for arguments out of range or more than ``MAX_STATES`` states.
    """

    arrival_rate: float
    service_rate: float
    timeout: float
    retries: int
    queue: int
    orbit: int
    threads: int = 1
    alpha: float = 0.25

    def __post_init__(self) -> None:
        require_positive(arrival_rate=self.arrival_rate, service_rate=self.service_rate, timeout=self.timeout)
        require_count(least=0, retries=self.retries)
        require_count(least=2, queue=self.queue, orbit=self.orbit)
        require_count(threads=self.threads)
        require_not_negative(alpha=self.alpha)
        if self.queue * self.orbit > MAX_STATES:
            raise BadInput(
                f"queue × orbit is {self.queue * self.orbit}; make them smaller, at most {MAX_STATES} states"
            )

    def late(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Bound on the chance that a request which finds n in the queue times out, for every n."""
        count = np.arange(1, self.queue)
        speed = np.minimum(count, self.threads) * self.service_rate
        slack = self.timeout - count / speed
        deviation = np.sqrt(count) / speed
        bound = np.ones(self.queue - 1)
        np.divide(deviation, slack, out=bound, where=slack > deviation)
        return np.concatenate(([0.0], bound**2))

    def moves(self) -> list[Move]:
        """All transitions, as rates over the grid of states; a rate is 0 where the move would leave the grid."""
        n = np.arange(self.queue)[:, None] + np.zeros(self.orbit)
        r = np.arange(self.orbit) + np.zeros((self.queue, 1))
        late = self.late()[:, None]
        retry = r * self.retries / ((self.retries + 1) * self.timeout)
        drop = r / ((self.retries + 1) * self.timeout)
        room = n < self.queue - 1
        return [
            Move(+1, +1, room * (r < self.orbit - 1) * self.alpha * self.arrival_rate * late),
            Move(+1, 0, room * (self.arrival_rate + retry * late)),
            Move(+1, -1, room * retry * (1 - late)),
            Move(0, -1, drop + ~room * retry),
            Move(-1, 0, np.minimum(n, self.threads) * self.service_rate),
        ]

    def drift(self) -> tuple[Grid, Grid]:
        """Mean velocity in every state ``[n, r]``: customers/s into the queue, and into the orbit."""
        moves = self.moves()
        queue = np.sum([move.queue * move.rate for move in moves], axis=0)
        orbit = np.sum([move.orbit * move.rate for move in moves], axis=0)
        return queue, orbit

    def generator(self) -> csc_array[np.float64]:
        """The rate matrix, rows summing to 0; state ``[n, r]`` has the index n·orbit + r."""
        from scipy.sparse import coo_array

        states = self.queue * self.orbit
        here = np.arange(states)
        sources, targets, rates = [here], [here], [-np.sum([move.rate for move in self.moves()], axis=0).ravel()]
        for move in self.moves():
            rate = move.rate.ravel()
            taken = np.flatnonzero(rate)
            sources.append(taken)
            targets.append(taken + move.queue * self.orbit + move.orbit)
            rates.append(rate[taken])
        entries = (np.concatenate(rates), (np.concatenate(sources), np.concatenate(targets)))
        return coo_array(entries, shape=(states, states)).tocsc()

    def stationary(self) -> Grid:
        """Long-run probability of every state ``[n, r]``."""
        balance = self.generator().T.tocsc()
        weights = _null_vector(balance, anchor=0)
        weights = _null_vector(balance, anchor=int(np.argmax(weights)))
        grid: Grid = (weights / weights.sum()).reshape(self.queue, self.orbit)
        return grid

    def relaxation_rate(self) -> float:
        """|Re λ₂| in 1/s: how fast the slowest memory of the starting state fades; tiny means metastable.

        Accurate to about 1e-12 of the fastest rate in the chain. Inverting at a shift s costs λ₂/s of the digits, so
        a first answer, from a shift that is small enough for any λ₂, is the shift for the second.
        """
        generator = self.generator()
        rough = self._second_eigenvalue(generator, shift=1e-9 * float(np.abs(generator.diagonal()).max()))
        return self._second_eigenvalue(generator, shift=rough)

    def _second_eigenvalue(self, generator: csc_array[np.float64], *, shift: float) -> float:
        from scipy.sparse.linalg import eigs

        start = np.random.default_rng(0).random(self.queue * self.orbit)
        values = eigs(generator.T.tocsc(), k=2, sigma=shift, v0=start, return_eigenvectors=False)
        return float(np.sort(np.abs(values.real))[-1])

    def mixing_time(self) -> float:
        """Seconds until the start is forgotten, log2(100)/|λ₂| as the authors compute it."""
        return math.log2(100) / self.relaxation_rate()

    def recovery_time(self, *, queue: int, orbit: int, settled: int = 0) -> float:
        """Mean seconds from state ``[queue, orbit]`` until at most ``settled`` requests are in the queue."""
        from scipy.sparse.linalg import splu

        require_count(least=0, queue=queue, orbit=orbit, settled=settled)
        if queue >= self.queue or orbit >= self.orbit:
            raise BadInput(f"state ({queue}, {orbit}) is off the grid; stay below ({self.queue}, {self.orbit})")
        if queue <= settled:
            return 0.0
        first = (settled + 1) * self.orbit
        inner = self.generator()[first:, first:].tocsc()
        times = _factor(splu, inner).solve(-np.ones(inner.shape[0]))
        return float(times[queue * self.orbit + orbit - first])


def _null_vector(balance: Any, *, anchor: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The solution of balance·x = 0 with x[anchor] = 1; an M-matrix, so every entry comes out accurate and ≥ 0."""
    from scipy.sparse.linalg import splu

    others = np.delete(np.arange(balance.shape[0]), anchor)
    inflow = -balance[:, [anchor]].toarray().ravel()[others]
    inner = balance[others, :][:, others].tocsc()
    weights = np.ones(balance.shape[0])
    weights[others] = np.maximum(_factor(splu, inner).solve(inflow), 0.0)
    return weights


def _factor(splu: Any, matrix: Any) -> Any:
    return splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
