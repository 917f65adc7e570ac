# %% [markdown]
# # 12. Your own system as a scenario
#
# **Question.** Will *your* service come back after a rush? Measure it, simulate it, then storm it for real.
#
# The service here is a few lines of Python with eight workers; put the address of yours instead. Only addresses on this machine
# are accepted.

# %%
import contextlib
import http.server
import random
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import stormlab
from stormlab.lessons import Lesson, Slider, explore, show
from stormlab.live.survey import survey
from stormlab.report.figures import load_figure
from stormlab.scenario.external import address
from stormlab.scenario.template import template

lesson = Lesson("your-own-system")
folder = Path(tempfile.mkdtemp(prefix="stormlab-"))


# %%
class Shop(http.server.BaseHTTPRequestHandler):
    """80 ms of work on average."""

    def do_GET(self):
        time.sleep(random.expovariate(1 / 0.08))
        self.send_response(200)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_):
        pass


class Server(http.server.HTTPServer):
    """Eight workers, first come, first served."""

    request_queue_size = 1000
    workers = ThreadPoolExecutor(8)

    def process_request(self, request, client_address):
        self.workers.submit(self.work, request, client_address)

    def work(self, request, client_address):
        with contextlib.suppress(OSError):  # the caller has left
            self.finish_request(request, client_address)
        self.shutdown_request(request)


server = Server(("127.0.0.1", 0), Shop)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"

# %% [markdown]
# ## Measure
#
# One request after another gives the service time; more and more callers at once give the capacity. On the command line:
# `stormlab new mine.toml --url http://127.0.0.1:9000/`.

# %% tags=["live"]
found = survey(address(url))
print(f"{1000 * found.mean:.0f} ms alone, {found.capacity:.0f} answers/s at most: {found.workers} workers")
assert 5 <= found.workers <= 12

# %% [markdown]
# ## A scenario, in TOML
#
# The `url` is for live runs; `workers` and `service_time` are the model that the simulation plays.

# %%
text = template(name="shop", url="http://127.0.0.1:9000/", workers=8, mean=0.08, spread=1.0)
print(text)

# %%
lesson.predict(
    "naive",
    "A rush of three times the load for 8 s, three retries: afterwards the shop …",
    among=["comes back", "stays down"],
)
lesson.predict("budget", "The same with a retry budget: it …", among=["comes back", "stays down"])

# %% [markdown]
# ## Simulate

# %%
file = folder / "shop.toml"
file.write_text(text.replace("http://127.0.0.1:9000/", url), encoding="utf-8")
naive = stormlab.run(file)
budget = stormlab.run(file, variant="budget")
show(load_figure(naive.results))
show(load_figure(budget.results))
for key, runs in (("naive", naive), ("budget", budget)):
    word = runs[0].verdict.word.value
    lesson.observe(
        key, "comes back" if word in ("recovered", "unaffected") else "stays down", because=runs[0].verdict.sentence
    )
assert naive[0].verdict.word == "metastable" and budget[0].verdict.word == "recovered"

# %% [markdown]
# ## Storm it
#
# Now the same file against the real program, through the chaos proxy, for fifty seconds.

# %% tags=["live"]
both = stormlab.run(file, world="both")
show(load_figure(both.results))
for run in both:
    print(f"{run.world:<5} {run.verdict.sentence}")
assert both.valid, both[1].void
assert both[0].verdict.word == both[1].verdict.word == "metastable"

# %% [markdown]
# ## Try it: what would help your service?


# %%
def play(load, factor, patience):
    run = stormlab.run(
        file,
        engine="fast",
        overrides={
            "clients.users.arrivals.rate": load,
            "faults.rush.factor": factor,
            "clients.users.policies.1.seconds": patience,
        },
    )
    return load_figure(run.results)


explore(
    play,
    load=Slider(label="offered load (1/s)", low=10, high=95, step=5, value=60),
    factor=Slider(label="the rush, times the load", low=1, high=6, step=0.5, value=3),
    patience=Slider(label="time limit (s)", low=0.2, high=5, step=0.2, value=0.8),
)

# %% [markdown]
# ## What to take away
#
# - Two numbers make a first model: the time of one request, and the capacity.
# - Ask for the state *after* the trigger. If it stays down in the simulation, do not try it in production.
# - [Bring your own service](../docs/tutorials/your-own-service.md) does the same from the shell.

# %% tags=["live"]
server.shutdown()

# %%
lesson.hand_in("")
