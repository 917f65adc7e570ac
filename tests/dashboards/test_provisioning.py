"""The files from which Grafana sets itself up: parsed, complete, and in agreement with the dashboards they go with."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field

from dashboards.generate import DASHBOARDS
from dashboards.panels import JAEGER, PROMETHEUS
from tests.conftest import ROOT

PROVISIONING = ROOT / "deploy" / "grafana" / "provisioning"


class Exact(BaseModel):
    """Unknown keys are mistakes: Grafana ignores them in silence."""

    model_config = ConfigDict(extra="forbid")


class Source(Exact):
    """A data source, by Grafana's documentation of provisioning."""

    name: str
    uid: str = Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")
    type: Literal["prometheus", "jaeger"]
    access: Literal["proxy"]
    url: str = Field(pattern=r"^\$\{[A-Z_]+\}$")
    isDefault: bool = False
    jsonData: dict[str, Any] = {}


class Sources(Exact):
    apiVersion: Literal[1]
    datasources: list[Source]


class Options(Exact):
    path: str


class Provider(Exact):
    """A folder of dashboards."""

    name: str
    folder: str
    type: Literal["file"]
    allowUiUpdates: bool
    options: Options


class Providers(Exact):
    apiVersion: Literal[1]
    providers: list[Provider]


def read(kind: str) -> Any:
    (path,) = (PROVISIONING / kind).iterdir()
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def sources() -> dict[str, Source]:
    return {one.uid: one for one in Sources.model_validate(read("datasources")).datasources}


def references(tree: Any) -> Iterator[tuple[str, str]]:
    """Type and uid of every data source that a dashboard names, wherever it does."""
    if isinstance(tree, dict):
        if isinstance(tree.get("datasource"), dict):
            yield tree["datasource"]["type"], tree["datasource"]["uid"]
        for value in tree.values():
            yield from references(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from references(value)


def test_the_sources_are_those_that_dashboards_are_generated_for(sources: dict[str, Source]) -> None:
    assert {uid: one.type for uid, one in sources.items()} == {PROMETHEUS: "prometheus", JAEGER: "jaeger"}
    assert [one.uid for one in sources.values() if one.isDefault] == [PROMETHEUS]


@pytest.mark.parametrize("path", sorted(DASHBOARDS.glob("*.json")), ids=lambda path: path.stem)
def test_every_source_that_a_dashboard_names_is_provisioned(path: Path, sources: dict[str, Source]) -> None:
    page = json.loads(path.read_text(encoding="utf-8"))
    named = set(references(page))
    assert named and named <= {(one.type, uid) for uid, one in sources.items()}
    explored = set(re.findall(r'"datasource":"([\w-]+)"', json.dumps(page["links"]).replace("\\", "")))
    assert explored == {JAEGER}


@pytest.mark.parametrize("path", sorted(DASHBOARDS.glob("*.json")), ids=lambda path: path.stem)
def test_every_panel_has_a_source(path: Path) -> None:
    page = json.loads(path.read_text(encoding="utf-8"))
    holders = [*page["panels"], *page["annotations"]["list"], *page.get("templating", {}).get("list", [])]
    assert all(one["datasource"]["uid"] == PROMETHEUS for one in holders)


def test_exemplars_open_traces(sources: dict[str, Source]) -> None:
    (destination,) = sources[PROMETHEUS].jsonData["exemplarTraceIdDestinations"]
    assert destination == {"name": "trace_id", "datasourceUid": JAEGER}
    assert sources[PROMETHEUS].jsonData["timeInterval"] == "1s"


def test_dashboards_come_from_a_folder_and_cannot_be_changed_by_hand() -> None:
    (provider,) = Providers.model_validate(read("dashboards")).providers
    assert provider.options.path.startswith("/") and not provider.allowUiUpdates


def test_identifiers_and_titles_are_unique() -> None:
    pages = [json.loads(path.read_text(encoding="utf-8")) for path in DASHBOARDS.glob("*.json")]
    assert len({page["uid"] for page in pages}) == len({page["title"] for page in pages}) == len(pages)
