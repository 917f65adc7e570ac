"""What the HTTP API answers, on the embedded server and on the real Toxiproxy: status and JSON, success and refusal."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
from toxiproxy import Toxiproxy

from stormlab.chaos.client import ProxySpec, ToxiproxyClient, ToxiproxyError
from stormlab.chaos.toxics import KINDS, Latency, Stream
from tests.chaos.peers import HOST, Answer, ask, connect, echo, is_refused, receive, served
from tools.waiting import wait_for

DOWN = {"name": "p", "listen": "127.0.0.1:26379", "upstream": "127.0.0.1:6379", "enabled": False}
SHOWN = DOWN | {"toxics": []}
LATENCY = {"name": "slow", "type": "latency", "stream": "upstream", "toxicity": 0.5, "attributes": {"latency": 100}}
LATENCY_SHOWN = LATENCY | {"attributes": {"latency": 100, "jitter": 0}}
NO_PROXY = {"error": "proxy not found", "status": 404}
NO_TOXIC = {"error": "toxic not found", "status": 404}
BAD_STREAM = {"error": "stream was invalid, can be either upstream or downstream", "status": 400}
BAD_BODY = {"error": "bad request body", "status": 400}

Make = Callable[..., Answer]


def known(answer: Answer) -> Answer:
    """Without what may differ: the stray logger of Toxiproxy, and each server's own words for a body it cannot read."""
    body = without_logger(answer.body)
    if isinstance(body, dict) and str(body.get("error", "")).startswith("bad request body: "):
        body["error"] = "bad request body"
    return Answer(status=answer.status, body=body)


def without_logger(value: Any) -> Any:
    match value:
        case dict():
            return {key: without_logger(each) for key, each in value.items() if key != "Logger"}
        case list():
            return [without_logger(each) for each in value]
    return value


@pytest.fixture
def call(url: str) -> Callable[..., Answer]:
    def call(method: str, path: str, body: object = None, **options: Any) -> Answer:
        return known(ask(url, method, path, body, **options))

    return call


@pytest.fixture
def p(call: Make) -> Make:
    """Calls, once there is a proxy ``p`` that is down."""
    assert call("POST", "/proxies", DOWN).status == 201
    return call


@pytest.fixture
def slow(p: Make) -> Make:
    """Calls, once ``p`` has the toxic ``slow``."""
    assert p("POST", "/proxies/p/toxics", LATENCY) == Answer(status=200, body=LATENCY_SHOWN)
    return p


def test_version(call: Make) -> None:
    assert call("GET", "/version").status == 200
    assert list(call("GET", "/version").body) == ["version"]


def test_no_proxies(call: Make) -> None:
    assert call("GET", "/proxies") == Answer(status=200, body={})


def test_create_show_list_delete(call: Make) -> None:
    assert call("POST", "/proxies", DOWN) == Answer(status=201, body=SHOWN)
    assert call("GET", "/proxies/p") == Answer(status=200, body=SHOWN)
    assert set(call("GET", "/proxies").body) == {"p"}
    assert call("DELETE", "/proxies/p") == Answer(status=204, body="")
    assert call("GET", "/proxies/p") == Answer(status=404, body=NO_PROXY)


def test_created_proxies_are_enabled_and_know_their_port(call: Make) -> None:
    body = call("POST", "/proxies", {"name": "p", "listen": "localhost:0", "upstream": "127.0.0.1:1"}).body
    host, _, port = body["listen"].rpartition(":")
    assert (body["enabled"], host) == (True, "127.0.0.1")
    assert int(port) > 0


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "missing required field: name"),
        ("null", "missing required field: name"),
        ({"name": "p"}, "missing required field: upstream"),
        ({"name": "", "upstream": "127.0.0.1:1"}, "missing required field: name"),
        ("", "bad request body"),
        ("{", "bad request body"),
        ("[]", "bad request body"),
        ('"p"', "bad request body"),
        ({"name": 5, "upstream": "127.0.0.1:1"}, "bad request body"),
        ({"name": "p", "upstream": ["127.0.0.1:1"]}, "bad request body"),
        ({"name": "p", "upstream": "127.0.0.1:1", "enabled": "yes"}, "bad request body"),
    ],
)
def test_create_refuses_a_bad_body(call: Make, body: object, error: str) -> None:
    assert call("POST", "/proxies", body) == Answer(status=400, body={"error": error, "status": 400})


def test_create_ignores_what_it_does_not_know_and_what_follows(call: Make) -> None:
    assert (
        call("POST", "/proxies", '{"name": "p", "upstream": "u:1", "enabled": false, "colour": 1} rest').status == 201
    )


def test_names_are_unique(p: Make) -> None:
    assert p("POST", "/proxies", DOWN) == Answer(status=409, body={"error": "proxy already exists", "status": 409})


