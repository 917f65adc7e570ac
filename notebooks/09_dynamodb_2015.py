# %% [markdown]
# # 9. Amazon DynamoDB, 20 September 2015, step by step
#
# **Question.** A network disruption of a few minutes; an outage of almost five hours. What kept it down, and why did adding
# capacity not help?
#
# The case study [dynamodb-2015](../case_studies/dynamodb-2015/README.md) tells the story with its sources; this notebook plays it.

# %%
import stormlab
from stormlab.lessons import Lesson, show
from stormlab.report.comparison import comparison_figure
from stormlab.report.incident import incident_figure

lesson = Lesson("dynamodb-2015")
scenario = stormlab.load("dynamodb-2015")
print(scenario.description.strip())

# %% [markdown]
# ## The loop
#
# 1. A storage server has to renew its *membership* at the metadata service, and stops serving when no answer comes in time.
# 2. Lists of partitions have grown. An answer takes two thirds of the limit even in quiet times.
# 3. The disruption makes two servers in five ask at once. Answers become late, so more servers stop serving and ask again.
# 4. Those who ask again keep the metadata service as busy as the disruption made it.

# %%
lesson.predict(
    "end",
    "The network is repaired after two minutes. Nobody does anything. Three hours later …",
    among=["it has recovered", "about half of the requests fail", "nothing works"],
)
lesson.predict(
    "capacity",
    "Operators add capacity to the metadata service, by requests to the metadata service. It …",
    among=["recovers", "changes nothing"],
)

# %%
alone = stormlab.run(
    "dynamodb-2015",
    variant="left-alone",
    overrides={"timeline": [{"at": 1200, "what": "network disruption", "clock": "2:19"}]},
)
show(incident_figure(alone.results))
plateau = 1 - alone[0].measures["after"]["success_ratio"]
print(alone[0].verdict.sentence)
lesson.observe(
    "end",
    "about half of the requests fail"
    if 0.3 < plateau < 0.7
    else "nothing works"
    if plateau > 0.5
    else "it has recovered",
    because=f"{plateau:.0%} fail. Amazon reported about 55 % at the peak.",
)
assert 0.45 < plateau < 0.65

# %% [markdown]
# ## What the operators did
#
# They tried to add capacity; their own requests had to pass the service that was overloaded. Then they paused requests for
# memberships, added capacity, and resumed.

# %%
real = stormlab.run("dynamodb-2015")
show(incident_figure(real.results))
for standing in real.standings:
    print("✓" if standing.ok else "✗", standing.name)
assert real.ok

# %%
capacity = real[0].series["service.metadata.capacity"]
lesson.observe(
    "capacity",
    "changes nothing" if capacity[11_000] < 1.1 * capacity[1_000] else "recovers",
    because="A remedy that has to pass through the overloaded service is part of the overload. Pausing breaks the loop first.",
)

# %% [markdown]
# ## What would have prevented it

# %%
lesson.predict(
    "lists",
    "Lists half as long, as before the index feature, and the same disruption: it …",
    among=["recovers by itself", "stays down"],
)

# %%
fixes = stormlab.compare("dynamodb-2015", variants=["left-alone", "lists-half", "poll-less", "longer-limit"])
show(comparison_figure({name: one.results for name, one in fixes.items()}))
words = {name: one[0].verdict.word.value for name, one in fixes.items()}
print(words)
lesson.observe(
    "lists",
    "recovers by itself" if words["lists-half"] in ("recovered", "unaffected") else "stays down",
    because="Half the list is half the work: the same disruption stays below the limit. The feature that grew the lists was the cause, the network the trigger.",
)
assert words["lists-half"] in ("recovered", "unaffected") and words["left-alone"] in ("metastable", "collapsed")

# %% [markdown]
# ## What to take away
#
# - Look for limits that quiet times approach slowly: nothing alarms until a trigger finds them.
# - Keep a way to *shed* the control plane's own load, and a way to add capacity that does not pass through it.

# %%
lesson.hand_in("")
