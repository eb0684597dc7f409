"""TLS and logins, on a Kafka that asks for them and a Postgres behind TLS, with real processes."""

import asyncio
import ipaddress
import secrets
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import faust
import psycopg
import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined] # they are its public names
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from psycopg import OperationalError
from psycopg.conninfo import conninfo_to_dict
from typer.testing import CliRunner
from typing_extensions import override

from deploy import database, installation
from deploy.cli.app import app
from deploy.errors import InstallationError
from deploy.local.class_path import kafka_class_path
from deploy.local.errors import StackError
from deploy.local.guard import Guard
from deploy.local.kafka import LocalKafka
from deploy.local.ports import LOOPBACK, free_ports
from deploy.local.stack import Stack, running
from ingest.database import connection_arguments
from processors.faust_internals.credentials import credentials
from schemas.settings import Settings
from sinks.connection import connect
from tests.deploy.foreground import COMMAND, ENVIRONMENT, ROOT, refused
from tests.harness import PARTITIONS, Stage, World, new_database
from tests.storm.proxy import Link, Proxy

pytestmark = pytest.mark.kafka
USER, PASSWORD = "rollcall", secrets.token_urlsafe(12)
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
SECURE = ("SSL", "SASL_SSL", "SASL_PLAINTEXT")
STAGES: tuple[Stage, ...] = ("gateway", "processors", "sinks")
SSL_REQUEST = (8).to_bytes(4) + (80877103).to_bytes(4)
"""What libpq says before anything else where it wants TLS."""


class Authority:
    """Signs certificates; its own has no more than it must, and librdkafka takes that."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        is_authority = x509.BasicConstraints(ca=True, path_length=None)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(self._signed(self._name, self._key.public_key(), is_authority))

    def issue(self, name: str) -> tuple[Path, Path]:
        """Make a certificate of the loopback address, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))])
        certificate, file = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        certificate.write_bytes(self._signed(subject, key.public_key(), here))
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(secret)
        return certificate, file

    def _signed(
        self, name: x509.Name, key: ec.EllipticCurvePublicKey, extension: x509.ExtensionType
    ) -> bytes:
        unsigned = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) - timedelta(days=1))
            .not_valid_after(datetime.now(UTC) + timedelta(days=1))
            .add_extension(extension, critical=True)
        )
        return unsigned.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)


class SecureKafka(LocalKafka):
    """Has a listener of each kind beside the plain one; `ports` is theirs, in that order."""

    def __init__(self, folder: Path, guard: Guard, authority: Authority) -> None:
        super().__init__(folder, kafka_class_path(print), guard)
        self.ports = free_ports(len(SECURE))
        self._authority = authority

    @override
    def prepare(self) -> None:
        super().prepare()  # what it started reads the file a good while later, the old or the new
        file = self._folder / "server.properties"
        told = (line.partition("=") for line in file.read_text().splitlines())
        settings = {key: value for key, equals, value in told if equals and key[0] != "#"}
        more = "".join(f",{n}://{LOOPBACK}:{p}" for n, p in zip(SECURE, self.ports, strict=True))
        for name in ("listeners", "advertised.listeners"):
            settings[name] += more
        settings["listener.security.protocol.map"] += "".join(f",{name}:{name}" for name in SECURE)
        certificate, key = self._authority.issue("broker")
        store = self._folder / "broker.pem"
        store.write_bytes(key.read_bytes() + certificate.read_bytes())
        scram, plain = "listener.name.sasl_ssl", "listener.name.sasl_plaintext"
        settings |= {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(store),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self._authority.file),
            "listener.name.ssl.ssl.client.auth": "required",
            f"{scram}.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            f"{scram}.scram-sha-512.sasl.jaas.config": f"{SCRAM} required;",
            f"{plain}.sasl.enabled.mechanisms": "PLAIN",
            f"{plain}.plain.sasl.jaas.config": f'{PLAIN} required user_{USER}="{PASSWORD}";',
        }
        fresh = file.with_suffix(".new")
        fresh.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        fresh.replace(file)

    @override
    def until_ready(self) -> None:
        super().until_ready()
        how = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        login = UserScramCredentialUpsertion(USER, how, PASSWORD.encode())
        with AdminClient({"bootstrap.servers": self.address}) as admin:
            admin.alter_user_scram_credentials([login])[USER].result()


