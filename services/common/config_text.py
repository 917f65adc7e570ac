"""Settings written as JSON, YAML or TOML: bounded, flat, no key twice."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Hashable
from typing import Any

import yaml

from stormlab.errors import BadInput

#: Bytes of one file of settings, or of one value of the store.
MAX_BYTES = 1 << 16


def parse_config(content: bytes, *, name: str) -> dict[str, Any]:
    """The settings in ``content``, in the format that the suffix of ``name`` says; JSON for an unknown one.

    Raises:
        BadInput: it is too long, cannot be read, or is no table of settings; the message quotes nothing of it.
    """
    if len(content) > MAX_BYTES:
        raise BadInput(f"{name}: settings of more than {MAX_BYTES} bytes are not read")
    suffix = name.rpartition(".")[2].lower()
    try:
        value = _READERS.get(suffix, _json)(content.decode())
    except yaml.MarkedYAMLError as error:
        line = f" at line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise BadInput(f"{name}: this is no YAML{line}: {error.problem}") from error
    except json.JSONDecodeError as error:
        raise BadInput(f"{name}: this is no JSON at line {error.lineno}: {error.msg}") from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise BadInput(f"{name}: this cannot be read: {type(error).__name__}: {str(error)[:200]}") from error
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise BadInput(f"{name}: write a table of settings and their values")
    return value


def _json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_unique) if text.strip() else None


def _yaml(text: str) -> Any:
    return yaml.load(text, _Loader)


class _Loader(yaml.SafeLoader):
    """Plain values only, and no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001
        _unique([(self.construct_object(key, deep=True), None) for key, _ in node.value])
        return super().construct_mapping(node, deep=deep)


def _unique(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key stands there twice")
    return made


_READERS: dict[str, Callable[[str], Any]] = {"json": _json, "yaml": _yaml, "yml": _yaml, "toml": tomllib.loads}
