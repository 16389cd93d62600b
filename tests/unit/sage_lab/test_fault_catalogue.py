"""The catalogue, and the options of its faults."""

import pytest

from sage_lab.faults import Family, FaultKind, FaultOptionError, UnknownFaultError, catalogue, kind_of
from sage_lab.faults.options import complete, parse, seconds


def test_every_kind_is_there_once_and_every_family_has_some() -> None:
    names = [entry.name for entry in catalogue()]
    assert len(names) == len(set(names))
    assert names == [kind.value for kind in FaultKind]
    assert {entry.family for entry in catalogue()} == set(Family)


def test_a_member_s_name_is_its_plain_name_in_capitals() -> None:
    assert FaultKind.READ_ONLY_TEMP_DIR == "read-only temp dir"
    for kind in FaultKind:
        assert kind.name == kind.value.replace(" ", "_").replace("-", "_").upper()
    with pytest.raises(AttributeError):
        _ = FaultKind.NO_SUCH_FAULT


@pytest.mark.parametrize("text", ["raylet killed", "Raylet-Killed", "RAYLET_KILLED", FaultKind.RAYLET_KILLED])
def test_a_kind_is_found_however_it_is_written(text: str) -> None:
    assert kind_of(text).name == "raylet killed"


def test_a_wrong_name_is_told_with_the_near_ones() -> None:
    with pytest.raises(UnknownFaultError, match="raylet killed"):
        kind_of("raylet kiled")


def test_options_are_filled_in_and_text_becomes_numbers() -> None:
    assert complete(kind_of("lossy"), {}) == {"percent": 10.0}
    assert complete(kind_of("port cut"), {"port": "8265"}) == {"port": 8265}


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("lossy", {"percent": "many"}, "use a number"),
        ("lossy", {"percent": 101}, "use 0.1 to 100"),
        ("port cut", {"port": 0}, "use 1 to 65535"),
        ("port cut", {"ports": 1}, "options: port"),
        ("halves", {"controller": "nowhere"}, "use rest or both"),
        ("frozen", {"x": 1}, "options: none"),
    ],
)
def test_a_wrong_option_is_told_with_what_would_do(kind: str, given: dict[str, object], said: str) -> None:
    with pytest.raises(FaultOptionError) as raised:
        complete(kind_of(kind), given)
    assert said in str(raised.value)


def test_options_as_a_person_writes_them() -> None:
    assert parse(("percent=20", "path=/a=b")) == {"percent": "20", "path": "/a=b"}
    with pytest.raises(FaultOptionError, match="no option"):
        parse(("percent",))


@pytest.mark.parametrize(("text", "value"), [("30s", 30), ("1m30s", 90), ("500ms", 0.5), ("2", 2), ("1 min", 60)])
def test_a_length_of_time(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "soon", "3x", "-1", "inf", "5s later"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(FaultOptionError):
        seconds(text)
