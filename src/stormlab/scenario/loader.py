"""From a name or a file to a typed scenario, with errors that name file, line, key and remedy."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError

from stormlab.errors import BadInput
from stormlab.scenario.complaints import problems
from stormlab.scenario.model import Scenario
from stormlab.scenario.origins import Origins, Place
from stormlab.scenario.paths import assign, near
from stormlab.scenario.paths import resolve as key_of
from stormlab.scenario.positions import Key

#: Where a checkout keeps its case studies, looked for from the current directory upwards.
CASE_STUDIES = "case_studies"

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A scenario file as it was read: its text for error messages, its tree for variants."""

    name: str
    path: Path
    text: str
    tree: Tree

    @property
    def title(self) -> str:
        return str(self.tree.get("title", ""))

    @property
    def base(self) -> Tree:
        """The scenario without any variant."""
        return {key: value for key, value in self.tree.items() if key != "variants"}

    @property
    def variants(self) -> dict[str, Tree]:
        variants = self.tree.get("variants", {})
        return variants if isinstance(variants, dict) else {}

    def variant(self, name: str) -> Tree:
        """The table of one variant; raises BadInput when there is none of that name."""
        if name not in self.variants:
            known = ", ".join(self.variants) or "none"
            raise BadInput(f"{self.path}: there is no variant {name!r}{near(name, self.variants)} (there is: {known})")
        return self.variants[name]


def load(reference: str | Path, *, variant: str = "", overrides: Sequence[str] = ()) -> Scenario:
    """The scenario called ``reference`` (a shipped name, a case study or a path), checked.

    Args:
        variant: a table under ``[variants]``, or empty for the file as it stands.
        overrides: ``key=value`` pairs with dotted keys and TOML values, applied last.

    Raises:
        BadInput: anything that cannot be used; the message names file, line, key and remedy.
    """
    return resolve(read(reference), variant=variant, overrides=overrides)


def resolve(source: Source, *, variant: str = "", overrides: Sequence[str] = ()) -> Scenario:
    """``source`` with one variant and some overrides, checked; raises as :func:`load` does.

    A variant holds nested tables that are merged, and ``set``, a table of dotted keys, for places inside lists.
    """
    own = source.variant(variant) if variant else {}
    over = {key: value for key, value in own.items() if key != "set"}
    tree = merge(source.base, over)
    assigned: list[tuple[Key, Place]] = []
    root = ("variants", variant)
    steps: list[tuple[Place, str, Any]] = [
        ((*root, "set", path), path, value) for path, value in own.get("set", {}).items()
    ]
    steps += [(f"--set {override}", *_parsed(override)) for override in overrides]
    origins = Origins(source.path, source.text, root=root if variant else (), over=over, assigned=assigned)
    for place, path, value in steps:
        try:
            assigned.append((key_of(tree, path), place))
            tree = assign(tree, path, value)
        except BadInput as error:
            raise BadInput(f"{origins.at(place)}: {error}") from None
    return _checked({**tree, "name": source.name, "variant": variant}, origins)


def _checked(tree: Tree, origins: Origins) -> Scenario:
    try:
        return Scenario.model_validate(tree)
    except ValidationError as error:
        found = sorted(problems(error, tree, Scenario), key=lambda one: origins.line(one.key) or 0)
        raise BadInput("\n".join(f"{origins.of(one.key)}: {one}" for one in found)) from None


def read(reference: str | Path) -> Source:
    """The file behind ``reference``, parsed but not yet checked."""
    path = find(reference)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read: {error}") from None
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path}: this is not TOML: {error}") from None
    _refuse_misplaced(path, text, tree)
    name = path.resolve().parent.name if path.name == "scenario.toml" else path.stem
    return Source(name=name, path=path, text=text, tree=tree)


def _refuse_misplaced(path: Path, text: str, tree: Tree) -> None:
    """What the typed model cannot refuse: keys that the loader fills in, variants that are not tables."""
    origins = Origins(path, text)
    for key in {"name", "variant"} & set(tree):
        raise BadInput(f"{origins.of((key,))}: {key}: a scenario has the name of its file; remove this key")
    variants = tree.get("variants", {})
    if not isinstance(variants, dict):
        raise BadInput(f"{origins.of(('variants',))}: variants: write a table [variants.NAME] for each variant")
    for name, variant in variants.items():
        if not isinstance(variant, dict) or not isinstance(variant.get("set", {}), dict):
            place = origins.of(("variants", name))
            raise BadInput(f"{place}: variants.{name}: a variant, and `set` in it, has to be a table")


def find(reference: str | Path) -> Path:
    """The path of a scenario given by name or by path."""
    path = Path(reference)
    if (path / "scenario.toml").is_file():
        return path / "scenario.toml"
    if path.suffix == ".toml" or path.is_file():
        if not path.is_file():
            raise BadInput(f"{path}: there is no such file; `stormlab list` shows the scenarios that come along")
        return path
    known = catalogue()
    name = str(reference)
    if name not in known:
        raise BadInput(f"there is no scenario called {name!r}{_meant(name, known)}; `stormlab list` shows them all")
    return known[name]


def _meant(name: str, known: Mapping[str, Path]) -> str:
    """A hint at what was probably meant: a file, a scenario with its variant behind a slash, a name like this one."""
    if Path(f"{name}.toml").is_file():
        return f"; did you mean '{name}.toml'?"
    scenario, _, variant = name.partition("/")
    return (
        f"; did you mean {scenario!r} with --variant {variant}?" if variant and scenario in known else near(name, known)
    )


def catalogue() -> dict[str, Path]:
    """Every scenario that can be named: those of the package, then the case studies of the checkout."""
    shipped = Path(str(resources.files("stormlab"))) / "scenarios"
    found = {path.stem: path for path in sorted(shipped.glob("*.toml"))}
    for folder in _case_study_folders():
        found |= {path.parent.name: path for path in sorted(folder.glob("*/scenario.toml"))}
    return found


def _case_study_folders() -> Iterable[Path]:
    here = Path.cwd()
    return (folder / CASE_STUDIES for folder in (here, *here.parents) if (folder / CASE_STUDIES).is_dir())


def merge(tree: Mapping[str, Any], over: Mapping[str, Any]) -> Tree:
    """``tree`` with ``over`` laid on top: tables merge, a table of another ``kind`` and anything else replaces."""
    merged = dict(tree)
    for key, value in over.items():
        below = merged.get(key)
        if (
            isinstance(value, dict)
            and isinstance(below, dict)
            and value.get("kind", below.get("kind")) == below.get("kind")
        ):
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged


def dump(scenario: Scenario) -> str:
    """The effective scenario as TOML that loads to an equal scenario."""
    tree = json.loads(scenario.model_dump_json(by_alias=True, exclude_none=True))
    del tree["name"], tree["variant"]
    return tomli_w.dumps(tree)


def _parsed(override: str) -> tuple[str, Any]:
    path, equals, text = override.partition("=")
    if not equals or not path.strip():
        raise BadInput(f"--set {override}: write it as key=value, for example --set clients.web.arrivals.rate=80")
    try:
        return path.strip(), tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return path.strip(), text.strip()
