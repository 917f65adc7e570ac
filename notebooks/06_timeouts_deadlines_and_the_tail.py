# %% [markdown]
# # 6. Timeouts, deadlines and the tail
#
# **Question.** How long should a caller wait, and what does a second copy of a slow request buy?

# %%
import numpy as np

import stormlab
from simulations import tail_at_scale as study
from stormlab.lessons import Lesson, Slider, explore, show
from stormlab.report import style
from stormlab.report.comparison import comparison_figure

lesson = Lesson("tail")
fanout = lesson.vary("fanout", 100, among=[20, 50, 100, 200])

# %% [markdown]
# ## The tail at scale
#
# A page asks many servers and waits for all of them. One server in a hundred is slow
# (Dean and Barroso, "The Tail at Scale", CACM 56(2), 2013).

# %%
lesson.predict(
    "slow", f"One answer in 100 is slow. How many percent of the pages that ask {fanout} servers are slow?", unit="%"
)
lesson.predict(
    "hedge",
    "A second copy is sent when 10 ms have passed, which is so for 2 % of the requests. What becomes of a "
    "99.9th percentile of 1,800 ms?",
    unit="ms",
)

# %%
tails = study.play(seed=1, requests=20_000)
study.check(tails)
show(study.figure(tails))

# %%
lesson.observe(
    "slow",
    100 * study.slow(fanout, probability=0.01),
    because=f"1 − 0.99^{fanout}: the page is as slow as its slowest part.",
)
before, after = tails.cut
lesson.observe("hedge", after, because="Both copies have to be slow, and that is rare. Measured at Google: 74 ms.")
assert after < before / 10

# %% [markdown]
# The right panel is the price: without a budget, copies are load, load makes requests slow, and slow requests make copies.

# %% [markdown]
# ## How long to wait
#
# A database is slow for a while. The scenario compares a limit that is as long as the slowest good answer, one that is
# three times shorter, and none.

# %%
scenario = stormlab.load("how-long-to-wait")
print(scenario.description.strip())
lesson.predict(
    "short",
    "With a limit too short for good answers, after the trouble is over: how many percent of the requests succeed?",
    unit="%",
)

# %%
runs = stormlab.compare("how-long-to-wait", seeds=3)
show(comparison_figure({name: one.results for name, one in runs.items()}))
success = {name: np.mean([run.measures["after"]["success_ratio"] for run in one]) for name, one in runs.items()}
lesson.observe(
    "short",
    100 * success["too-short"],
    because="A limit below the latency of good answers is an outage of its own making, and stays one.",
)
assert success["too-short"] < 0.8 < 0.95 < success["fitting"]

# %% [markdown]
# ## Try it: time limits need headroom
#
# No fault at all: ten workers of 0.1 s, callers who wait one second. The queue alone decides.


# %%
@style.in_house
def limit(load, patience):
    run = stormlab.run(
        "timeout-cascade",
        engine="fast",
        overrides={
            "clients.web.arrivals.rate": load,
            "clients.web.policies": [{"kind": "timeout", "seconds": patience}],
            "expect": [],
        },
    )
    series = run[0].series
    answered = series["goodput"][5:].sum() / series["offered"][5:].sum()
    drawn = style.canvas(f"At {load}/s of 100/s, {answered:.0%} are answered within {patience:g} s", "requests/s")
    axes = drawn.axes[0]
    axes.plot(series["offered"], color=style.MUTED, linestyle="--")
    axes.plot(series["goodput"], color=style.BLUE, linewidth=2.4)
    axes.set(xlim=(0, 60), ylim=(0, 140), xlabel="time (s)")
    style.label_ends(
        axes, [(series["offered"][-2], "offered", style.MUTED), (series["goodput"][-2], "goodput", style.BLUE)]
    )
    return drawn


explore(
    limit,
    load=Slider(label="offered load (1/s)", low=50, high=120, step=5, value=100),
    patience=Slider(label="time limit (s)", low=0.25, high=5, step=0.25, value=1),
)

# %% [markdown]
# ## What to take away
#
# - Set time limits from the latency of *good* answers (their 99.9th percentile), and give the whole call a deadline.
# - Hedge idempotent reads, after a delay that few requests reach, and within a budget.

# %%
lesson.hand_in("")