def test_create_on_a_port_in_use(call: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = "{}:{}".format(*taken.getsockname())
        answer = call("POST", "/proxies", {"name": "p", "listen": listen, "upstream": "127.0.0.1:1"})
    error = f"listen tcp {listen}: bind: address already in use"
    assert answer == Answer(status=500, body={"error": error, "status": 500})
    assert call("GET", "/proxies").body == {}


@pytest.mark.parametrize(
    ("listen", "error"),
    [
        ("nowhere", "listen tcp: address nowhere: missing port in address"),
        ("127.0.0.1:99999", "listen tcp: address 99999: invalid port"),
        ("1:2:3", "listen tcp: address 1:2:3: too many colons in address"),
    ],
)
def test_create_on_an_address_that_is_none(call: Make, listen: str, error: str) -> None:
    answer = call("POST", "/proxies", {"name": "p", "listen": listen, "upstream": "127.0.0.1:1"})
    assert answer == Answer(status=500, body={"error": error, "status": 500})


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_update_changes_what_it_names(p: Make, method: str) -> None:
    answer = p(method, "/proxies/p", {"upstream": "127.0.0.1:6380", "name": "ignored"})
    assert answer == Answer(status=200, body=SHOWN | {"upstream": "127.0.0.1:6380"})
    assert p("GET", "/proxies/p") == answer


@pytest.mark.parametrize("body", ["", "{", "[]", {"enabled": 1}, {"listen": 1}, {"upstream": {}}])
def test_update_refuses_a_bad_body(p: Make, body: object) -> None:
    assert p("POST", "/proxies/p", body) == Answer(status=400, body=BAD_BODY)
    assert p("GET", "/proxies/p").body == SHOWN


def test_update_refuses_an_address_that_is_none(p: Make) -> None:
    error = {"error": "address nowhere: missing port in address", "status": 500}
    assert p("POST", "/proxies/p", {"listen": "nowhere"}) == Answer(status=500, body=error)


def test_update_to_a_port_in_use_leaves_the_proxy_down(p: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = "{}:{}".format(*taken.getsockname())
        assert p("POST", "/proxies/p", {"listen": listen, "enabled": True}).status == 500
    assert p("GET", "/proxies/p").body == SHOWN | {"listen": listen}


def test_enable_and_disable(call: Make) -> None:
    listen = call("POST", "/proxies", {"name": "p", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}).body["listen"]
    down = call("POST", "/proxies/p", {"enabled": False}).body
    assert (down["enabled"], down["listen"]) == (False, listen)
    up = call("PATCH", "/proxies/p", {"enabled": True}).body
    assert (up["enabled"], up["listen"]) == (True, listen)
    assert call("PATCH", "/proxies/p", {"enabled": True}).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/proxies/none"),
        ("POST", "/proxies/none"),
        ("PATCH", "/proxies/none"),
        ("DELETE", "/proxies/none"),
        ("GET", "/proxies/none/toxics"),
        ("POST", "/proxies/none/toxics"),
        ("GET", "/proxies/none/toxics/slow"),
        ("POST", "/proxies/none/toxics/slow"),
        ("PATCH", "/proxies/none/toxics/slow"),
        ("DELETE", "/proxies/none/toxics/slow"),
    ],
)
def test_a_proxy_that_is_not_there(p: Make, method: str, path: str) -> None:
    assert p(method, path) == Answer(status=404, body=NO_PROXY)


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_a_toxic_that_is_not_there(slow: Make, method: str) -> None:
    assert slow(method, "/proxies/p/toxics/none", None if method in ("GET", "DELETE") else "{") == Answer(
        status=404, body=NO_TOXIC
    )


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_toxic_has_its_defaults(p: Make, kind: str) -> None:
    answer = p("POST", "/proxies/p/toxics", {"type": kind})
    defaults = dict.fromkeys(KINDS[kind]().attributes(), 0)
    body = {"name": f"{kind}_downstream", "type": kind, "stream": "downstream", "toxicity": 1, "attributes": defaults}
    assert answer == Answer(status=200, body=body)
    assert p("GET", f"/proxies/p/toxics/{kind}_downstream") == answer
    assert p("GET", "/proxies/p").body["toxics"] == [body]


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_attribute_can_be_set_and_updated(p: Make, kind: str) -> None:
    asked = {name: 200 - number for number, name in enumerate(KINDS[kind]().attributes())}
    answer = p("POST", "/proxies/p/toxics", {"name": "t", "type": kind, "attributes": asked | {"unknown": "x"}})
    assert (answer.status, answer.body["attributes"]) == (200, asked)
    for number, name in enumerate(asked, 30):
        asked[name] = number
        assert p("PATCH", "/proxies/p/toxics/t", {"attributes": {name: number}}).body["attributes"] == asked