class TlsLink(Link):
    """A way to Postgres for those who ask for TLS, and for nobody else."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, target: int | Path, context: ssl.SSLContext
    ) -> None:
        self._context = context
        super().__init__(loop, 0, target)

    @override
    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            assert await reader.readexactly(len(SSL_REQUEST)) == SSL_REQUEST
            writer.write(b"S")
            await writer.start_tls(self._context)
            await super()._carry(reader, writer)
        except OSError:
            pass  # the client does not take the certificate
        finally:
            writer.transport.abort()
            self._open.discard(writer)


class Secure(NamedTuple):
    """The servers, and what leads a process to them."""

    kafka: str
    """The plain listener, for whoever only looks on."""
    ways: Mapping[str, Mapping[str, str]]
    """The environment of a process by ROLLCALL_KAFKA_SECURITY."""
    postgres: int
    """The port of the one that asks for TLS."""
    authority: Path
    other: Path
    """One that has signed nothing here."""

    def database(self, url: str, authority: Path) -> str:
        """The URL of a database by TLS, for whoever trusts that authority."""
        parts = urlsplit(url)
        login = parts.netloc.rpartition("@")[0]
        trust = f"sslmode=verify-full&sslrootcert={quote(str(authority))}"
        return f"postgresql://{login}@{LOOPBACK}:{self.postgres}{parts.path}?{trust}"


@pytest.fixture(scope="module")
def secure(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    folder = tmp_path_factory.mktemp("secure")
    authority, other = Authority(folder, "authority"), Authority(folder, "other")
    with Guard(folder) as guard, ExitStack() as stopping:
        kafka = SecureKafka(folder / "kafka", guard, authority)
        stopping.callback(kafka.stop)
        kafka.start()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*authority.issue("postgres"))
        proxy = stopping.enter_context(closing(Proxy()))
        to = conninfo_to_dict(stack.database)
        host, port = str(to.get("host")), int(str(to.get("port", 5432)))
        target = Path(host) / f".s.PGSQL.{port}" if host.startswith("/") else port
        link = TlsLink(proxy._loop, target, context)
        proxy._links.append(link)
        ways = ways_to(kafka, authority, authority.issue("client"))
        yield Secure(kafka.address, ways, link.port, authority.file, other.file)


def ways_to(
    kafka: SecureKafka, authority: Authority, client: tuple[Path, Path]
) -> dict[str, dict[str, str]]:
    """What leads to each of its listeners."""
    login = {"ROLLCALL_KAFKA_USER": USER, "ROLLCALL_KAFKA_PASSWORD": PASSWORD}
    trust = {"ROLLCALL_KAFKA_CA": str(authority.file)}
    certificate, key = map(str, client)
    own = {"ROLLCALL_KAFKA_CERTIFICATE": certificate, "ROLLCALL_KAFKA_KEY": key}
    more = (trust | own, trust | login, login | {"ROLLCALL_KAFKA_MECHANISM": "PLAIN"})
    return {
        name.lower(): {
            "ROLLCALL_KAFKA": f"{LOOPBACK}:{port}",
            "ROLLCALL_KAFKA_SECURITY": name.lower(),
            **variables,
        }
        for name, port, variables in zip(SECURE, kafka.ports, more, strict=True)
    }


@contextmanager
def world_by(
    secure: Secure, way: str, stack: Stack, template: str, folder: Path
) -> Iterator[tuple[World, dict[str, str]]]:
    """A world that only its own looker-on reaches in the clear, and what leads processes there."""
    name, port = f"t{secrets.token_hex(5)}", free_ports(1)[0]
    with new_database(stack, name, template=template) as url:
        settings = Settings(
            kafka=secure.kafka,
            database_url=url,
            installation=name,
            topic_prefix=f"{name}.",
            admin_token=secrets.token_urlsafe(16),
            redaction_key=secrets.token_urlsafe(16),
            workos_webhook_secrets=(secrets.token_urlsafe(16),),
            url=f"http://{LOOPBACK}:{port}",
            port=port,
            instance="a",
            state_folder=folder / "state",
        )
        env = {
            **secure.ways[way],
            "ROLLCALL_DATABASE_URL": secure.database(url, secure.authority),
            "ROLLCALL_INSTALLATION": name,
            "ROLLCALL_TOPIC_PREFIX": f"{name}.",
        }
        create = [*COMMAND, "topics", "create", "--partitions", str(PARTITIONS)]
        subprocess.run(create, cwd=ROOT, env=ENVIRONMENT | env, check=True)
        with closing(World(stack, settings, installation.load(settings), folder)) as world:
            yield world, env


@pytest.mark.parametrize("way", ["ssl", "sasl_ssl", "sasl_plaintext"])
def test_a_change_goes_all_the_way(
    secure: Secure, way: str, stack: Stack, template: str, tmp_path: Path
) -> None:
    """The gateway's answer waits for what the worker decided and the sinks wrote."""
    with world_by(secure, way, stack, template, tmp_path) as (world, env), ExitStack() as started:
        for process in [
            started.enter_context(world.process(stage, env=env, ready=False)) for stage in STAGES
        ]:
            process.until_ready()
        said = CliRunner().invoke(app, ["tenant", "create", "acme", "--name", "A"], env=world.env())
        assert said.output == "The tenant acme is open.\n"
        assert world.rows("SELECT name FROM tenant WHERE tenant_id = 'acme'") == [{"name": "A"}]


