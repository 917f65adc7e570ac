# %% [markdown]
# # 7. Queues, shedding and graceful degradation
#
# **Question.** The queue is full of requests that nobody waits for any more. Whom do you serve?

# %%
import numpy as np

import stormlab
from stormlab.lessons import Lesson, Slider, explore, show
from stormlab.report import style
from stormlab.report.comparison import comparison_figure
from stormlab.report.figures import load_figure
from stormlab.sim.theory.queues import mmc

lesson = Lesson("queues")
utilisation = lesson.vary("utilisation", 90, among=[80, 85, 90, 95])

# %% [markdown]
# ## Waiting grows without bound before the server is full

# %%
lesson.predict(
    "wait",
    f"One server, random arrivals, {utilisation} % busy. The mean time a request spends there, in units of its own service time:",
    unit="service times",
)

# %%
rho = utilisation / 100
lesson.observe(
    "wait",
    mmc(arrival_rate=rho, service_rate=1, servers=1).response,
    because="1/(1 − ρ) for exponential service times (M/M/1): from 50 % to 90 % busy it grows fivefold.",
)


# %%
@style.in_house
def curve(servers):
    loads = np.linspace(0.05, 0.98, 80)
    times = [mmc(arrival_rate=float(u) * servers, service_rate=1, servers=servers).response for u in loads]
    knee = loads[np.argmax(np.array(times) > 2)]
    drawn = style.canvas(
        f"Servers: {servers}. A request takes twice its service time at {knee:.0%} utilisation",
        "mean response, in service times",
    )
    axes = drawn.axes[0]
    axes.plot(100 * loads, times, color=style.BLUE, linewidth=2.4)
    axes.axvline(100 * knee, color=style.MUTED, linestyle=":")
    axes.set(xlim=(0, 100), ylim=(0, 12), xlabel="utilisation (%)")
    return drawn


explore(curve, servers=Slider(label="servers", low=1, high=64, value=1))

# %% [markdown]
# ## Eight slow seconds
#
# The service is slow for eight seconds and then as fast as ever, with no retries. The queue is served in order.

# %%
scenario = stormlab.load("goodput-collapse")
print(scenario.description.strip())
lesson.predict(
    "blackout",
    "How long after the trigger does it answer nobody in time?",
    among=["not at all", "a few seconds", "more than 10 s"],
)
lesson.predict("lifo", "Serving the newest first: is it back within two seconds?", among=["yes", "no"])

# %%
fifo = stormlab.run("goodput-collapse")
show(load_figure(fifo.results))
dark = int((fifo[0].series["goodput"][16:] < 1).sum())
lesson.observe(
    "blackout",
    "more than 10 s" if dark > 10 else "a few seconds" if dark else "not at all",
    because=f"{dark} s: the oldest are served first, and the oldest are those who have left.",
)
assert dark > 10

# %%
runs = stormlab.compare("goodput-collapse", seeds=3)
show(comparison_figure({name: one.results for name, one in runs.items()}))
back = {name: np.median([run.verdict.time_to_recover for run in one]) for name, one in runs.items()}
lesson.observe(
    "lifo",
    "yes" if back["lifo"] <= 2 else "no",
    because="Whoever can still be served in time is. Those at the bottom had lost already.",
)
assert back["lifo"] <= 2 and back["adaptive-lifo"] <= 2

# %% [markdown]
# ## A cheaper answer
#
# Instead of turning requests away, the service may answer with less: fewer results, a cached page, no recommendations.

# %%
print(stormlab.load("cheaper-answers").description.strip())
cheap = stormlab.compare("cheaper-answers", seeds=2)
for name, one in cheap.items():
    print(f"{name:<12} {np.mean([run.measures['fault']['success_ratio'] for run in one]):.0%} answered in the rush")
assert np.mean([run.measures["fault"]["success_ratio"] for run in cheap["degrade"]]) > 0.95

# %% [markdown]
# ## What to take away
#
# - Bound every queue by *time*, not only by length; measure queueing delay.
# - When overloaded, serve those who are still there: adaptive LIFO, CoDel, deadlines that travel with the request.
# - [Load shedding](../docs/patterns/load-shedding.md), [queue discipline](../docs/patterns/queue-discipline.md),
#   [degradation](../docs/patterns/degrade.md).

# %%
lesson.hand_in("")
