# %% [markdown]
# # 10. Simulation against reality
#
# **Question.** The same scenario file, once simulated and once on real processes under real load. How far apart are they, and
# where they differ, why?
#
# This notebook starts a proxy, a service and a load generator on your machine, on loopback only, for about a minute.

# %%
import stormlab
from stormlab.lessons import Lesson, show
from stormlab.report.divergence import agree, divergences
from stormlab.report.figures import latency_figure, load_figure, queue_figure

lesson = Lesson("reality")
shorter = {"run.duration": 50}

# %% [markdown]
# ## Two worlds, one file
#
# | | simulated | live |
# |---|---|---|
# | time | events in a heap | the clock on the wall |
# | arrivals | the seed's | the same, to the microsecond |
# | policies | `stormlab.policies` | the same code |
# | the service | a queue and ten workers | a process, HTTP, a queue and ten workers |
# | the network | nothing | sockets, a proxy |
# | the verdict | computed from the series | the same function |

# %%
lesson.predict("verdict", "Do both worlds reach the same verdict?", among=["yes", "no"])
lesson.predict("attempts", "Attempts per request at the end, live:", unit="attempts/request")
lesson.predict(
    "apart", "Goodput before the spike: how many percent is the live world away from the simulated one?", unit="%"
)

# %% tags=["live"]
both = stormlab.run("retry-storm", variant="naive", world="both", overrides=shorter)
simulated, live = both
for run in both:
    print(f"{run.world:<5} {run.verdict.sentence}")
print("valid:", both.valid, *live.void)

# %% [markdown]
# Lines are the simulation, dots the processes:

# %% tags=["live"]
show(load_figure(both.results))

# %% tags=["live"]
lesson.observe(
    "verdict",
    "yes" if simulated.verdict.word == live.verdict.word else "no",
    because="What decides is the ratio of attempts to capacity, and that is the same in both.",
)
lesson.observe(
    "attempts",
    live.measures["after"]["attempts_per_request"],
    because="One try and three retries, whatever carries them.",
)
baseline = {run.world: run.measures["baseline"]["goodput"] for run in both}
lesson.observe(
    "apart",
    max(0.01, 100 * abs(baseline["live"] / baseline["sim"] - 1)),
    because="Both got the same arrivals at the same times, so at rest they have to agree.",
)
assert live.valid, live.void
assert simulated.verdict.word == live.verdict.word == "metastable"

# %% [markdown]
# ## Where they differ
#
# A queue shows more than a rate does. Each run is judged by its phases: before, during and after the fault.

# %% tags=["live"]
show(queue_figure(both.results))
show(latency_figure(both.results))

# %% tags=["live"]
found = divergences(both.results)
for one in found:
    mark = {True: "✓", False: "✗", None: "·"}[one.ok]
    if one.sim is not None and one.live is not None:
        print(f"{mark} {one.measure:<15} {one.phase:<9} simulated {one.sim:8.4g}   live {one.live:8.4g}")
print("they agree:", agree(found, both.results))

# %% [markdown]
# ## How to read a difference
#
# - **Latency at rest** differs by what sockets and a proxy cost: a millisecond or two, which the simulation leaves out unless
#   `clients.X.latency` says so.
# - **The moment of collapse** differs by a second or so, because the draws of service times are not the same.
# - **Anything else** is a finding: either the model lacks what the processes do, or the processes do what they should not. A
#   live run whose fault had another dose than the file asks for, or whose load generator was late, is *void* and says so.

# %% tags=["live"]
for dose in live.doses:
    print(f"{dose.fault}: asked for {dose.asked:g} {dose.unit}, observed {dose.observed:.4g}")

# %%
lesson.hand_in("")
