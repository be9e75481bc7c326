"""The containers' description, checked by all that can be checked without an engine."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.cli.command_line import command_line
from services.settings import Settings, load_settings, variable_name

REPOSITORY = Path(__file__).resolve().parent.parent.parent
COMPOSE = REPOSITORY / "deploy" / "compose.yaml"
OWN_SERVICES = ("migrate", "ingest", "projector", "query", "cases")
# Top-level keys and keys of a service in the Compose Specification that we have use for.
TOP_KEYS = {"name", "services", "networks", "volumes"}
SERVICE_KEYS = {
    *("build", "image", "command", "environment", "healthcheck", "depends_on", "ports", "volumes", "networks"),
    *("deploy", "init", "read_only", "tmpfs", "cap_drop", "security_opt", "restart", "stop_grace_period"),
    *("shm_size", "mem_limit"),
}
DURATION = re.compile(r"\d+(ms|s|m|h)")


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return loaded


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, continued lines joined, comments left out."""
    text = (REPOSITORY / "deploy" / "Dockerfile").read_text()
    lines = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", text)).splitlines()
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines if line.strip()]


def last_stage() -> list[tuple[str, str]]:
    found = instructions()
    start = max(number for number, (name, _) in enumerate(found) if name == "FROM")
    return found[start:]


def test_compose_has_only_keys_of_the_specification() -> None:
    document = compose()
    assert {key for key in document if not key.startswith("x-")} <= TOP_KEYS
    for name, service in services().items():
        assert set(service) <= SERVICE_KEYS, name


def test_everything_a_service_names_is_there() -> None:
    document = compose()
    for name, service in services().items():
        assert set(service["networks"]) <= set(document["networks"]), name
        assert set(service.get("depends_on", {})) <= set(services()), name
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in document["volumes"], name


def test_every_service_has_a_healthcheck() -> None:
    for name, service in services().items():
        check = service["healthcheck"]
        if check.get("disable"):
            # One that ends cannot be asked how it is; others wait for it to have succeeded.
            assert service["restart"] == "no", name
            continue
        assert check["test"][0] in {"CMD", "CMD-SHELL"}, name
        for key in ("interval", "timeout", "start_period"):
            assert DURATION.fullmatch(check[key]), (name, key)


def test_services_wait_for_what_they_need() -> None:
    for name, service in services().items():
        for other, how in service.get("depends_on", {}).items():
            ends = bool(services()[other]["healthcheck"].get("disable"))
            expected = "service_completed_successfully" if ends else "service_healthy"
            assert how["condition"] == expected, (name, other)


@pytest.mark.parametrize("name", OWN_SERVICES)
def test_every_command_is_one_of_zhuisu(name: str) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line("en")(args=[*services()[name]["command"], "--help"], prog_name="zhuisu")
    assert ended.value.code == 0


@pytest.mark.parametrize("name", OWN_SERVICES)
def test_every_variable_is_a_setting_and_its_value_is_valid(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {variable_name(field) for field in Settings.model_fields}
    environment = services()[name]["environment"]
    assert {variable for variable in environment if variable.startswith("ZHUISU_")} <= known
    for variable, value in environment.items():
        monkeypatch.setenv(variable, re.sub(r"\$\{\w+:\?[^}]*\}", "x" * 32, value))
    assert load_settings().log == "kafka"


def test_no_secret_has_a_value_in_the_file() -> None:
    text = COMPOSE.read_text()
    for variable in re.findall(r"\$\{[^}]*\}", text):
        assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", variable), f"{variable} may be left empty"
    for name, service in services().items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|_KEY|DATABASE_URL", variable):
                assert "${" in value, (name, variable)


def test_every_variable_to_fill_in_is_in_the_example() -> None:
    wanted = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE.read_text()))
    example = (REPOSITORY / "deploy" / ".env.example").read_text()
    assert dict(re.findall(r"(?m)^([A-Z_]+)=(.*)$", example)) == dict.fromkeys(wanted, "")


def test_nothing_listens_beyond_this_machine() -> None:
    for name, service in services().items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name
    assert compose()["networks"]["inside"]["internal"]


def test_replicas_have_a_host_port_each() -> None:
    for name, service in services().items():
        for port in service.get("ports", []):
            low, _, high = port.split(":")[1].partition("-")
            assert int(high or low) - int(low) + 1 == service.get("deploy", {}).get("replicas", 1), name


def test_there_are_brokers_for_the_copies_that_are_asked_for() -> None:
    brokers = [name for name in services() if name.startswith("kafka")]
    environment = services()["ingest"]["environment"]
    assert int(environment["ZHUISU_KAFKA_REPLICATION_FACTOR"]) == len(brokers)
    assert environment["ZHUISU_KAFKA_BOOTSTRAP_SERVERS"] == ",".join(f"{name}:9092" for name in brokers)
    for number, name in enumerate(brokers, start=1):
        broker = services()[name]["environment"]
        assert (broker["KAFKA_NODE_ID"], broker["KAFKA_ADVERTISED_LISTENERS"]) == (
            str(number),
            f"PLAINTEXT://{name}:9092",
        )
        assert f"{number}@{name}:9093" in broker["KAFKA_CONTROLLER_QUORUM_VOTERS"].split(",")


def test_the_image_is_built_in_stages_and_runs_as_nobody_special() -> None:
    names = [name for name, _ in instructions()]
    assert names.count("FROM") >= 2
    user = [argument for name, argument in last_stage() if name == "USER"][-1]
    assert int(user.split(":")[0]) > 0
    assert any(name == "COPY" and argument.startswith("--from=build") for name, argument in last_stage())


def test_the_image_tells_its_health_and_takes_nothing_from_the_network_unhashed() -> None:
    checks = [argument for name, argument in last_stage() if name == "HEALTHCHECK"]
    assert len(checks) == 1
    assert "/healthz" in checks[0]
    assert not [argument for name, argument in instructions() if name == "ADD"]
    for name, argument in instructions():
        if name == "RUN":
            assert not re.search(r"\b(curl|wget)\b", argument)
            for command in re.findall(r"pip (?:install|wheel) ([^&]*)", argument):
                assert "--require-hashes" in command or "--no-deps" in command, command


def test_the_image_sets_only_settings_that_are_there() -> None:
    known = {variable_name(field) for field in Settings.model_fields}
    for name, argument in instructions():
        if name == "ENV":
            assert set(re.findall(r"ZHUISU_\w+", argument)) <= known


def test_what_the_image_copies_is_let_in() -> None:
    let_in = {line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for name, argument in instructions():
        if name == "COPY" and not argument.startswith("--from"):
            assert set(argument.split()[:-1]) <= let_in
