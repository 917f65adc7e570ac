# %% [markdown]
# # 1. Backoff and jitter
#
# **Question.** A thousand clients lose the same service at the same moment and try again. Which of the usual waits keeps
# them from hitting it all at once when it comes back?
#
# Every notebook asks you to predict before it runs. Run the cells one by one, answer the forms, and read why.

# %%
from simulations import backoff_and_jitter as study
from simulations import optimistic_concurrency as contention
from stormlab.lessons import Lesson, Slider, explore, show
from stormlab.policies.backoff import Exponential, FullJitter
from stormlab.report import style

lesson = Lesson("backoff-and-jitter")
clients = lesson.vary("clients", 100, among=[70, 100, 130, 160])

# %% [markdown]
# ## A thousand clients, one service that is down
#
# They try again at once; after a fixed 2 s; after 1, 2, 4 … s up to 60 s; or after the same with full jitter, which
# draws the wait between zero and that value ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015).

# %%
lesson.predict(
    "volume",
    "Jitter, added to exponential backoff: how many requests does it save?",
    among=["more than half", "about a tenth", "next to none"],
)
lesson.predict(
    "peak",
    "The busiest second after the first half minute, without jitter: how many of 1,000 requests?",
    unit="requests/s",
)

# %%
rates = {name: study.requests_per_second(policy, seed=1) for name, policy in study.POLICIES.items()}
study.check(rates)
show(study.figure(rates))

# %%
exponential, jittered = rates["exponential"], rates["exponential + jitter"]
saved = 1 - jittered.sum() / exponential.sum()
lesson.observe(
    "volume",
    "more than half" if saved > 0.5 else "about a tenth" if saved > 0.05 else "next to none",
    because=f"Both send about nine requests per client in four minutes; jitter saves {saved:.0%}. "
    "Backoff decides how many requests there are, jitter decides when.",
)
lesson.observe(
    "peak",
    int(exponential[30:].max()),
    because=f"All clients failed together, so all wait together. With jitter the peak is {jittered[30:].max()}/s.",
)
assert saved < 0.15
assert jittered[30:].max() < exponential[30:].max() / 10

# %% [markdown]
# ## Where jitter does save work: contention
#
# The other half of the story is optimistic concurrency: every client reads a row, and writes it if nobody has written
# since. Whoever loses tries again. Here a wave of clients that moves as one makes its own losers.

# %%
lesson.predict(
    "work",
    f"{clients} clients contend for one row. Writes with full jitter, for every 100 with plain exponential backoff:",
    unit="writes",
)

# %%
runs = {
    name: contention.contend(contention.POLICIES[name], clients, trials=50, seed=1)
    for name in ("exponential", "full jitter")
}
calls = {name: run.calls.mean() for name, run in runs.items()}
seconds = {name: run.seconds.mean() for name, run in runs.items()}
lesson.observe(
    "work",
    100 * calls["full jitter"] / calls["exponential"],
    because=f"All done after {seconds['full jitter']:.1f} s instead of {seconds['exponential']:.1f} s: "
    "spreading the tries lets more of them find the row untouched.",
)
assert calls["full jitter"] < 0.6 * calls["exponential"]
assert seconds["full jitter"] < seconds["exponential"] / 5

# %% [markdown]
# ## Try it
#
# Move the sliders: the first wait and the longest. The figure is played again.


# %%
@style.in_house
def fleet(base, cap):
    waits = {
        "exponential": Exponential(base=base, cap=max(base, cap)),
        "full jitter": FullJitter(base=base, cap=max(base, cap)),
    }
    rates = {name: study.requests_per_second(wait, seed=1, instances=300, seconds=120) for name, wait in waits.items()}
    peaks = {name: rate[30:].max() for name, rate in rates.items()}
    drawn = style.canvas(
        f"Busiest second after 30 s: {peaks['exponential']} requests without jitter, {peaks['full jitter']} with it",
        "300 clients · requests in each second",
        rows=2,
    )
    for axes, (name, rate), colour in zip(drawn.axes, rates.items(), style.CYCLE, strict=False):
        axes.stairs(rate, fill=True, color=colour)
        axes.set(xlim=(0, 120), ylim=(0, 310))
        style.label_ends(axes, [(250, name, colour), (180, f"{rate.sum():,} requests", style.INK)])
    drawn.axes[-1].set_xlabel("time since the first failure (s)")
    return drawn


explore(
    fleet,
    base=Slider(label="first wait (s)", low=0.5, high=8, step=0.5, value=1),
    cap=Slider(label="longest wait (s)", low=4, high=120, step=4, value=60),
)

# %% [markdown]
# ## What to take away
#
# - Backoff limits the volume of retries, jitter the peaks. Use both; [the page on backoff](../docs/patterns/backoff.md)
#   has the defaults.
# - Neither ends a storm in which as many *new* callers keep coming: see the next notebook.

# %%
lesson.hand_in("")
