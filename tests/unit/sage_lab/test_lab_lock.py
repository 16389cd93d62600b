"""The lock of a lab: one holder, named to the others, freed by any end of the holder."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from sage_lab import LabBusyError
from sage_lab.machine import lock

HOLD = textwrap.dedent(
    """
    import subprocess, sys, time
    from pathlib import Path
    from sage_lab.machine import commands, lock
    with lock.hold(Path(sys.argv[1])):
        print("held", flush=True)
        commands.run(["sleep", "1000"], timeout=1000)
    """
)


def test_the_lock_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "home" / "lab.lock"
    with lock.hold(path):
        assert path.exists()
        assert lock.is_held(path)
        assert lock.held_descriptors()
    assert not path.exists()
    assert not lock.is_held(path)
    assert lock.held_descriptors() == ()


def test_a_second_caller_is_told_who_holds_it_and_a_dead_holder_does_not_block(tmp_path: Path) -> None:
    path = tmp_path / "lab.lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LabBusyError, match=f"process {holder.pid} "), lock.hold(path, deadline=0.1):
            pass
    finally:
        holder.kill()
        holder.communicate()
    # The holder's command dies with it, and only then the lock is free.
    with lock.hold(path, deadline=10):
        assert path.read_text() != f"{holder.pid}\n"