class Wrong(NamedTuple):
    """A command with something wrong about its Kafka, and words of the sentence that says it."""

    way: Mapping[str, str]
    command: str
    variables: Mapping[str, str | Path]
    """What is wrong, by the ends of names."""
    words: tuple[str, ...]


def test_what_is_wrong_is_said_in_one_sentence(
    secure: Secure, world: World, tmp_path: Path
) -> None:
    """All at once: each waits as long as for a Kafka that only starts."""
    ours, login = secure.ways["ssl"], secure.ways["sasl_ssl"]
    nobody = {key: value for key, value in ours.items() if not key.endswith(("CATE", "_KEY"))}
    files = "correct ROLLCALL_KAFKA_CA, ROLLCALL_KAFKA_CERTIFICATE and ROLLCALL_KAFKA_KEY"
    who = "correct ROLLCALL_KAFKA_USER, ROLLCALL_KAFKA_PASSWORD and ROLLCALL_KAFKA_MECHANISM"
    create = f"topics create --partitions {PARTITIONS}"
    cases = [
        Wrong(ours, create, {"CA": secure.other}, ("certificate verify failed", files)),
        Wrong(ours, create, {"CA": tmp_path / "no.pem"}, ("ssl.ca.location failed", files)),
        Wrong(nobody, "sinks", {}, ("bad certificate", "ROLLCALL_KAFKA_SECURITY and its like")),
        Wrong(login, "processors", {"PASSWORD": "wrong"}, ("invalid credentials", who)),
        Wrong(login, "gateway", {"MECHANISM": "PLAIN"}, ("supported mechanisms: SCRAM", who)),
        Wrong(login, "up --ephemeral", {"PASSWORD": "wrong"}, ("invalid credentials", who)),
    ]
    database = secure.database(world.settings.require_database(), secure.authority)
    env = world.env() | {"ROLLCALL_DATABASE_URL": database}

    def run(case: Wrong) -> subprocess.CompletedProcess[str]:
        wrong = {f"ROLLCALL_KAFKA_{end}": str(value) for end, value in case.variables.items()}
        return subprocess.run(
            [*COMMAND, *case.command.split()],
            cwd=ROOT,
            env={**env, **case.way, **wrong},
            capture_output=True,
            text=True,
            check=False,
        )

    with ThreadPoolExecutor(len(cases)) as pool:
        for case, ended in zip(cases, pool.map(run, cases), strict=True):
            *before, sentence = ended.stderr.splitlines()
            assert ended.returncode == 1
            assert len(before) < 2, ended.stderr  # stages say where their health is
            assert sentence.startswith("rollcall: ")
            assert [word for word in case.words if word not in sentence] == [], sentence


def test_a_local_kafka_does_not_take_the_place_of_a_secure_one() -> None:
    said = refused(ROLLCALL_KAFKA_SECURITY="ssl")
    assert "ROLLCALL_KAFKA_SECURITY is ssl, and a local Kafka speaks in the clear" in said


def test_the_worker_s_own_client_looks_whom_it_speaks_to(secure: Secure) -> None:
    """What librdkafka refuses before, a process never shows; so its certificates are asked here."""
    port = int(secure.ways["sasl_ssl"]["ROLLCALL_KAFKA"].rpartition(":")[2])

    def speak(authority: Path, name: str) -> None:
        own = credentials(Settings(kafka_security="ssl", kafka_ca=authority))
        assert isinstance(own, faust.SSLCredentials)
        with socket.create_connection((LOOPBACK, port)) as raw:
            own.context.wrap_socket(raw, server_hostname=name).close()

    speak(secure.authority, LOOPBACK)
    for authority, name in ((secure.other, LOOPBACK), (secure.authority, "localhost")):
        with pytest.raises(ssl.SSLCertVerificationError):
            speak(authority, name)


def test_a_postgres_that_is_not_trusted_is_refused(secure: Secure, database_url: str) -> None:
    """By each way to it: the command line, `up`, the gateway and the sinks."""
    wrong = secure.database(database_url, secure.other)
    settings = Settings(database_url=wrong)
    failed = "certificate verify failed"
    with pytest.raises(InstallationError, match=f"does not accept .*{failed}.*correct the URL"):
        database.upgrade(settings)
    with pytest.raises(OperationalError, match=failed):
        connect(settings)
    with pytest.raises(OperationalError, match=failed):
        psycopg.connect(**connection_arguments(settings))
    with (
        pytest.raises(StackError, match=f"accepted no connection within 10 s .*{failed}"),
        running(kafka=None, database=wrong, folder=None, on_progress=print),
    ):
        pass
    connect(Settings(database_url=secure.database(database_url, secure.authority))).close()
