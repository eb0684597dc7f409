"""The image and the compose file, as far as they can be tried without Docker."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from compose_spec import PyCompose
from psycopg import sql
from psycopg.errors import InsufficientPrivilege, ReadOnlySqlTransaction
from typer.testing import CliRunner

from deploy.cli.app import app
from deploy.health import PORTS, served
from deploy.local import postgres
from deploy.local.ports import free_ports
from schemas import settings
from schemas.read_models import GATEWAY_ROLE
from schemas.settings import Settings
from sinks.connection import connect
from tests.deploy.promql import ROOT
from tests.deploy.test_migrations import fill, login_url, tenants_in

TEXT = (ROOT / "docker-compose.yml").read_text()
EXAMPLE = (ROOT / "deploy" / "compose.env.example").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
LOGINS = ROOT / "deploy" / "postgres" / "logins.sql"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

VARIABLE = re.compile(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}")
ONCE = {"migrate", "logins", "rollcall"}
"""What ends by itself."""
OURS = {"migrate", "rollcall", *PORTS}
"""What runs in our own image."""
STAGES = sorted(PORTS)


def variables(text: str) -> dict[str, str]:
    """What a file of variables says."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The file of secrets, made by the command that its example shows."""
    (command,) = re.findall(r"^# +(umask .*)$", EXAMPLE, re.MULTILINE)
    folder = tmp_path_factory.mktemp("compose")
    (folder / "deploy").mkdir()
    (folder / "deploy" / "compose.env.example").write_text(EXAMPLE)
    subprocess.run(["sh", "-c", command], cwd=folder, check=True)
    file = folder / "deploy" / "compose.env"
    assert file.stat().st_mode & 0o077 == 0, "others can read the secrets"
    return variables(file.read_text())


@pytest.fixture(scope="module")
def whole(made: dict[str, str]) -> Any:
    """The compose file as Docker would read it with those secrets."""
    filled = VARIABLE.sub(lambda found: made.get(found[1]) or found[3], TEXT)
    return yaml.safe_load(filled)


@pytest.fixture(scope="module")
def services(whole: Any) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = whole["services"]
    return found


def copied() -> list[str]:
    """What the Dockerfile takes out of the repository."""
    lines = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
    return [source for line in lines for source in line.split()]


def test_each_secret_is_made_anew_and_long_enough(made: dict[str, str]) -> None:
    secrets = [made[name] for name, value in variables(EXAMPLE).items() if not value]
    assert len(secrets) == len(set(secrets))
    assert all(re.fullmatch(r"[0-9a-f]{48}", secret) for secret in secrets)


def test_a_secret_that_is_missing_is_said_with_what_to_do() -> None:
    asked = {name: (kind, text) for name, kind, text in VARIABLE.findall(TEXT)}
    assert asked.keys() == variables(EXAMPLE).keys()
    for name, value in variables(EXAMPLE).items():
        kind, text = asked[name]
        if value:
            assert (kind, text) == (":-", value), "the default and the example differ"
        else:
            assert kind == ":?"
            assert re.search(r"compose\.env\.example|WorkOS shows it", text)


def test_it_is_what_the_compose_specification_allows(
    whole: Any, services: dict[str, dict[str, Any]]
) -> None:
    assert set(PyCompose.from_yaml(yaml.safe_dump(whole)).service_names()) == services.keys()
    services_with_a_typo = {**services, "kafka": {**services["kafka"], "mem_limitt": "2g"}}
    with pytest.raises(ValueError, match="mem_limitt"):
        PyCompose.from_yaml(yaml.safe_dump({"services": services_with_a_typo}))


