# %% [markdown]
# # 11. From a metric to a trace to a log line
#
# **Question.** The 99th percentile went up. Which request was that, where was its time spent, and what did it say?
#
# This notebook starts the stack (services, chaos proxy, gateway, console) on loopback and ends it again. With a stack of your
# own, everything here is a click: `stormlab up`, then the page it names; with Grafana, an exemplar in a panel.

# %%
import atexit
import json
import re
import subprocess
import sys
import time
import urllib.request

from stormlab.lessons import Lesson, show
from stormlab.report import style

lesson = Lesson("observability")

# %% tags=["live"]
stack = subprocess.Popen(
    [sys.executable, "-m", "stormlab", "up", "--base-port", "18700", "--no-prometheus"],
    stdout=subprocess.PIPE,
    text=True,
)
atexit.register(stack.terminate)
print(stack.stdout.readline().strip())
console = "http://127.0.0.1:18700"


# %%
def get(url, accept="*/*"):
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": accept}), timeout=5) as answer:
        return answer.read().decode()


def put(url, body):
    request = urllib.request.Request(
        url, json.dumps(body).encode(), method="PUT", headers={"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=5).close()


# %% tags=["live"]
targets = {one["name"]: one["port"] for one in json.loads(get(f"{console}/api/state"))["targets"]}
print(targets)

# %% [markdown]
# ## Something becomes slow
#
# The console itself visits the gateway a few times a second. Now one of two replicas of the key-value service gets 300 ms of
# latency, in the proxy in front of it, as a bad network path would.

# %%
lesson.predict(
    "p99", "The gateway calls the two replicas in turn. The 99th percentile of its latency becomes …", unit="ms"
)
lesson.predict(
    "where",
    "In the trace of a slow request, the time is spent in …",
    among=["the gateway's own code", "the attempt, outside the service", "the service"],
)

# %% tags=["live"]
time.sleep(6)
put(f"{console}/api/proxies/up-kv-0/toxics/latency", {"latency": 300, "jitter": 0})
time.sleep(12)
samples = [one for one in json.loads(get(f"{console}/api/samples?since=0")) if one["p99"] is not None]

# %% tags=["live"]
with style.house():
    drawn = style.canvas(
        "The tail sees the slow replica, the median hardly does", "latency at the gateway (ms, log scale)"
    )
    axes = drawn.axes[0]
    at = [one["t"] - samples[0]["t"] for one in samples]
    for key, colour in (("p50", style.BLUE), ("p99", style.VERMILLION)):
        axes.semilogy(at, [1000 * one[key] for one in samples], color=colour, linewidth=2.4)
    axes.set(xlim=(0, at[-1]), ylim=(0.5, 1000), xlabel="time (s)")
    axes.yaxis.set_major_formatter("{x:g}")
    style.label_ends(
        axes,
        [(1000 * samples[-1][key], key, colour) for key, colour in (("p50", style.BLUE), ("p99", style.VERMILLION))],
    )
show(drawn)
early, late = samples[1:4], samples[-3:]
growth = sorted(one["p50"] for one in late)[1] / sorted(one["p50"] for one in early)[1]
lesson.observe(
    "p99",
    1000 * sorted(one["p99"] for one in late)[1],
    because="One request in four meets the slow path (half of them are Fibonacci), so the 99th percentile is "
    f"within it; the median is only {growth:.1f} times what it was. Alert on the tail.",
)
assert late[-1]["p99"] > 0.2

# %% [markdown]
# ## From the metric to a trace
#
# A histogram bucket can carry an *exemplar*: the trace of one request that fell into it. It is in the OpenMetrics form of
# `/metrics`, behind a `#`.

# %% tags=["live"]
page = get(f"http://127.0.0.1:{targets['gateway']}/metrics", "application/openmetrics-text; version=1.0.0")
pattern = re.compile(
    r'stormlab_request_duration_seconds_bucket\{le="([^"]+)",.*?\} \S+ # \{.*?trace_id="(\w+)".*?\} (\S+)'
)
exemplars = [(float(seconds), trace) for _, trace, seconds in pattern.findall(page)]
seconds, trace_id = max(exemplars)
print(f"a request of {1000 * seconds:.0f} ms: trace {trace_id}")

# %% tags=["live"]
for _ in range(40):
    trace = json.loads(get(f"{console}/api/traces/{trace_id}"))["data"][0]
    if len(trace["processes"]) > 1:
        break
    time.sleep(0.25)
spans = sorted(trace["spans"], key=lambda one: one["startTime"])
for span in spans:
    service = trace["processes"][span["processID"]]["serviceName"]
    print(
        f"{(span['startTime'] - spans[0]['startTime']) / 1000:7.1f} ms  {span['duration'] / 1000:7.1f} ms  {service:<8} {span['operationName']}"
    )

# %% tags=["live"]
whole, attempt = (next(one for one in spans if word in one["operationName"]) for word in ("GET", "attempt"))
inside = sum(
    one["duration"]
    for one in spans
    if trace["processes"][one["processID"]]["serviceName"] == "kv" and "GET" in one["operationName"]
)
place = max(
    [
        (whole["duration"] - attempt["duration"], "the gateway's own code"),
        (attempt["duration"] - inside, "the attempt, outside the service"),
        (inside, "the service"),
    ]
)[1]
lesson.observe(
    "where",
    place,
    because="The attempt took 300 ms, the service less than a few: the rest is the way there and back. A dashboard of the service alone would look healthy.",
)
assert place == "the attempt, outside the service"

# %% [markdown]
# ## From the trace to the log line
#
# Every line that is logged during a request carries its `trace_id`.

# %% tags=["live"]
put(f"{console}/api/proxies/up-kv-0/toxics/latency", {"latency": 0, "jitter": 0})
recent = json.loads(get(f"{console}/api/traces?service=gateway&limit=5"))["data"]
ids = {one["traceID"] for one in recent}
lines = [line for line in get(f"{console}/api/log").splitlines() if any(one in line for one in ids)]
print(lines[0])
assert lines

# %% tags=["live"]
stack.terminate()
print("ended:", stack.wait(30) is not None)

# %% [markdown]
# ## What to take away
#
# - A percentile says *that*, an exemplar says *which*, a trace says *where*, a log line says *what*.
# - Look at the same request from both ends: the difference is the network, the queue, or the proxy.
# - [The stack](../docs/stack.md) has the same with Prometheus, Jaeger and Grafana.

# %%
lesson.hand_in("")
