# %% [markdown]
# # 8. Health checks and autoscaling: automation that makes it worse
#
# **Question.** Two automatic remedies, meant to help: take unhealthy servers out, add servers when it is busy. When do they harm?

# %%
from simulations import autoscaling, deep_health_checks
from stormlab.lessons import Lesson, Slider, explore, show

lesson = Lesson("automation")
broken = lesson.vary("broken", 70, among=[60, 70, 80]) / 100

# %% [markdown]
# ## A health check that asks the database too
#
# One request in twelve needs the database, and the database fails most of its queries for a minute. The load balancer asks
# every server whether it is healthy. A *shallow* check answers "I am here"; a *deep* one asks the database too.

# %%
lesson.predict(
    "deep",
    f"The database fails {broken:.0%} of its queries. With deep checks, how many percent of all requests succeed meanwhile?",
    unit="%",
)

# %%
outcomes = {
    name: deep_health_checks.play(kind, seed=1, broken=broken) for name, kind in deep_health_checks.KINDS.items()
}
show(deep_health_checks.figure(outcomes))
during = {name: deep_health_checks.during(one) for name, one in outcomes.items()}
print({name: f"{share:.0%}" for name, share in during.items()})

# %%
lesson.observe(
    "deep",
    100 * during["deep"],
    because="Every server fails its check for the same reason, so every server is taken out, "
    "and with them the eleven requests in twelve that needed no database.",
)
assert during["deep"] < 0.5 < 0.85 < during["shallow"]


# %%
def checks(share):
    played = {
        name: deep_health_checks.play(kind, seed=1, broken=share / 100)
        for name, kind in deep_health_checks.KINDS.items()
    }
    return deep_health_checks.figure(played)


explore(checks, share=Slider(label="queries that fail (%)", low=10, high=100, step=10, value=70))

# %% [markdown]
# ## An autoscaler that looks at the wrong thing
#
# Demand triples; a new server takes a while to start. And then a case where demand does not change at all: the backend
# becomes slow, and threads wait for it. One autoscaler looks at the processor, one at busy threads.

# %%
lesson.predict("lost", "Demand triples and servers take 60 s to start. Requests lost until then:", unit="requests")
lesson.predict(
    "signal",
    "The backend is slow, threads wait. The autoscaler that looks at the processor …",
    among=["adds servers", "does nothing", "removes servers"],
)

# %%
study = autoscaling.play(seed=1)
autoscaling.check(study)
show(autoscaling.figure(study))

# %%
lost = {delay: autoscaling.lost(run) for delay, run in study.jumps.items()}
lesson.observe(
    "lost",
    lost[60.0],
    because="About the excess demand for as long as the servers take. Room kept free costs less than an autoscaler saves.",
)
processor = next(one for name, one in study.signals.items() if "processor" in name)
before, slow = processor.servers[59], processor.servers[235]
lesson.observe(
    "signal",
    "removes servers" if slow < before else "adds servers" if slow > before else "does nothing",
    because=f"From {before:.0f} to {slow:.0f}: waiting threads use no processor, so the fleet looks idle.",
)
assert slow < before

# %% [markdown]
# ## What to take away
#
# - A health check decides about *this* server. Leave shared dependencies out, or fail open when too many look unhealthy.
# - Scale on what the users feel or on concurrency, keep headroom for the time that starting takes.

# %%
lesson.hand_in("")
