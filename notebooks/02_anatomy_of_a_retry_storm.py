# %% [markdown]
# # 2. The anatomy of a retry storm
#
# **Question.** Demand triples for ten seconds and is then what it was before. Why does the service not come back?
#
# A key-value service serves 100 requests/s. Callers wait one second for an answer and try up to three times more, with
# exponential backoff and full jitter. That is what most clients do by default.

# %%
import stormlab
from stormlab.lessons import Lesson, Slider, explore, show
from stormlab.report.figures import load_figure, queue_figure

lesson = Lesson("retry-storm")
rate = lesson.vary("rate", 60, among=[50, 55, 60, 65, 70])
print(f"{rate} requests/s offered, 100/s capacity; 10 s of {3 * rate}/s")

# %%
lesson.predict(
    "recovers", "The spike ends after 10 s. A minute later, the service …", among=["has recovered", "is still down"]
)
lesson.predict("attempts", "Attempts per request at the end:", unit="attempts/request")

# %%
storm = stormlab.run("retry-storm", variant="naive", overrides={"clients.web.arrivals.rate": rate})
show(load_figure(storm.results))

# %%
verdict, after = storm[0].verdict, storm[0].measures["after"]
print(verdict.sentence)
lesson.observe(
    "recovers",
    "is still down" if verdict.word == "metastable" else "has recovered",
    because="Nothing is broken any more: the failure holds itself up.",
)
lesson.observe(
    "attempts", after["attempts_per_request"], because="Every request times out, so every request is sent four times."
)
assert verdict.word == "metastable" and verdict.loop == "retries"
assert after["goodput"] < 0.05 * rate

# %% [markdown]
# ## The loop
#
# 1. The spike fills the queue until waiting takes longer than the callers' patience of one second.
# 2. From then on the service works for callers who have left. Its workers are busy, its *goodput* is nothing.
# 3. Every caller tries again, so demand is four times the offered load, more than the capacity, and the queue stays full.
#
# The third step needs no spike. It is why the storm outlives its trigger. Look at the queue:

# %%
show(queue_figure(storm.results))

# %% [markdown]
# ## The arithmetic
#
# With load *L*, *R* retries and capacity *C*, the bad state can hold itself up when *L* × (1 + *R*) > *C*, and the good
# state exists when *L* < *C*. In between the service is *vulnerable*: it works, until something pushes it
# (Bronson et al., "Metastable Failures in Distributed Systems", HotOS 2021).

# %%
lesson.predict(
    "threshold",
    "With 3 retries and a capacity of 100/s: the highest load from which it still recovers by itself:",
    unit="requests/s",
)

# %%
loads = range(10, 61, 5)
words = {}
for load in loads:
    run = stormlab.run(
        "retry-storm",
        variant="naive",
        engine="fast",
        overrides={
            "clients.web.arrivals.rate": load,
            "faults.spike.factor": 180 / load,
            "run.duration": 240,
            "run.recover_within": 200,
        },
    )
    words[load] = run[0].verdict.word
    print(f"{load:>3} requests/s: {words[load]}")
safe = max(
    load
    for load, word in words.items()
    if word != "metastable" and all(words[low] != "metastable" for low in words if low < load)
)
lesson.observe(
    "threshold",
    25,
    because=f"100 / (1 + 3) = 25. The same spike to 180/s, played at every load: {safe}/s still recovers.",
)
assert 20 <= safe <= 30

# %% [markdown]
# ## Try it
#
# Fewer retries, more patience, less load: what brings it back?


# %%
def play(load, retries, patience):
    policies = (
        [{"kind": "retry", "max_retries": retries, "backoff": {"kind": "full-jitter", "base": 1.0, "cap": 10.0}}]
        if retries
        else []
    )
    policies.append({"kind": "timeout", "seconds": patience})
    run = stormlab.run(
        "retry-storm",
        variant="naive",
        engine="fast",
        overrides={"clients.web.arrivals.rate": load, "clients.web.policies": policies},
    )
    return load_figure(run.results)


explore(
    play,
    load=Slider(label="offered load (1/s)", low=10, high=90, step=5, value=60),
    retries=Slider(label="retries", low=0, high=5, value=3),
    patience=Slider(label="time limit (s)", low=0.5, high=10, step=0.5, value=1),
)

# %% [markdown]
# ## What to take away
#
# - A fault can start an outage that its end does not end. Look for what *sustains* it.
# - Attempts per request is the number to have on a dashboard: at rest it is 1.
# - What ends this one is making retries cost something; the next notebook compares eight ways.

# %%
lesson.hand_in("")
