"""A scenario file to start from: one service, one client, a spike, and a variant that is a remedy."""

from __future__ import annotations

_TEXT = """\
title = "{title}"

[run]
duration = 50                # s; a live run takes as long, or duration / live_speed

[services.{name}]
{service}
[clients.users]
target = "{name}"
arrivals = {{ kind = "poisson", rate = {rate:g} }}   # requests/s, at random; {share:.0%} of the capacity
policies = [                                     # what callers do, the outermost first
  {{ kind = "retry", max_retries = 3, backoff = {{ kind = "full-jitter", base = 0.5, cap = 5.0 }} }},
  {{ kind = "timeout", seconds = {patience:g} }},
]

[[faults]]
name = "rush"
kind = "load-spike"
target = "users"
at = 15                      # s
for = 8
factor = 3

[[expect]]
name = "it comes back by itself"
verdict = ["unaffected", "recovered"]

# Every success pays for a tenth of a retry.
[variants.budget]
clients.users.policies = [
  {{ kind = "retry", max_retries = 3, backoff = {{ kind = "full-jitter", base = 0.5, cap = 5.0 }} }},
  {{ kind = "retry-budget", deposit = 0.1 }},
  {{ kind = "timeout", seconds = {patience:g} }},
]
"""

#: The offered load, as a share of the capacity, and its limit in requests/s, which one load generator can keep.
SHARE, MOST = 0.6, 200.0


def template(*, name: str, url: str = "", workers: int = 8, mean: float = 0.1, spread: float = 1.0) -> str:
    """The text of a scenario file.

    Args:
        name: of the service.
        url: where it runs already, for live runs; empty when live runs should play the model as a process.
        workers: of the model; ``mean`` s is the service time of each, ``spread`` its coefficient of variation.
    """
    capacity = workers / mean
    rate = min(SHARE * capacity, MOST)
    rate = round(rate) if rate >= 10 else round(rate, 2)
    lines = [f'url = "{url}"    # live runs send their requests here, through the proxy'] if url else []
    lines.append(f"workers = {workers}                  # what the simulation plays: {capacity:.0f} requests/s at most")
    lines.append(f'service_time = {{ kind = "lognormal", mean = {mean:.4g}, cv = {spread:.2g} }}')
    return _TEXT.format(
        title=f"A rush on {name}, and callers who try again",
        name=name,
        service="".join(f"{line}\n" for line in lines),
        rate=rate,
        share=rate / capacity,
        patience=max(0.5, round(10 * mean, 1)),
    )