def test_toxics_are_listed_upstream_first_in_the_order_they_came(p: Make) -> None:
    for name, stream in (("a", "downstream"), ("b", "upstream"), ("c", "downstream"), ("d", "upstream")):
        p("POST", "/proxies/p/toxics", LATENCY | {"name": name, "stream": stream})
    assert [each["name"] for each in p("GET", "/proxies/p/toxics").body] == ["b", "d", "a", "c"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", BAD_BODY),
        ("{", BAD_BODY),
        ("[]", BAD_BODY),
        ({"type": 5}, BAD_BODY),
        ({"type": "latency", "stream": 5}, BAD_BODY),
        ({"type": "latency", "toxicity": "1"}, BAD_BODY),
        ({"type": "latency", "attributes": []}, BAD_BODY),
        ({"type": "latency", "attributes": {"latency": 1.5}}, BAD_BODY),
        ({"type": "latency", "attributes": {"latency": "100"}}, BAD_BODY),
        ({"type": "latency", "attributes": {"latency": True}}, BAD_BODY),
        ({"type": "latency", "attributes": {"latency": 2**63}}, BAD_BODY),
        ({"type": "latency", "stream": "sideways"}, BAD_STREAM),
        ({"type": "latency", "stream": ""}, BAD_STREAM),
        ({"type": "none", "stream": "sideways"}, BAD_STREAM),
        ({"type": "none"}, {"error": "invalid toxic type", "status": 400}),
        ({}, {"error": "invalid toxic type", "status": 400}),
        ({"type": "latency", "name": "slow"}, {"error": "toxic already exists", "status": 409}),
        ({"type": "timeout", "name": "slow"}, {"error": "toxic already exists", "status": 409}),
    ],
)
def test_create_toxic_refuses(slow: Make, body: object, error: dict[str, object]) -> None:
    assert slow("POST", "/proxies/p/toxics", body) == Answer(status=int(str(error["status"])), body=error)
    assert slow("GET", "/proxies/p/toxics").body == [LATENCY_SHOWN]


def test_null_leaves_the_default(p: Make) -> None:
    body = {"name": None, "type": "latency", "stream": None, "toxicity": None, "attributes": {"latency": None}}
    assert p("POST", "/proxies/p/toxics", body).body["name"] == "latency_downstream"
    assert p("POST", "/proxies/p/toxics", {"type": "slicer", "attributes": None}).status == 200


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_update_toxic_changes_attributes_and_toxicity_alone(slow: Make, method: str) -> None:
    body = {"name": "n", "type": "timeout", "stream": "downstream", "toxicity": 0.25, "attributes": {"jitter": 7}}
    expected = LATENCY_SHOWN | {"toxicity": 0.25, "attributes": {"latency": 100, "jitter": 7}}
    assert slow(method, "/proxies/p/toxics/slow", body) == Answer(status=200, body=expected)
    assert slow(method, "/proxies/p/toxics/slow", {}) == Answer(status=200, body=expected)
    assert slow("GET", "/proxies/p/toxics/slow") == Answer(status=200, body=expected)


@pytest.mark.parametrize("body", ["", "{", "[]", {"toxicity": "1"}, {"attributes": 5}, {"attributes": {"jitter": 0.5}}])
def test_update_toxic_refuses_a_bad_body(slow: Make, body: object) -> None:
    assert slow("POST", "/proxies/p/toxics/slow", body) == Answer(status=400, body=BAD_BODY)
    assert slow("GET", "/proxies/p/toxics/slow").body == LATENCY_SHOWN


def test_delete_toxic(slow: Make) -> None:
    assert slow("DELETE", "/proxies/p/toxics/slow") == Answer(status=204, body="")
    assert slow("GET", "/proxies/p/toxics") == Answer(status=200, body=[])


def test_reset_enables_all_and_takes_toxics_away(slow: Make) -> None:
    slow("POST", "/proxies/p", {"listen": "127.0.0.1:0"})
    assert slow("POST", "/reset") == Answer(status=204, body="")
    shown = slow("GET", "/proxies/p").body
    assert (shown["enabled"], shown["toxics"]) == (True, [])


def test_populate_makes_proxies(call: Make) -> None:
    other = DOWN | {"name": "q", "listen": "127.0.0.1:26380"}
    answer = call("POST", "/populate", [DOWN, other])
    assert answer == Answer(status=201, body={"proxies": [SHOWN, other | {"toxics": []}]})


def test_populate_leaves_a_proxy_that_has_not_changed(slow: Make) -> None:
    answer = slow("POST", "/populate", [{**DOWN, "enabled": True}])
    assert answer == Answer(status=201, body={"proxies": [SHOWN | {"toxics": [LATENCY_SHOWN]}]})


def test_populate_replaces_a_proxy_that_has_changed(slow: Make) -> None:
    changed = DOWN | {"upstream": "127.0.0.1:6380"}
    assert slow("POST", "/populate", [changed]) == Answer(status=201, body={"proxies": [changed | {"toxics": []}]})


