# %% [markdown]
# # 3. Budgets, breakers and the rest, compared
#
# **Question.** Eight remedies against the retry storm of the notebook before. Which of them work, and what do they cost?
#
# All of them meet the same arrivals and the same ten seconds of triple demand. The code of each policy is the code that
# services run.

# %%
import stormlab
from stormlab.lessons import Lesson, show
from stormlab.report.comparison import compare_table, comparison_figure

lesson = Lesson("remedies")
variants = [
    "naive",
    "no-retries",
    "backoff-only",
    "deadline",
    "budget",
    "breaker",
    "adaptive-throttle",
    "adaptive-limit",
]

# %% [markdown]
# | variant | what callers do |
# |---|---|
# | naive | 3 retries, exponential backoff, full jitter |
# | no-retries | nothing |
# | backoff-only | wait much longer between tries |
# | deadline | give up as a whole after a few seconds |
# | budget | every success pays for a tenth of a retry |
# | breaker | stop calling for a while when too many calls fail |
# | adaptive-throttle | refuse locally, in proportion to what the service refuses or fails |
# | adaptive-limit | limit concurrent calls by measured latency |

# %%
lesson.predict("backoff", "Longer waits alone (backoff-only) …", among=["end the storm", "do not end it"])
lesson.predict("deadline", "A deadline for the whole call …", among=["ends the storm", "does not end it"])
lesson.predict(
    "best", "Which of these keeps the most goodput during the spike?", among=["budget", "breaker", "adaptive-limit"]
)

# %%
runs = stormlab.compare("retry-storm", variants=variants, seeds=3)
rows = {row.variant: row for row in compare_table({name: one.results for name, one in runs.items()})}
show(comparison_figure({name: one.results for name, one in runs.items()}))

# %%
goodput = {name: sum(run.measures["fault"]["goodput"] for run in one) / len(one) for name, one in runs.items()}
words = {name: {run.verdict.word.value for run in one} for name, one in runs.items()}
for name in variants:
    print(f"{name:<18} {'/'.join(sorted(words[name])):<12} goodput in the spike {goodput[name]:5.1f}/s")

# %%
lesson.observe(
    "backoff",
    "do not end it" if words["backoff-only"] == {"metastable"} else "end the storm",
    because="Each caller comes back later, but as many callers keep coming: an open system does not slow down.",
)
lesson.observe(
    "deadline",
    "does not end it" if words["deadline"] == {"metastable"} else "ends the storm",
    because="It bounds how long one caller waits, and still allows more than one attempt for every one that fits.",
)
lesson.observe(
    "best",
    max(("budget", "breaker", "adaptive-limit"), key=goodput.__getitem__),
    because="A budget limits retries but lets every first try in, and those fill the queue too. A limit on "
    "concurrency keeps the queue short, so that what is admitted is answered in time.",
)
assert words["budget"] == {"recovered"} and words["naive"] == {"metastable"}
assert words["backoff-only"] == words["deadline"] == {"metastable"}
assert goodput["adaptive-limit"] > goodput["breaker"] > goodput["budget"]

# %% [markdown]
# ## What it costs
#
# Every remedy turns somebody away. *Good requests rejected* are requests that failed although, without any policy, the
# service could have served them. And a remedy can be worse than the storm: `adaptive-throttle` refuses nine
# requests in ten long after the spike, because the few that it lets through meet the queue it left behind.

# %%
print(f"{'':<18} {'success after':>14} {'attempts/request':>17} {'rejected':>9}")
for name in variants:
    after = [run.measures["after"] for run in runs[name]]
    mean = {
        key: sum(one[key] or 0 for one in after) / len(after)
        for key in ("success_ratio", "attempts_per_request", "rejected_ratio")
    }
    print(
        f"{name:<18} {mean['success_ratio']:>14.0%} {mean['attempts_per_request']:>17.2f} {mean['rejected_ratio']:>9.0%}"
    )

# %% [markdown]
# ## What to take away
#
# - Judge a remedy by the goodput *after* the fault and by whom it turns away, not by whether errors look handled.
# - Budget and concurrency limit compose: the first takes away the amplification, the second the queue.
# - The [pattern pages](../docs/patterns/retry-budget.md) say for each one when it harms.

# %%
lesson.hand_in("")
