"""The box's definition, as far as it can be checked without building it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
BOX = PROJECT / "provision" / "box"
BUILD = (BOX / "build.sh").read_text(encoding="utf-8")
SCRIPTS = sorted([*BOX.glob("*.sh"), *BOX.glob("machine/*.sh")])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_script_can_be_run_stops_at_the_first_error_and_parses(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    shell = text.splitlines()[0].removeprefix("#!").split()[-1].rpartition("/")[2]
    assert re.search(r"^set -eu", text, re.MULTILINE)
    assert os.access(script, os.X_OK)
    ended = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("step", sorted(BOX.glob("machine/*.sh")), ids=lambda path: path.name)
def test_every_step_checks_that_it_took(step: Path) -> None:
    assert "\n# Did it take?\n" in step.read_text(encoding="utf-8")


def test_what_is_missing_is_told_with_the_package_before_anything_is_made(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for program in ("bash", "dirname", "printf", "env"):
        (tools / program).symlink_to(str(shutil.which(program)))
    ended = subprocess.run(
        [str(BOX / "build.sh"), "check"],
        capture_output=True,
        text=True,
        check=False,
        # /usr/sbin and /sbin are asked too: what is there is not missing.
        env={"PATH": str(tools), "SAGE_BOX_DIRECTORY": str(tmp_path / "out")},
    )
    assert ended.returncode == 1
    assert "mmdebstrap is not installed" in ended.stderr
    assert "apt-get install mmdebstrap" in ended.stderr
    assert not (tmp_path / "out").exists()


def test_the_box_has_all_that_its_own_vagrantfile_names() -> None:
    packed = BUILD.partition("tar --create")[2].partition("\ntest")[0]
    own = (BOX / "Vagrantfile").read_text(encoding="utf-8")
    named = re.findall(r'readable\.call\("([^"]+)"', own)
    assert named == ["vmlinuz", "initrd.img"]
    for file in (*named, "metadata.json", "box.img", "Vagrantfile"):
        assert f" {file}" in packed, file


def test_the_guest_s_late_network_file_leaves_vagrant_s_own_the_first_word() -> None:
    names = re.findall(r"systemd/network/(\S+?)\"?$", BUILD, re.MULTILINE)
    assert names == ["99-control.network"]


@pytest.mark.skipif(not shutil.which("vagrant"), reason="vagrant is not installed: apt-get install vagrant")
def test_the_box_s_vagrantfile_is_valid(tmp_path: Path) -> None:
    machine = tmp_path / "machine"
    machine.mkdir()
    own = (BOX / "Vagrantfile").read_text(encoding="utf-8")
    (machine / "Vagrantfile").write_text(own + 'Vagrant.configure("2") { |config| config.vm.box = "sage-lab" }\n')
    place = {"VAGRANT_HOME": str(tmp_path / "home"), "VAGRANT_DEFAULT_PROVIDER": "libvirt"}
    ended = subprocess.run(
        ["vagrant", "validate"],
        cwd=machine,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **place},
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
