"""What can be set about a load test: options of Locust's command line, fields of its page, environment variables."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from loadtests.shapes import SHAPES
from stormlab.live.ports import HOST

if TYPE_CHECKING:
    from locust.argument_parser import LocustArgumentParser

#: Length of a run in s when ``--run-time`` does not say.
DURATION = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options as one value, described in :data:`_HELP`; ``duration`` is in s, ``host`` may be empty."""

    loop: str = "open"
    rate: float = 100.0
    arrivals: str = "poisson"
    shape: str = "constant"
    peak: float = 3.0
    trace: str = ""
    seed: int = 1
    think_time: float = 0.0
    policies: str = '[{"kind": "timeout", "seconds": 10}]'
    scenario: str = ""
    variant: str = ""
    kv_url: str = "http://127.0.0.1:8080"
    kv_grpc: str = "127.0.0.1:50051"
    fibonacci_url: str = "http://127.0.0.1:3000"
    gateway_url: str = "http://127.0.0.1:8000"
    keys: int = 1000
    skew: float = 0.0
    write_share: float = 0.1
    hot_share: float = 0.9
    value_bytes: int = 64
    fibonacci_n: int = 6
    fill: str = "yes"
    fill_urls: str = ""
    late: float = 0.1
    expect: str = ""
    out: str = ""
    rows: str = "no"
    metrics_host: str = HOST
    metrics_port: int = 0
    trace_ratio: float = 0.1
    users: int = 32
    duration: float = DURATION
    host: str = ""


_HELP: dict[str, str] = {
    "loop": "open: requests come when they are due, whatever became of earlier ones; closed: users wait for answers",
    "rate": "open loop: requests per s, all user classes together; the load shape varies it",
    "arrivals": "open loop: at random (poisson) or evenly spaced (paced)",
    "shape": "of a headless run; Locust's page has a picker for it",
    "peak": "of the load shapes: how many times the rate, or the users",
    "trace": "file of the shape replay: a time in s per line, or a CSV file with a column named intended, time or t",
    "seed": "decides arrivals, keys, and what is read or written",
    "think_time": "closed loop: mean time in s between an answer and the next request, exponential",
    "policies": "of the callers, outermost first: a list as in scenario files, in JSON or TOML, or the name of a file",
    "scenario": "play the clients of this scenario, name or file, against the host, instead of user classes and shape",
    "variant": "of the scenario",
    "kv_url": "where the key-value service is, unless --host says",
    "kv_grpc": "where it answers gRPC, host:port, unless --host says",
    "fibonacci_url": "where the Fibonacci service is, unless --host says",
    "gateway_url": "where the gateway is, unless --host says",
    "keys": "how many different keys are asked for",
    "skew": "exponent of Zipf's law over the keys; 0: all are equally likely",
    "write_share": "share of writes among mixed requests, 0 to 1",
    "hot_share": "share of the requests of KvHotKey that ask for one key, 0 to 1",
    "value_bytes": "size of the values that are written",
    "fibonacci_n": "which number is asked for",
    "fill": "whether the keys are written before the run",
    "fill_urls": "where they are written, with commas: replicas that share no data behind one address; usually there",
    "late": "the run is void when requests start later than this, in s, at the 99th percentile",
    "expect": "what must hold, for example 'p99<0.25, failures<0.01': see docs/load-testing.md",
    "out": "folder for the results; they are only printed when it is empty",
    "rows": "whether the results have a row per request as well, in requests.npz",
    "metrics_host": "address of /metrics; unless it is loopback, each worker has a machine or a container to itself",
    "metrics_port": "port of /metrics of the (first) load generator; 0: none. Others here take those that follow",
    "trace_ratio": "share of the requests that are traced, 0 to 1, where OTEL_TRACES_EXPORTER says where to",
}
_CHOICES: dict[str, tuple[str, ...]] = {
    "loop": ("open", "closed"),
    "arrivals": ("poisson", "paced"),
    "shape": tuple(SHAPES),
    "fill": ("yes", "no"),
    "rows": ("yes", "no"),
}
#: Variables that are named by others.
_VARIABLES = {"trace_ratio": "OTEL_TRACES_SAMPLER_ARG"}
#: Not in Locust's page, which has a picker of its own, or because changing them there would have no effect.
_HEADLESS_ONLY = {"shape", "metrics_host", "metrics_port", "trace_ratio"}


def add_options(parser: LocustArgumentParser) -> None:
    """Adds the options, lets Locust's page show the pickers for user classes and shapes, and keeps it on loopback."""
    parser.set_defaults(class_picker=True, web_host=HOST)
    for field in fields(Settings):
        if field.name not in _HELP:
            continue
        flag = "--" + field.name.replace("_", "-")
        parser.add_argument(
            flag,
            type=type(field.default),
            default=field.default,
            choices=_CHOICES.get(field.name),
            env_var=_VARIABLES.get(field.name, "STORMLAB_" + field.name.upper()),
            help=_HELP[field.name],
            include_in_web_ui=field.name not in _HEADLESS_ONLY,
        )


def metrics_address(settings: Settings, share: int) -> tuple[str, int] | None:
    """Where the worker with the share of this number answers scrapes, if it does."""
    if not settings.metrics_port:
        return None
    alone = settings.metrics_host != HOST
    return settings.metrics_host, settings.metrics_port + (0 if alone else share)


def settings_from(options: Namespace, *, shape: str, host: str | None) -> Settings:
    """What was chosen; ``shape`` and ``host`` may come from Locust's page instead of the options."""
    given: dict[str, Any] = {name: getattr(options, name) for name in _HELP}
    given |= {"shape": shape, "host": host or ""}
    if options.num_users:
        given["users"] = options.num_users
    if options.run_time:
        given["duration"] = float(options.run_time)
    return Settings(**given)
