"""What each word means that is no keyword: faults, targets, states, problems, arguments and times."""

from __future__ import annotations

from dataclasses import dataclass

from sage_cluster import NodeState
from sage_cluster.supervision.health import Health
from sage_lab.faults.catalogue import catalogue
from SageLibrary.arguments import times
from SageLibrary.arguments.vocabulary import plain, word_of
from SageLibrary.chinese.words import words
from SageLibrary.keywords.connection import SshProblem
from SageLibrary.reference.arguments import ARGUMENTS

TARGETS = {
    "the head": "The head.",
    "one worker": "The last worker of the lab.",
    "two workers": "The first two workers.",
    "all workers": "Every worker of the lab; a spare is no worker.",
    "every node": "The head and every worker.",
}
STATES = {
    NodeState.RUNNING: "Its raylet runs and Ray calls it ALIVE.",
    NodeState.STOPPED: "It answers and has no process of this cluster.",
    NodeState.UNREACHABLE: "It does not answer, and Ray does not count on it.",
    NodeState.CUT_OFF: "It does not answer, though Ray calls it ALIVE.",
    NodeState.UNREGISTERED: "Its raylet runs, but Ray does not call it ALIVE.",
    NodeState.HUNG: "Its raylet, or the head's GCS, exists but does not answer.",
    NodeState.INCOMPLETE: "Processes of the cluster are left, but no raylet, or no GCS on the head.",
}
SUPERVISED = {
    Health.RUNNING: "All is well.",
    Health.SUSPECT: "Something is wrong, but it may pass, or is only reported.",
    Health.LOST: "It does not work; it is repaired, or waited for while it cannot be reached.",
    Health.RECOVERING: "A repair is under way.",
    Health.QUARANTINED: "Repairs did not help: a person has to look.",
}
PROBLEMS = {
    SshProblem.UNKNOWN_HOST: "The name does not resolve.",
    SshProblem.REFUSED: "The machine answers, but no SSH server listens.",
    SshProblem.NO_ANSWER: "Nothing answers: power, cable or firewall.",
    SshProblem.WRONG_KEY: "The key or the user is refused.",
    SshProblem.UNKNOWN_HOST_KEY: "The host's key is in no known hosts file.",
    SshProblem.CHANGED_HOST_KEY: "The host shows another key than the one on file.",
    SshProblem.COMMAND_TOO_SLOW: "The command ran beyond its deadline.",
    SshProblem.BROKEN: "The connection ended in the midst.",
}
NODES = {
    "head": "The head.",
    "worker-1": "The first worker; worker-2 and so on are the others.",
    "new-worker": "The spare: up and reachable, but not in the cluster.",
}


@dataclass(frozen=True)
class Value:
    """One word. ``kind`` is the set that it belongs to, ``chinese`` may be empty."""

    kind: str
    word: str
    meaning: str
    chinese: str = ""


def values() -> list[Value]:
    """All of them, set by set."""
    chinese = words()
    found = []
    for kind in catalogue():
        options = "".join(f" {option.name}={option.default}: {option.meaning}." for option in kind.options)
        said = chinese.faults.get(plain(kind.name), "")
        found.append(Value(f"{kind.family.value} fault", kind.name, kind.does + options, said))
    found += [Value("target", word, meaning, chinese.targets.get(word, "")) for word, meaning in TARGETS.items()]
    found += [Value("node", word, meaning) for word, meaning in NODES.items()]
    for name, members, translated in (
        ("state", STATES, chinese.states),
        ("supervised state", SUPERVISED, chinese.supervised_states),
        ("problem of SSH", PROBLEMS, chinese.problems),
    ):
        for member, meaning in members.items():
            found.append(Value(name, word_of(member), meaning, translated.get(word_of(member), "")))
    found += [Value("argument", name, said, chinese.arguments.get(name, "")) for name, said in ARGUMENTS.items()]
    found += [Value("time", example, "A length of time; a bare number is seconds.") for example in times.EXAMPLES]
    return found