def test_populate_enables_unless_told_otherwise(call: Make) -> None:
    proxies = [{"name": "p", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1", "enabled": None}]
    assert call("POST", "/populate", proxies).body["proxies"][0]["enabled"] is True


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", "bad request body"),
        ("{}", "bad request body"),
        ("[1]", "bad request body"),
        ([{}], "missing required field: name at proxy 1"),
        ([DOWN, {"name": "q"}], "missing required field: upstream at proxy 2"),
    ],
)
def test_populate_refuses_all_for_one_bad_body(call: Make, body: object, error: str) -> None:
    assert call("POST", "/populate", body) == Answer(status=400, body={"error": error, "status": 400, "proxies": None})
    assert call("GET", "/proxies").body == {}


@pytest.mark.parametrize("body", ["[]", "null"])
def test_populate_nothing(call: Make, body: str) -> None:
    assert call("POST", "/populate", body) == Answer(status=201, body={"proxies": None})


def test_populate_says_what_it_made_before_it_failed(call: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = "{}:{}".format(*taken.getsockname())
        answer = call("POST", "/populate", [DOWN, {"name": "q", "listen": listen, "upstream": "127.0.0.1:1"}])
    error = f"listen tcp {listen}: bind: address already in use"
    assert answer == Answer(status=500, body={"error": error, "status": 500, "proxies": [SHOWN]})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/none", 404),
        ("GET", "/proxies/", 404),
        ("HEAD", "/version", 405),
        ("POST", "/version", 405),
        ("PUT", "/proxies", 405),
        ("GET", "/reset", 405),
        ("GET", "/populate", 405),
        ("PUT", "/proxies/p", 405),
        ("DELETE", "/proxies/p/toxics", 405),
    ],
)
def test_routes(call: Make, method: str, path: str, status: int) -> None:
    assert call(method, path).status == status


def test_browsers_are_refused(call: Make) -> None:
    answer = call("GET", "/proxies", agent="Mozilla/5.0 (X11; Linux x86_64)")
    assert answer == Answer(status=403, body="User agent not allowed")


def test_names_may_hold_any_letter_but_a_slash(client: ToxiproxyClient) -> None:
    name = "größe %2 ?&#"
    assert client.create(ProxySpec(name=name, upstream="u:1", enabled=False)).name == name
    assert client.add(name, Latency(name=name, latency=1)) == client.proxy(name).toxics[0]
    client.remove(name, name)
    client.delete(name)
    assert client.proxies() == {}


def test_the_client_makes_refusals_errors(client: ToxiproxyClient) -> None:
    with pytest.raises(ToxiproxyError, match="refused GET /proxies/none: proxy not found") as refusal:
        client.proxy("none")
    assert refusal.value.status == 404


def test_metrics_count_bytes_of_each_direction(client: ToxiproxyClient) -> None:
    with served(echo) as upstream:
        proxy = client.create(ProxySpec(name="counted", upstream=upstream))
        with connect(proxy.listen) as peer:
            peer.sendall(b"x" * 1000)
            receive(peer, 1000)
        labels = f'listener="{proxy.listen}",proxy="counted",upstream="{upstream}"'
        for what in ("received", "sent"):
            for stream in Stream:
                line = f'toxiproxy_proxy_{what}_bytes_total{{direction="{stream}",{labels}}} 1000'
                wait_for(lambda line=line: line in client.metrics().splitlines())  # type: ignore[misc]


def test_toxiproxy_python_drives_the_server(url: str) -> None:
    server = Toxiproxy()
    server.update_api_consumer(HOST, int(url.rpartition(":")[2]))
    assert server.running()
    assert b"version" in server.version()
    with served(echo) as upstream:
        proxy = server.create(upstream=upstream, name="p")
        assert set(server.proxies()) == {"p"}
        proxy.add_toxic(name="slow", type="latency", attributes={"latency": 5, "jitter": 1})
        proxy.add_toxic(type="bandwidth", stream="upstream", toxicity=0.5, attributes={"rate": 1000})
        assert proxy.get_toxic("slow").attributes == {"latency": 5, "jitter": 1}
        assert set(proxy.toxics()) == {"slow", "bandwidth_upstream"}
        with connect(proxy.listen) as peer:
            peer.sendall(b"ping")
            assert receive(peer, 4) == b"ping"
        with proxy.down():
            assert is_refused(proxy.listen)
        connect(proxy.listen).close()
        assert proxy.destroy_toxic("slow")
        assert server.reset()
        assert proxy.toxics() == {}
        server.populate([{"name": "q", "upstream": upstream}])
        assert server.get_proxy("q").enabled
        server.destroy_all()
    assert server.proxies() == {}
