"""The supervisor as suites see it: repairs counted, its process found and killed. No node is needed for any of it."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from sage_cluster.state.holder import start_of
from SageLibrary.context import Stage
from SageLibrary.keywords.supervisor import SupervisorKeywords


@pytest.fixture
def words(stage: Stage) -> SupervisorKeywords:
    return SupervisorKeywords(stage)


def test_repairs_count_from_the_moment_on(words: SupervisorKeywords, stage: Stage) -> None:
    decided = {"event": "decided", "action": "start", "reason": "its raylet ended"}
    stage.operations.journal.record(node="worker-1", **decided)
    time.sleep(0.01)
    words.note_the_moment()
    words.nothing_should_have_been_repaired()
    stage.operations.journal.record(node="worker-2", **decided)
    words.repairs_should_have_been_at_most(1)
    with pytest.raises(AssertionError, match="worker-2: start: its raylet ended"):
        words.nothing_should_have_been_repaired()


def test_a_supervisor_is_found_and_killed_and_no_other_process(words: SupervisorKeywords, stage: Stage) -> None:
    with pytest.raises(AssertionError, match="the supervisor was gone"):
        words.the_supervisor()
    supervision = stage.supervision
    process = supervision.begin()
    assert process is not None
    supervision.await_running(process)
    assert words.the_supervisor() == process.pid
    words.kill_the_supervisor()
    assert process.wait(5) == -9


def test_a_process_that_is_no_supervisor_is_not_killed(words: SupervisorKeywords, stage: Stage) -> None:
    supervision = stage.supervision
    process = supervision.begin()
    assert process is not None
    supervision.await_running(process)
    words.the_supervisor()
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    lock = stage.lab.config_path.with_name(f".{stage.lab.config_path.name}.supervisor")
    supervisor = lock.read_text()
    lock.write_text(json.dumps({**json.loads(supervisor), "pid": stranger.pid, "start": start_of(stranger.pid)}))
    with pytest.raises(AssertionError, match="should be this cluster's supervisor"):
        words.kill_the_supervisor()
    assert stranger.poll() is None
    stranger.communicate()
    lock.write_text(supervisor)
    supervision.end()
    process.wait(5)
