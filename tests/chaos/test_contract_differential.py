"""Any sequence of calls gets the same answers from the embedded server and from the real Toxiproxy."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stormlab.chaos.toxics import KINDS
from tests.chaos.conftest import cleared
from tests.chaos.peers import Answer, ask
from tests.chaos.test_contract_api import known

NAMES = st.sampled_from(["a", "b"])
NUMBERS: st.SearchStrategy[object] = st.one_of(st.integers(0, 5000), st.sampled_from([None, 0.5, "1", True, [], 2**63]))
ATTRIBUTES = sorted({name for kind in KINDS.values() for name in kind().attributes()})

proxies: st.SearchStrategy[object] = st.fixed_dictionaries(
    {"enabled": st.just(False)},
    optional={
        "name": st.one_of(NAMES, NAMES, st.sampled_from(["", None, 7])),
        "upstream": st.sampled_from(["127.0.0.1:1", "127.0.0.1:2", "", None, {}]),
        "listen": st.sampled_from(["127.0.0.1:26379", "127.0.0.1:26380", "nowhere", None, 1]),
    },
)
toxics: st.SearchStrategy[object] = st.fixed_dictionaries(
    {"type": st.one_of(st.sampled_from(sorted(KINDS)), st.sampled_from(["", "none", None, 3]))},
    optional={
        "name": st.one_of(NAMES, st.sampled_from(["", None, 7])),
        "stream": st.sampled_from(["upstream", "downstream", "sideways", None, 1]),
        "toxicity": st.sampled_from([0, 0.5, 1, None, "1", False]),
        "attributes": st.one_of(
            st.dictionaries(st.sampled_from(ATTRIBUTES), NUMBERS), st.sampled_from([None, [], "x"])
        ),
    },
)
calls = st.one_of(
    st.tuples(st.just("POST"), st.just("/proxies"), proxies),
    st.tuples(st.just("POST"), st.just("/populate"), st.lists(proxies, max_size=3)),
    st.tuples(st.sampled_from(["POST", "PATCH"]), NAMES.map("/proxies/{}".format), proxies),
    st.tuples(st.just("POST"), NAMES.map("/proxies/{}/toxics".format), toxics),
    st.tuples(
        st.sampled_from(["POST", "PATCH"]),
        st.tuples(NAMES, NAMES).map(lambda n: "/proxies/{}/toxics/{}".format(*n)),
        toxics,
    ),
    st.tuples(st.just("DELETE"), NAMES.map("/proxies/{}".format), st.none()),
    st.tuples(st.just("DELETE"), st.tuples(NAMES, NAMES).map(lambda n: "/proxies/{}/toxics/{}".format(*n)), st.none()),
    st.tuples(st.just("GET"), st.one_of(st.just("/proxies"), NAMES.map("/proxies/{}/toxics".format)), st.none()),
)


@pytest.mark.live
@pytest.mark.real
@given(st.lists(calls, max_size=15))
@settings(max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_servers_cannot_be_told_apart(
    embedded_url: str, real_url: str, script: list[tuple[str, str, object]]
) -> None:
    for url in (embedded_url, real_url):
        cleared(url)
    setup = [("POST", "/proxies", {"name": "a", "upstream": "127.0.0.1:1", "listen": "127.0.0.1:1", "enabled": False})]
    for method, path, body in setup + script:
        ours, theirs = (known(ask(url, method, path, body)) for url in (embedded_url, real_url))
        assert ours == theirs or refused(ours, theirs), (method, path, body)


def refused(*answers: Answer) -> bool:
    """Both refuse; of a body that is wrong in two places they may name either."""
    return all(400 <= each.status < 500 for each in answers)