def test_each_service_is_bounded_watched_and_started_again(
    services: dict[str, dict[str, Any]],
) -> None:
    for name, service in services.items():
        assert re.fullmatch(r"\d+[mg]", service["mem_limit"]), name
        assert service["logging"]["options"]["max-size"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        once = name in ONCE
        assert service["restart"] == ("no" if once else "always"), name
        assert once == (service["healthcheck"].get("disable") is True), name
        assert once or service["healthcheck"]["test"][0] == "CMD", name
    for name in OURS:
        assert services[name]["read_only"], name
        assert services[name]["cap_drop"] == ["ALL"], name


def test_images_are_pinned(services: dict[str, dict[str, Any]]) -> None:
    images = {service["image"] for service in services.values()}
    bases = set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))
    assert len(bases) == 1
    assert all(re.search(r":v?\d+\.\d+", image) for image in images | bases)
    assert f"rollcall:{PROJECT['project']['version']}" in images
    pom = (ROOT / "deploy" / "kafka" / "pom.xml").read_text()
    (kafka,) = re.findall(r"kafka_2\.13</artifactId>\s*<version>(.*?)</version>", pom)
    assert f"apache/kafka:{kafka}" in images
    assert {services[name]["image"] for name in OURS} == {
        f"rollcall:{PROJECT['project']['version']}"
    }


def test_only_three_ports_are_published_and_only_to_this_host(
    services: dict[str, dict[str, Any]],
) -> None:
    published = {name: each["ports"] for name, each in services.items() if "ports" in each}
    assert published == {
        "gateway": ["127.0.0.1:8080:8080"],
        "prometheus": ["127.0.0.1:9090:9090"],
        "grafana": ["127.0.0.1:3000:3000"],
    }


def spoken_to(service: dict[str, Any], names: set[str]) -> set[str]:
    """Whom a service speaks to, by its environment and by the configuration that it mounts."""
    told = [f"{name}={value}" for name, value in service.get("environment", {}).items()]
    mounted = [each.split(":")[0] for each in service.get("volumes", [])]
    for path in (ROOT / each for each in mounted if each.startswith(".")):
        told += [file.read_text() for file in [path, *path.rglob("*.yml")] if file.is_file()]
    said = "\n".join(told)
    at = r"\b{0}:\d{{4}}\b|^PGHOST={0}$"
    return {each for each in names if re.search(at.format(each), said, re.MULTILINE)}


def test_who_must_talk_shares_a_network_and_who_watches_has_no_way_to_kafka(
    services: dict[str, dict[str, Any]],
) -> None:
    networks = {name: set(each.get("networks", ["default"])) for name, each in services.items()}
    talks = {name: spoken_to(each, set(services)) - {name} for name, each in services.items()}
    stores = {"kafka", "postgres"}
    assert talks == {
        **{name: set() for name in stores},
        "prometheus": set(STAGES),
        "grafana": {"prometheus", "postgres"},
        **dict.fromkeys((*STAGES, "migrate"), stores),
        "logins": {"postgres"},
        "rollcall": {*stores, "gateway"},
    }
    for name, others in talks.items():
        assert all(networks[name] & networks[other] for other in others), name
    for name in ("prometheus", "grafana"):
        assert not networks[name] & networks["kafka"], name


def test_what_is_mounted_is_there(whole: Any, services: dict[str, dict[str, Any]]) -> None:
    mounts = [mount for each in services.values() for mount in each.get("volumes", [])]
    sources = {mount.split(":")[0]: mount for mount in mounts}
    for source, mount in sources.items():
        if source.startswith("."):
            assert (ROOT / source).exists(), source
            assert mount.endswith(":ro"), source
    assert {source for source in sources if not source.startswith(".")} == whole["volumes"].keys()


def test_nobody_starts_before_what_it_needs(services: dict[str, dict[str, Any]]) -> None:
    for name in STAGES:
        assert services[name]["depends_on"] == {
            "kafka": {"condition": "service_healthy"},
            "postgres": {"condition": "service_healthy"},
            "migrate": {"condition": "service_completed_successfully"},
            "logins": {"condition": "service_completed_successfully"},
        }
    assert services["logins"]["depends_on"]["migrate"]["condition"].endswith("successfully")


