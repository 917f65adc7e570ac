"""What there is, what is installed, single parts, and that a command line starts without what it does not need."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from urllib.request import urlopen

import pytest

from stormlab.live import checkout
from tests.cli.conftest import Call, objects

#: What only some commands need.
HEAVY = ("matplotlib", "numpy", "pydantic", "simpy", "locust", "gevent", "aiohttp", "scipy", "rich", "asyncio")


def test_list_names_scenarios_with_their_variants(call: Call) -> None:
    storm = next(entry for entry in objects(call("list", "--json").stdout) if entry["name"] == "retry-storm")
    assert {"naive", "budget", "no-retries"} <= set(storm["variants"])
    assert Path(storm["path"]).is_file()
    assert "retry-storm" in call("list").stdout


def test_list_shows_the_case_studies_of_the_checkout_and_survives_a_broken_one(call: Call, scenario: Path) -> None:
    for name, text in (("outage", scenario.read_text(encoding="utf-8")), ("broken", "title =")):
        folder = Path("case_studies") / name
        folder.mkdir(parents=True)
        (folder / "scenario.toml").write_text(text, encoding="utf-8")
    done = call("list")
    assert done.exit_code == 0
    assert "outage  A short spike" in done.stdout
    assert "broken" in done.stderr


def test_show_tells_policies_timeline_expectations_and_where_the_file_is(call: Call, scenario: Path) -> None:
    told = call("show", scenario).stdout
    assert "retry → timeout → call" in told
    assert "10 s …     12 s  fault: spike: load-spike on web (factor 2" in told
    assert "copes: unaffected or recovered" in told
    assert "Variants: calm, hopeless" in told
    assert "Plays in simulation and live: " in told
    crashing = scenario.with_name("crashing.toml")
    crashing.write_text(scenario.read_text().replace("workers = 10", "workers = 10\ncrash = { load = 20 }"))
    assert "Plays in simulation only: services.kv.crash: simulated only so far" in call("show", crashing).stdout
    assert "small.toml" in told
    assert "is down: collapsed" in call("show", scenario, "--variant", "hopeless").stdout


def test_show_tells_of_whom_and_when_something_is_expected(call: Call, scenario: Path) -> None:
    expected = (
        'measure = "success_ratio"\nclient = "web"\nwindow = [12, 20.5]\nmin = 0.5\n',
        'measure = "time_to_recover"\nmax = 9\n',
        'measure = "utilisation"\nservice = "kv"\nwindow = "end"\nmax = 1\n',
    )
    scenario.write_text(scenario.read_text() + "".join(f"[[expect]]\n{one}" for one in expected))
    told = call("show", scenario).stdout
    assert "  0.5 ≤ success_ratio (of web 12 to 20.5 s)\n" in told
    assert "  time_to_recover ≤ 9\n" in told
    assert "  utilisation ≤ 1 (of kv end)\n" in told


def test_availability(call: Call) -> None:
    found = json.loads(call("availability", "series(0.99, parallel(0.9, 0.9))", "--json").stdout)
    assert found["availability"] == pytest.approx(0.99 * 0.99)
    assert "downtime" in call("availability", "0.99").stdout


def test_doctor_reports_what_is_there_and_a_remedy_for_what_is_not(call: Call) -> None:
    done = call("doctor", "--json")
    found = {finding["name"]: finding for finding in objects(done.stdout)}
    assert done.exit_code == 0
    assert found["python"]["ok"] and found["libraries"]["ok"]
    assert all(finding["remedy"] for finding in found.values() if not finding["ok"])
    assert len(call("doctor").stdout.splitlines()) == len(found)


def test_doctor_without_an_essential_exits_with_1(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"": ["numpy", "no-such-library"], "live": ["no-such-extra"]}
    monkeypatch.setattr(import_module("stormlab.cli.doctor"), "requirements", lambda: asked)
    done = call("doctor")
    assert done.exit_code == 1
    assert "without no-such-library" in done.stdout and "`pip install -e .`" in done.stdout
    assert "without no-such-extra" in done.stdout and "`pip install -e '.[live]'`" in done.stdout


def test_services_lists_those_of_the_checkout(call: Call) -> None:
    assert "kv" in call("services").stdout.split()


def test_a_service_gets_its_own_arguments(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "stormlab", "services", "kv", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60)
    assert done.returncode == 0
    assert "--tlog-filename" in done.stdout


@pytest.mark.live
def test_the_proxy_serves_until_it_is_told_to_end() -> None:
    words = [sys.executable, "-m", "stormlab", "proxy", "--port", "0"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        address = process.stdout.readline().split()[-1]
        with urlopen(f"{address}/version", timeout=30) as answer:
            assert answer.status == 200
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
        process.stdout.close()


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["run", "--help"], ["rum"]], ids=" ".join)
def test_nothing_heavy_is_imported_for_help_and_hints(words: list[str]) -> None:
    program = (
        "import sys\n"
        "from stormlab.cli import cli\n"
        "try:\n"
        f"    cli({words!r})\n"
        "finally:\n"
        f"    print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr.splitlines()[-1] == "[]"


def test_up_without_its_libraries_names_the_extra(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkout, "_NEEDED", {"no_such_library": "live"})
    for name in [one for one in sys.modules if one.startswith("stormlab.console")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "yaml", None)
    done = call("up")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "running live needs no_such_library: install the extras live" in done.stderr


def test_help_says_of_every_command_what_it_does_in_full(call: Call) -> None:
    for words in ([], ["lesson"]):
        assert "..." not in call(*words, "--help").stdout.partition("Commands:")[2]


def test_help_is_there_under_both_names_and_names_every_exit_status(call: Call) -> None:
    told = call("-h").stdout
    assert told == call("--help").stdout
    assert all(f"{status} " in told for status in (0, 1, 2, 3, 130))
    assert call("--version").stdout.startswith("stormlab, version ")


def test_the_shell_completes_scenarios_and_variants() -> None:
    def completed(*words: str) -> list[str]:
        line = " ".join(["stormlab", *words])
        environment = {"_STORMLAB_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
        done = subprocess.run(
            [sys.executable, "-m", "stormlab"], env=os.environ | environment, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip
        return [item.partition(",")[2] for item in done.stdout.splitlines()]

    assert "retry-storm" in completed("run", "retry-s")
    assert completed("run", "retry-storm", "--variant", "bu") == ["budget"]
    assert completed("compare", "retry-storm", "--variants", "naive,bu") == ["naive,budget"]


def test_show_tells_what_a_service_needs_and_how_its_calls_are_made(call: Call) -> None:
    told = call("show", Path(__file__).parents[2] / "case_studies" / "kinesis-2020").stdout
    assert "  peers: base 60, limit 100, learn 60.0, greeting 8.0\n" in told
    assert "  calls front-end: timeout → call (buffer (capacity 500, senders 10))\n" in told
