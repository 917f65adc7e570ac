"""What is shipped: a wheel that holds the typed library and nothing else; a lock file that names no machine."""

from __future__ import annotations

import tomllib
import zipfile
from importlib.metadata import entry_points, version
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """The names of all files in a freshly built wheel."""
    directory = tmp_path_factory.mktemp("wheel")
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(directory), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        return frozenset(archive.namelist())


def source_files() -> frozenset[str]:
    source = ROOT / "src"
    return frozenset(
        path.relative_to(source).as_posix()
        for path in (source / "stormlab").rglob("*")
        if path.suffix in {".py", ".toml", ".typed"}
    )


def test_wheel_holds_only_the_library(shipped: frozenset[str]) -> None:
    top = {PurePosixPath(name).parts[0] for name in shipped}
    assert top == {"stormlab", f"stormlab-{version('stormlab')}.dist-info"}


def test_wheel_holds_the_whole_library(shipped: frozenset[str]) -> None:
    assert "stormlab/py.typed" in source_files()
    assert source_files() <= shipped


def test_wheel_carries_the_licence(shipped: frozenset[str]) -> None:
    assert f"stormlab-{version('stormlab')}.dist-info/licenses/LICENSE" in shipped


def test_installed_version_is_the_declared_one() -> None:
    assert version("stormlab") == PROJECT["project"]["version"]


def test_command_line_is_declared() -> None:
    (command,) = entry_points(group="console_scripts", name="stormlab")
    assert command.value == "stormlab.cli:main"


def test_every_import_package_of_the_checkout_is_under_the_import_rules() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"benchmarks", "tests"}
    assert packages | {"stormlab"} == set(PROJECT["tool"]["importlinter"]["root_packages"])


def test_lock_file_names_public_addresses_only() -> None:
    registries = {package["source"].get("registry") for package in LOCK["package"]}
    assert registries <= {"https://pypi.org/simple", None}
    files = [file for package in LOCK["package"] for file in [package.get("sdist"), *package.get("wheels", [])] if file]
    assert {urlsplit(file["url"]).netloc for file in files} == {"files.pythonhosted.org"}
