"""The rules of the house: what lies where, who may import whom, and that a dry run touches no machine."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def run(*argv: str, home: Path) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if name != "ROBOT_OPTIONS"}
    return subprocess.run(
        argv,
        cwd=ROOT,
        env={**environ, "SAGE_LAB_HOME": str(home / "labs")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_suites_folder_holds_no_python_which_would_shadow_robot() -> None:
    assert (ROOT / "robot").is_dir()
    assert list((ROOT / "robot").rglob("*.py")) == []


def test_who_may_import_whom(tmp_path: Path) -> None:
    done = run(str(BIN / "lint-imports"), "--no-cache", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 broken" in done.stdout


def test_a_dry_run_of_all_suites_passes_and_makes_no_lab(tmp_path: Path) -> None:
    done = run(str(BIN / "robot"), "--dryrun", "--outputdir", str(tmp_path / "out"), "robot", home=tmp_path)
    assert done.returncode == 0, done.stdout
    assert ", 0 failed" in done.stdout
    assert "[ WARN ]" not in done.stdout + done.stderr
    assert not (tmp_path / "labs").exists()


@pytest.mark.parametrize("script", sorted(ROOT.glob("provision/**/*.sh")), ids=lambda path: path.name)
def test_modules_that_a_script_names_are_there(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    named = re.findall(
        r"(?:-m |from |libdoc --quiet )((?:sage_lab|sage_cluster|SageLibrary)[\w.]*)(?: import (\w+))?", text
    )
    for module, name in named:
        package, _, last = module.rpartition(".")
        found = importlib.import_module(package if last[:1].isupper() and package else module)
        assert not name or hasattr(found, name) or importlib.util.find_spec(f"{module}.{name}"), f"{module}.{name}"


def test_nobody_is_told_of_vagrant_who_does_not_use_it() -> None:
    """python-vagrant warns at its import where there is no Vagrant."""
    program = "import sys, sage_lab.cli.main, sage_lab.faults, SageLibrary; print('vagrant' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("False\n", "")
