"""Workers' addresses, and the three forms of the worker list."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_cluster.config.check import doubts
from sage_cluster.config.schema import Config, Worker, parse_worker, parse_workers
from sage_cluster.config_manager import ConfigManager
from sage_cluster.errors import ConfigError

pytestmark = pytest.mark.filterwarnings("ignore::sage_cluster.config.check.ConfigWarning")

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,12}(\.[a-z0-9]{1,5})?", fullmatch=True)
HOSTS = NAMES | st.ip_addresses().map(str)
PORTS = st.integers(1, 65535)
WORKERS = st.lists(st.tuples(HOSTS, PORTS), max_size=5, unique=True)

FORMS = {
    "text": 'workers_ssh_hosts: "h1:22,h2:2222"  # mine\n',
    "list": "workers_ssh_hosts:\n  - host: h1  # one\n    port: 22\n  # two\n  - port: 2222\n    host: h2\n\n# end\n",
    "ssh": "ssh:\n    user:   'me'\n    workers: [ {host: h1}, {host: h2, port: 2222} ] # mine\n"
    "workers_ssh_hosts: old:1\n",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("final", [True, False])
def test_each_form_loads_and_survives_updates(tmp_path: Path, form: str, newline: str, final: bool) -> None:
    text = FORMS[form] if final else FORMS[form].rstrip("\n")
    before = text.replace("\n", newline).encode()
    file = tmp_path / "config.yaml"
    file.write_bytes(before)
    manager = ConfigManager(file)
    assert manager.get_workers_ssh_hosts() == [("h1", 22), ("h2", 2222)]

    assert manager.add_worker_ssh_host("h3", 23)
    assert manager.get_workers_ssh_hosts() == [("h1", 22), ("h2", 2222), ("h3", 23)]
    assert not manager.add_worker_ssh_host("h3", 23)
    assert manager.remove_worker_ssh_host("h3", 23)
    assert not manager.remove_worker_ssh_host("h3", 23)
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("form", "wanted"),
    [
        ("text", 'workers_ssh_hosts: "h1:22,h2:2222,h3:22"  # mine\n'),
        ("list", FORMS["list"].replace("host: h2\n", "host: h2\n  - host: h3\n    port: 22\n")),
        ("ssh", FORMS["ssh"].replace("2222}", "2222}, {host: h3, port: 22}")),
    ],
)
def test_an_update_writes_the_form_of_the_file(tmp_path: Path, form: str, wanted: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(FORMS[form])
    assert ConfigManager(file).add_worker_ssh_host("h3")
    assert file.read_text() == wanted


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        ("", "workers_ssh_hosts:\n- host: h\n  port: 22\n"),
        ("# only this", "# only this\nworkers_ssh_hosts:\n- host: h\n  port: 22\n"),
        ("head:  # mine\n", "head:  # mine\nworkers_ssh_hosts:\n- host: h\n  port: 22\n"),
        ("workers_ssh_hosts:  # none\n", "workers_ssh_hosts: [{host: h, port: 22}]  # none\n"),
        ("ssh: {workers: []}\n", "ssh: {workers: [{host: h, port: 22}]}\n"),
        ("workers_ssh_hosts: ''\n", "workers_ssh_hosts: 'h:22'\n"),
    ],
)
def test_the_first_worker_goes_where_load_reads(tmp_path: Path, before: str, wanted: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(before)
    manager = ConfigManager(file)
    assert manager.add_worker_ssh_host("h")
    assert file.read_text() == wanted
    assert manager.get_workers_ssh_hosts() == [("h", 22)]


@pytest.mark.parametrize("form", FORMS)
def test_the_last_worker_can_go_and_comments_stay(tmp_path: Path, form: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(FORMS[form])
    manager = ConfigManager(file)
    manager.remove_worker_ssh_host("h1")
    manager.remove_worker_ssh_host("h2", 2222)
    assert manager.get_workers_ssh_hosts() == []
    kept = file.read_text()
    assert ("# two" in kept and "# end" in kept) if form == "list" else "# mine" in kept


@given(WORKERS)
def test_text_form_round_trip(workers: list[tuple[str, int]]) -> None:
    models = [Worker(host=host, port=port) for host, port in workers]
    text = ",".join(str(worker) for worker in models)
    assert Config(workers_ssh_hosts=text).workers == tuple(models)  # type: ignore[arg-type]
    assert [parse_worker(str(worker)) for worker in models] == models


@given(
    workers=WORKERS,
    new=st.tuples(HOSTS, PORTS),
    form=st.sampled_from(["text", "quoted", "flow", "block"]),
    indent=st.sampled_from(["", "  ", "    "]),
    gap=st.sampled_from([" ", "   "]),
    around=st.tuples(
        st.sampled_from(["", "# top\n\n", "zoo: {a: [1,  2]}\n"]), st.sampled_from(["", "\n# end", "x: 'y'\n"])
    ),
    inside_ssh=st.booleans(),
    comment=st.sampled_from(["", "  # why"]),
)
def test_add_then_remove_gives_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory,
    workers: list[tuple[str, int]],
    new: tuple[str, int],
    form: str,
    indent: str,
    gap: str,
    around: tuple[str, str],
    inside_ssh: bool,
    comment: str,
) -> None:
    if new in workers:
        workers = [worker for worker in workers if worker != new]
    joined = ",".join(str(Worker(host=host, port=port)) for host, port in workers)
    # JSON is YAML: names such as "on" and addresses such as "::1" stay text.
    flow = ", ".join(f'{{host:{gap}"{host}", port: {port}}}' for host, port in workers)
    block = "".join(f'\n{indent}-{gap}host: "{host}"{comment}\n{indent} {gap}port: {port}' for host, port in workers)
    # Plain text must not look like a flow list, nor like nothing.
    plain_form = form == "text" and workers and not joined.startswith("[") and not joined[0].isdigit()
    value = {"flow": f" [{flow}]", "block": block or " []"}.get(form, f" {joined}" if plain_form else f' "{joined}"')
    section = f"workers_ssh_hosts:{value}"
    if inside_ssh:
        section = "ssh:\n  workers:" + value.replace("\n", "\n  ")
    file = tmp_path_factory.mktemp("generated") / "config.yaml"
    before = (around[0] + section + comment + "\n" + around[1]).encode()
    file.write_bytes(before)
    manager = ConfigManager(file)
    assert manager.get_workers_ssh_hosts() == workers
    assert manager.add_worker_ssh_host(*new)
    assert manager.get_workers_ssh_hosts() == [*workers, new]
    assert manager.remove_worker_ssh_host(*new)
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    "text", ["", "-oProxyCommand=x:22", "a b:22", "a;b", "a:0", "a:65536", "a:x", "a:", "::1:22", "[x y]:1", "$(id)"]
)
def test_a_bad_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected") as caught:
        parse_worker(text)
    assert caught.value.fix


def test_a_bad_worker_never_reaches_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(FORMS["text"])
    with pytest.raises(ConfigError, match="port is 70000, expected a port from 1 to 65535"):
        ConfigManager(file).add_worker_ssh_host("h", 70000)
    assert file.read_text() == FORMS["text"]


@pytest.mark.parametrize(
    ("head", "workers", "names"),
    [
        ("h", "a:22,b:22,b:2222", ["a", "b", "b:2222"]),
        ("h", "b:2222,b:22", ["b", "b:22"]),
        ("box", "box:22,box:2222", ["box:22", "box:2222"]),
        ("h", "[::1]:22,[::1]:23", ["::1", "[::1]:23"]),
        ("h", [{"host": "a", "name": "b"}, {"host": "b"}], ["b", "b:22"]),
        ("h", [{"host": "a"}, {"host": "b", "name": "a"}], ["a:22", "a"]),
    ],
)
def test_no_two_nodes_have_one_name(head: str, workers: object, names: list[str]) -> None:
    config = Config.model_validate({"head": {"host": head}, "workers_ssh_hosts": workers})
    assert list(config.worker_names().values()) == names


@pytest.mark.parametrize(
    "workers",
    [
        "[{host: a, name: h}]",
        "[{host: a, name: x}, {host: b, name: x}]",
        "[{host: a, name: 'b:22'}, {host: b, name: h}]",
    ],
)
def test_a_name_that_is_given_twice_is_refused(tmp_path: Path, workers: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"head: {{host: h}}\nworkers_ssh_hosts: {workers}\n")
    with pytest.raises(ConfigError, match=r"each node by a name of its own, but two are named (h|x):"):
        ConfigManager(file).load()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            'workers_ssh_hosts: "box:22,box:2222,c:22" # mine\n',
            "workers_ssh_hosts: [{host: box, port: 2222, name: 'box:2222'}, {host: c, port: 22}] # mine\n",
        ),
        (
            "workers_ssh_hosts:\n- host: box # old\n- host: box # new\n  port: 2222\n- host: c\n  # last\n",
            "workers_ssh_hosts:\n- host: box # new\n  port: 2222\n  name: box:2222\n- host: c\n  # last\n",
        ),
        (
            "ssh: {workers: [{host: box}, {host: box, port: 2222}]}\n",
            "ssh: {workers: [{host: box, port: 2222, name: 'box:2222'}]}\n",
        ),
    ],
)
def test_a_worker_keeps_its_name_when_its_namesake_leaves(tmp_path: Path, before: str, after: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(before)
    manager = ConfigManager(file)
    names = manager.load().worker_names()
    assert manager.remove_worker_ssh_host("box", 22)
    assert manager.load().worker_names().items() <= names.items()
    assert file.read_text() == after
    assert manager.add_worker_ssh_host("box", 22)
    assert manager.load().worker_names() == {**names, ("box", 22): "box"}


def test_a_name_that_is_known_before_the_worker_is_configured_is_kept(tmp_path: Path) -> None:
    """Of "scale add box:22 box:2222" the first may fail."""
    file = tmp_path / "config.yaml"
    file.write_text("workers_ssh_hosts: ''\n")
    manager = ConfigManager(file)
    assert manager.add_worker_ssh_host("box", 2222, name="box:2222")
    assert manager.add_worker_ssh_host("c", 22, name="c")
    assert manager.load().worker_names() == {("box", 2222): "box:2222", ("c", 22): "c"}


def test_head_and_worker_with_one_directory_on_one_machine_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    text = "head: {host: HEAD, temp_dir: /tmp/r}\nworker: {temp_dir: /tmp/r/}\nworkers_ssh_hosts: [{host: localhost}]\n"
    for host in ("localhost", "127.0.0.1"):
        file.write_text(text.replace("HEAD", host))
        with pytest.raises(ConfigError, match=r"a temp_dir for each node, but worker localhost:22 is on the head's"):
            ConfigManager(file).load()
    for good in (text.replace("HEAD", "other"), text.replace("HEAD, temp_dir: /tmp/r", "localhost, temp_dir: /tmp/h")):
        file.write_text(good)
        ConfigManager(file).load()


@pytest.mark.parametrize(
    ("text", "doubted"),
    [
        ("workers_ssh_hosts: box:22,box:2222,c\n", ["box:22", "box:2222"]),
        ("head: {host: a, temp_dir: /tmp/r}\nworker: {temp_dir: /tmp/r}\nworkers_ssh_hosts: a:23,b\n", ["a:23"]),
        ("head: {host: a}\nworkers_ssh_hosts: a,b\n", []),
    ],
)
def test_workers_that_may_be_on_one_machine_are_doubted(tmp_path: Path, text: str, doubted: list[str]) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    said = list(doubts(ConfigManager(file).load()))
    assert [line.split()[1] for line in said if "machine of its own" in line] == doubted


def test_several_workers_are_read_in_order() -> None:
    assert [str(worker) for worker in parse_workers("b:2222, a")] == ["b:2222", "a:22"]


@pytest.mark.parametrize("text", ["", "a,", "a,,b", "a:22,a", "a:x,b"])
def test_what_is_no_list_of_workers_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_workers(text)
