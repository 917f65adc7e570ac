# %% [markdown]
# # 5. Redundancy and the arithmetic of availability
#
# **Question.** Three replicas of 99 % each. How available is the service?

# %%
from simulations import redundancy as study
from stormlab.availability import evaluate, parse, render, report
from stormlab.lessons import Lesson, Slider, explore, show
from stormlab.report import style

lesson = Lesson("redundancy")
unit = lesson.vary("unit", 0.99, among=[0.98, 0.985, 0.99, 0.995])
HOURS = 365.25 * 24


def down(text):
    """Hours a year in which an arrangement is down."""
    return (1 - evaluate(parse(text))) * HOURS


# %% [markdown]
# ## In parallel, in series

# %%
lesson.predict("parallel", f"Three replicas of {unit:.1%}, one is enough. Hours down in a year:", unit="h")
lesson.predict(
    "balancer", f"The same behind a load balancer that is up {unit:.1%} of the time. Hours down in a year:", unit="h"
)

# %%
for text in (
    f"{unit}",
    f"series(3 * {unit})",
    f"parallel(2 * {unit})",
    f"parallel(3 * {unit})",
    f"balancer = {unit}; series(balancer, parallel(3 * {unit}))",
):
    print(f"{text:<58} {evaluate(parse(text)):.6%}  {down(text):9.3f} h a year")
lesson.observe(
    "parallel",
    down(f"parallel(3 * {unit})"),
    because="Only when all three are down at once: (1 − a)³, if they fail independently.",
)
balanced = down(f"balancer = {unit}; series(balancer, parallel(3 * {unit}))")
lesson.observe(
    "balancer", balanced, because="What stands in front of redundancy and is not redundant is all that counts."
)
assert balanced > 0.99 * down(f"{unit}")

# %% [markdown]
# Which component should you improve? The one with the largest part in the downtime:

# %%
print(render(report(parse(f"balancer = {unit}; series(balancer, parallel(3 * {unit}))"))))

# %% [markdown]
# ## Why parallel systems disappoint
#
# Real replicas share a rack, a release and a configuration. With the β-factor model a share β of the failures hits all
# units at once. And a failed unit that nobody notices is no redundancy.

# %%
lesson.predict(
    "beta",
    "Two units of 99 %, and one failure in ten hits both. How many times more downtime than with independent failures?",
    unit="times",
)

# %%
result = study.play(seed=1)
study.check(result)
show(study.figure(result))
u = 0.01
worse = study.common_cause(0.1, u) / u**2
lesson.observe(
    "beta",
    worse,
    because="One failure in ten brings both down, which is a thousandth of the time; both failing by chance is a ten-thousandth.",
)
assert 10 < worse < 12

# %% [markdown]
# ## Try it


# %%
@style.in_house
def gain(availability, beta):
    u, b = 1 - availability / 100, beta / 100
    counts = range(1, 7)
    apart = [u**n * HOURS for n in counts]
    together = [((1 - b) * u) ** n * HOURS + (b * u * HOURS if n > 1 else 0) for n in counts]
    drawn = style.canvas(
        f"With {beta:g} % common causes, six replicas are down {together[-1] / together[1]:.0%} as long as two",
        "hours down in a year (log scale)",
    )
    axes = drawn.axes[0]
    axes.semilogy(counts, apart, "o--", color=style.BLUE)
    axes.semilogy(counts, together, "o-", color=style.VERMILLION, linewidth=2.4)
    axes.set(xlabel="replicas", ylim=(1e-6, 1e4))
    axes.yaxis.set_major_formatter("{x:g}")
    style.label_ends(axes, [(apart[-1], "independent", style.BLUE), (together[-1], "as in life", style.VERMILLION)])
    return drawn


explore(
    gain,
    availability=Slider(label="one unit up (%)", low=95, high=99.9, step=0.1, value=99),
    beta=Slider(label="failures that hit all (%)", low=0, high=20, step=0.5, value=5),
)

# %% [markdown]
# ## What to take away
#
# - Redundancy multiplies only what is independent. Two well separated replicas beat six that share a cause.
# - `stormlab availability` computes any arrangement: [the language](../docs/availability.md).

# %%
lesson.hand_in("")
