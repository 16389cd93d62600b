"""The Chinese vocabulary: nothing is missing, what is wrong is said in Chinese, and the twin suite says the same."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from pathlib import Path

import pytest
from robot.api import ExecutionResult
from robot.api import TestSuite as Suite
from robot.libdocpkg import LibraryDocumentation

from sage_cluster import NodeState
from sage_cluster.supervision.health import Health
from sage_lab.faults import FaultKind
from SageLibrary.arguments.target import WORDS as TARGETS
from SageLibrary.arguments.vocabulary import word_of
from SageLibrary.chinese import Chinese
from SageLibrary.chinese.words import words, words_of_resource
from SageLibrary.keywords.connection import SshProblem
from tests.support.robot_runs import run_module

ROOT = Path(__file__).parents[3]
RESOURCE = ROOT / "resources/zh-CN/cluster.resource"
ADD = "add what is missing to resources/zh-CN/keywords.yaml or words.yaml"
ENGLISH = LibraryDocumentation("SageLibrary").keywords
PREFIXES = ("假定", "当", "那么", "并且", "但是", "Given", "When", "Then", "And", "But")


def plain(members: Iterable[Enum]) -> set[str]:
    return {word_of(member) for member in members}


def test_every_keyword_and_argument_has_chinese_words() -> None:
    assert {keyword.name for keyword in ENGLISH} == set(words().keywords), ADD
    assert {argument.name for keyword in ENGLISH for argument in keyword.args} == set(words().arguments), ADD
    assert all(name and doc for name, doc in words().keywords.values())


@pytest.mark.parametrize(
    ("members", "section"),
    [
        (plain(FaultKind), words().faults),
        (plain(NodeState), words().states),
        (plain(Health), words().supervised_states),
        (plain(SshProblem), words().problems),
        (set(TARGETS), words().targets),
    ],
    ids=["faults", "states", "supervised", "problems", "targets"],
)
def test_every_value_has_a_chinese_word_of_its_own(members: set[str], section: dict[str, str]) -> None:
    assert members == set(section), ADD
    assert len(set(section.values())) == len(section)


def test_no_two_keywords_have_one_name() -> None:
    names = [name for name, _ in words().keywords.values()] + list(words_of_resource("cluster.resource").values())
    assert len(names) == len(set(names))
    assert len(Chinese().get_keyword_names()) == len(words().keywords)


WRONG = {
    "注入故障    raylet被杀    一个工作节点": "故障: “raylet被杀”不是故障，是不是“raylet被杀死”？",
    "注入故障    冻结    一个节点": "目标: “一个节点”不是故障的目标，是不是“一个工作节点”？",
    "节点状态应为    worker-1    运型": "状态: “运型”不是节点状态，是不是“运行”？",
    "节点状态应为    wroker-1    运行": "节点: “wroker-1”不是节点名，是不是“worker-1”？",
    "节点状态应为    head    运行    限时=5 秒种": "限时: “5 秒种”不是时间。时间写作：30 秒",
    "伸缩集群    增加    new-worker": "'增加'",
    "启动集": "Did you mean:\n    SageLibrary.chinese.Chinese.启动集群",
}
RIGHT = [
    "注入故障    GCS被杀死    头节点",
    "故障应被修复    断电    worker-1    4 秒    发现=5 秒    修复=1 分 30 秒",
    "节点状态应为    head    running    限时=500 毫秒",
    "伸缩集群    添加    new-worker:22",
]


def robot(directory: Path, lines: list[str], *options: str) -> str:
    suite = directory / "lines.robot"
    head = ["Language: zh-CN", "*** 设置 ***", f"资源文件    {RESOURCE}", "*** 用例 ***"]
    suite.write_text("\n".join([*head, *(f"用例 {n}\n    假定 {line}" for n, line in enumerate(lines))]) + "\n")
    words = ["--outputdir", str(directory), "--consolecolors", "off", "--log", "none", "--report", "none", *options]
    done = run_module("robot", *words, suite.name, cwd=directory)
    return done.stdout + done.stderr


def test_a_dry_run_says_in_chinese_what_is_wrong_and_where(tmp_path: Path) -> None:
    said = robot(tmp_path, [*WRONG, *RIGHT], "--dryrun")
    for number, line in enumerate(WRONG):
        (found,) = [part for part in said.split("lines.robot:")[1:] if part.startswith(f"{6 + 2 * number}: ")]
        assert WRONG[line] in found
    assert f"{len(RIGHT)} passed, {len(WRONG)} failed" in said


def test_chinese_words_run(tmp_path: Path) -> None:
    lines = [
        "工作节点应读作    workers_ssh_hosts: a,b:2222    a:22, b:2222",
        "同时写入不应丢失    写入者数=3",
        "工作节点应读作    workers_ssh_hosts: a    b:22",
    ]
    robot(tmp_path, lines)
    passed, named, failed = ExecutionResult(str(tmp_path / "output.xml")).suite.tests
    assert (passed.status, named.status, failed.status) == ("PASS", "PASS", "FAIL")
    assert failed.message == "the workers were 'a:22', should be 'b:22'"


def steps(suite: Path, english: dict[str, str]) -> list[list[tuple[str, int]]]:
    """For each test: the English name of each step and how many arguments it has, the teardown last."""
    tests = []
    for test in Suite.from_file_system(str(suite)).tests:
        calls = [*test.body, *([test.teardown] if test.has_teardown else [])]
        named = []
        for call in calls:
            first, _, rest = call.name.partition(" ")
            name = rest if first in PREFIXES else call.name
            named.append((english.get(name, name), len(call.args)))
        tests.append(named)
    return tests


def test_the_twin_of_the_lifecycle_suite_says_the_same() -> None:
    english = {chinese: name for name, (chinese, _) in words().keywords.items()}
    english |= {chinese: name for name, chinese in words_of_resource("cluster.resource").items()}
    assert steps(ROOT / "robot/zh-CN/lifecycle.robot", english) == steps(ROOT / "robot/lifecycle.robot", {})


def test_every_word_of_the_resource_has_its_chinese_one() -> None:
    keywords = LibraryDocumentation(str(ROOT / "resources/cluster.resource")).keywords
    assert sorted(words_of_resource("cluster.resource")) == sorted(keyword.name for keyword in keywords), (
        f"add it to {RESOURCE}"
    )