@pytest.mark.parametrize("name", sorted(OURS))
def test_settings_are_those_that_the_process_reads(
    name: str, services: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in [each for each in os.environ if each.startswith("ROLLCALL_")]:
        monkeypatch.delenv(variable)
    given = services[name]["environment"]
    for variable, value in given.items():
        assert variable.startswith("ROLLCALL_"), variable
        assert variable.removeprefix("ROLLCALL_").lower() in Settings.model_fields, variable
        monkeypatch.setenv(variable, str(value))
    ours = settings.load()
    assert ours.require_kafka() == "kafka:9092"
    assert "@postgres:5432/rollcall" in ours.require_database()
    if name in PORTS:
        assert ours.instance == name
        assert (ours.health_host, ours.health_port) == ("0.0.0.0", None)
        assert f"//rollcall_{name}_login:" in ours.require_database()
    if name == "gateway":
        assert (ours.host, ours.port) == ("0.0.0.0", 8080)
        assert ours.require_admin_token()
        assert ours.workos_webhook_secrets
    if name == "processors":
        (volume,) = [each.split(":")[1] for each in services[name]["volumes"]]
        assert ours.state_folder.is_relative_to(volume)
        assert f"--group rollcall {volume}\n" in DOCKERFILE, "the volume belongs to somebody else"


@pytest.mark.parametrize("name", STAGES)
def test_a_health_check_says_what_the_process_says(
    name: str, services: dict[str, dict[str, Any]]
) -> None:
    _, python, option, script = services[name]["healthcheck"]["test"]
    assert (python, option) == ("python", "-c")
    (port,) = free_ports(1)
    moved = script.replace(f":{PORTS[name]}/", f":{port}/")
    assert moved != script

    def status() -> int:
        asked = subprocess.run([sys.executable, "-c", moved], capture_output=True, check=False)
        return asked.returncode

    assert status() != 0
    with served(Settings(health_port=port), name) as health:
        assert status() != 0  # it is starting
        health.why_not_ready = lambda: None
        assert status() == 0


def commands(services: dict[str, dict[str, Any]]) -> Iterator[list[str]]:
    """What is asked of `rollcall`, in the compose file and its comments."""
    for name in OURS - {"migrate"}:
        yield services[name]["command"]
    for line in services["migrate"]["command"][0].split("&&"):
        program, *words = line.split()
        assert program == "rollcall"
        yield words
    for words in re.findall(r"^#.*run --rm rollcall (.*)$", TEXT, re.MULTILINE):
        yield words.split()


def test_commands_are_there(services: dict[str, dict[str, Any]]) -> None:
    asked = list(commands(services))
    assert ["db", "upgrade"] in asked
    for words in asked:
        names = words[:2] if words[0] in {"db", "topics", "tenant"} else words[:1]
        shown = CliRunner().invoke(app, [*names, "--help"])
        assert shown.exit_code == 0, words
        for option in (word for word in words if word.startswith("--")):
            assert option in re.sub(r"\x1b\[[\d;]*m", "", shown.output)


def test_the_image_holds_every_package_and_sends_no_secret() -> None:
    for source in copied():
        assert (ROOT / source).exists(), source
    packages = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {name.rstrip("*") for name in packages} <= set(copied())
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    assert sorted(line[1:] for line in ignored if line.startswith("!")) == sorted(copied())
    assert "deploy/compose.env" in ignored


def test_the_image_takes_only_what_has_a_hash_and_runs_as_nobody_in_particular() -> None:
    installs = re.findall(r"pip install (.*)", DOCKERFILE)
    assert installs
    for arguments in installs:
        assert "--require-hashes" in arguments or "--no-deps --no-index" in arguments
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", DOCKERFILE, re.MULTILINE)
    (pick,) = re.findall(r"(sed -n .*) > tools\.lock", DOCKERFILE)
    picked = subprocess.run(
        ["sh", "-c", pick], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert re.fullmatch(r"setuptools==\S+ \\\n(\s+--hash=sha256:\w+( \\)?\n)+", picked.stdout)


def test_the_wheel_that_the_image_installs_is_whole(tmp_path: Path) -> None:
    for source in copied():
        at = ROOT / source
        if at.is_dir():
            shutil.copytree(at, tmp_path / source, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(at, tmp_path / source)
    (made_by,) = re.findall(r"pip (wheel .*) \.", DOCKERFILE)
    command = [sys.executable, "-m", "pip", *made_by.split(), "--quiet", "."]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = (tmp_path / "wheels").iterdir()
    inside = set(zipfile.ZipFile(wheel).namelist())
    sources = {
        str(file.relative_to(ROOT))
        for source in copied()
        if (ROOT / source).is_dir()
        for file in (ROOT / source).rglob("*.py")
    }
    assert sources | {"deploy/kafka/server.properties"} <= inside


@pytest.fixture
def logins(database_url: str, made: dict[str, str]) -> Iterator[str]:
    """A database in which the script of the logins has run twice."""
    names = re.findall(r"'(rollcall_\w+_login)'", LOGINS.read_text())
    assert len(names) == 4
    listed = sql.SQL(", ").join(map(sql.Identifier, names))
    psql = shutil.which("psql") or str(postgres._programs() / "psql")
    with psycopg.connect(database_url, autocommit=True) as owner:
        found = "SELECT count(*) FROM pg_roles WHERE rolname = ANY(%s)"
        assert owner.execute(found, [names]).fetchone() == (0,), "these are somebody's logins"
        try:
            for _ in range(2):
                command = [psql, "--no-psqlrc", "--quiet", "--file", str(LOGINS), database_url]
                ended = subprocess.run(
                    command, env={**os.environ, **made}, capture_output=True, text=True, check=False
                )
                assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
            yield database_url
        finally:
            owner.execute(sql.SQL("DROP OWNED BY {}").format(listed))
            owner.execute(sql.SQL("DROP ROLE {}").format(listed))


def test_each_login_may_do_what_its_stage_does_and_no_more(
    logins: str, services: dict[str, dict[str, Any]]
) -> None:
    fill(logins, "acme")
    with psycopg.connect(logins) as owner:
        passwords = "SELECT count(*) FROM pg_authid WHERE rolname ~ '^rollcall_.*_login$'"
        passwords += " AND rolpassword LIKE 'SCRAM-SHA-256$%'"
        assert owner.execute(passwords).fetchone() == (4,)
    with connect(Settings(database_url=login_url(logins, "rollcall_sinks_login"))) as sink:
        assert tenants_in(sink, "member") == {"acme"}
    gateway = login_url(logins, "rollcall_gateway_login")
    with psycopg.connect(gateway, options=f"-c role={GATEWAY_ROLE}") as connection:
        assert tenants_in(connection, "tenant") == {"acme"}
        with pytest.raises(InsufficientPrivilege):
            connection.execute("DELETE FROM member")
    for stage in STAGES:
        with psycopg.connect(login_url(logins, f"rollcall_{stage}_login")) as connection:
            assert connection.execute("SELECT count(*) FROM installation").fetchone() == (0,)
    with (
        psycopg.connect(login_url(logins, "rollcall_processors_login")) as worker,
        pytest.raises(InsufficientPrivilege),
    ):
        worker.execute("SELECT FROM member")
    with psycopg.connect(login_url(logins, "rollcall_dashboard_login")) as dashboard:
        assert tenants_in(dashboard, "dead_letter") == {"acme"}
        dashboard.rollback()
        with pytest.raises(ReadOnlySqlTransaction):
            dashboard.execute("CREATE TEMPORARY TABLE held_up (row integer)")
        dashboard.rollback()
        dashboard.execute("SET default_transaction_read_only = off")  # as any panel can
        dashboard.commit()
        for forbidden in ("DELETE FROM dead_letter", "SELECT FROM member"):
            with pytest.raises(InsufficientPrivilege):
                dashboard.execute(forbidden)
            dashboard.rollback()
    text = (ROOT / "deploy/grafana/provisioning/datasources/rollcall.yml").read_text()
    assert "user: rollcall_dashboard_login" in text
    (variable,) = re.findall(r"password: \$(\w+)", text)
    assert variable in services["grafana"]["environment"]


def test_kafka_here_is_as_kafka_there(services: dict[str, dict[str, Any]]) -> None:
    kafka = services["kafka"]
    assert (
        "./deploy/kafka/server.properties:/mnt/shared/config/server.properties:ro"
        in kafka["volumes"]
    )
    # The image appends its KAFKA_* variables to that file as properties; the last of a name counts.
    assert kafka["environment"]["KAFKA_LOG_DIRS"] in [
        each.split(":")[1] for each in kafka["volumes"]
    ]
    assert kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://kafka:9092"
    assert "9092" in kafka["healthcheck"]["test"]
