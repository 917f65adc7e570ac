"""Writes the dashboards as JSON and the rules as YAML below ``deploy/``."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards import rules
from dashboards.panels import Dashboard, build

ROOT = Path(__file__).parent.parent
DASHBOARDS = ROOT / "deploy" / "grafana" / "dashboards"
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"


def pages() -> list[Dashboard]:
    """The dashboards: every module of this package that has a ``PAGE``."""
    modules = (import_module(f"dashboards.{path.stem}") for path in sorted(Path(__file__).parent.glob("*.py")))
    return [module.PAGE for module in modules if hasattr(module, "PAGE")]


def main() -> None:
    DASHBOARDS.mkdir(parents=True, exist_ok=True)
    for page in pages():
        text = JSONEncoder(sort_keys=True, indent=2).encode(build(page))
        (DASHBOARDS / f"{page.uid}.json").write_text(text + "\n", encoding="utf-8")
    RULES.write_text(yaml.safe_dump(rules.groups(), sort_keys=False, width=1000), encoding="utf-8")


if __name__ == "__main__":
    main()
