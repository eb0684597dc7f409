"""Every setting of Rollcall, read from ROLLCALL_* environment variables and nowhere else."""

import ipaddress
import re
import socket
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from schemas.topics import STATE_CHANGELOG, TOPICS

_SECRET = re.compile(r"[A-Za-z0-9._~+/=-]{16,}")
_SERVER = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):(\d{1,5})")
_RULE = "takes at least 16 random letters, digits or ._~+/=- and no spaces"


SCIM = "/scim/v2"
"""Where the gateway's SCIM door stands (RFC 7644 §3.13)."""


class SettingsError(ValueError):
    """A setting is missing or wrong; the text names the variable and what it takes."""


class Settings(BaseSettings):
    """What the operator decides.

    Variables are the names in capitals, with ROLLCALL_ before them.
    """

    model_config = SettingsConfigDict(
        env_prefix="ROLLCALL_", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    kafka: str | None = Field(None, description="Kafka bootstrap servers, host:port[,host:port…].")
    kafka_security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        "plaintext", description="How Kafka is spoken to: encrypted (ssl), with a login (sasl)."
    )
    kafka_ca: Path | None = Field(
        None, description="PEM file of the authorities that sign Kafka's certificates."
    )
    kafka_certificate: Path | None = Field(
        None, description="PEM file of our own certificate, where Kafka asks for one."
    )
    kafka_key: Path | None = Field(
        None, description="PEM file of the key, without a password, of that certificate."
    )
    kafka_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="How the login is proven, if there is one."
    )
    kafka_user: str | None = Field(None, description="Name of the login at Kafka.")
    kafka_password: str | None = Field(None, description="Password of the login at Kafka.")
    database_url: str | None = Field(
        None,
        description="Postgres, as a libpq URL; sslmode=verify-full&sslrootcert=FILE encrypts.",
    )
    url: str = Field(
        "http://127.0.0.1:8080", description="Where the command line finds the gateway."
    )
    public_url: str | None = Field(
        None,
        description="How IdPs reach the gateway, for links in SCIM answers. Unset: ROLLCALL_URL.",
    )
    redaction_key: str | None = Field(
        None,
        description="Secret that hashes of private numbers are keyed with; never change it.",
    )
    admin_token: str | None = Field(
        None, description="Bearer token of the admin API; at least 16 characters."
    )
    workos_webhook_secrets: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Active secrets of the WorkOS webhook endpoint, separated by commas."
    )
    workos_tolerance_seconds: int = Field(
        300, ge=1, description="How old or early a webhook's signature may be, in seconds."
    )
    dns_servers: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="DNS servers that are asked about domains, address:port[,address:port…].",
    )
    standby_replicas: int = Field(
        0,
        ge=0,
        le=1,
        description="Copies of the state that other workers keep, 0 or 1.",
    )
    host: str = Field("127.0.0.1", description="Address on which the gateway listens.")
    port: int = Field(8080, ge=0, le=65535, description="Port of the gateway; 0 takes a free one.")
    health_host: str = Field(
        "127.0.0.1", description="Address of /livez, /readyz and /metrics of each process."
    )
    health_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Their port; 0 takes a free one. Unset: gateway 9401, processors 9402, sinks"
        " 9403.",
    )
    installation: str = Field(
        "rollcall",
        pattern=r"^[a-z][a-z0-9-]{0,40}$",
        description="Name of this installation: begins consumer groups and transactional ids.",
    )
    topic_prefix: str = Field(
        "", pattern=r"^[a-z0-9.-]*$", description="Put before every topic's name."
    )
    instance: str = Field(
        default_factory=socket.gethostname,
        pattern=r"^[A-Za-z0-9._-]+$",
        description="Name of this process among its kind, unique and the same after a restart.",
    )
    state_folder: Path = Field(
        Path(".rollcall/state"), description="Where processors keep their local stores."
    )

    @field_validator("workos_webhook_secrets", "dns_servers", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("admin_token", "redaction_key")
    @classmethod
    def _long_enough(cls, value: str | None) -> str | None:
        if value is not None and not _SECRET.fullmatch(value):
            raise ValueError(_RULE)
        return value

    @field_validator("dns_servers")
    @classmethod
    def _servers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for server in value:
            address_and_port(server)
        return value

    @field_validator("workos_webhook_secrets")
    @classmethod
    def _secrets(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_SECRET.fullmatch(secret) for secret in value):
            raise ValueError(_RULE)
        return value

    @model_validator(mode="after")
    def _complete_login(self) -> Self:
        if self.kafka_security.startswith("sasl") and not (self.kafka_user and self.kafka_password):
            raise ValueError(
                "ROLLCALL_KAFKA_SECURITY asks for a login: set ROLLCALL_KAFKA_USER and"
                " ROLLCALL_KAFKA_PASSWORD"
            )
        if (self.kafka_certificate is None) != (self.kafka_key is None):
            raise ValueError("set ROLLCALL_KAFKA_CERTIFICATE and ROLLCALL_KAFKA_KEY, or neither")
        return self

    def topic(self, name: str) -> str:
        """The name on the broker of a topic in `schemas.topics`."""
        if name == STATE_CHANGELOG.name:
            return f"{self.application}-{name}"
        return self.topic_prefix + name

    def logical_topic(self, name: str) -> str:
        """The name in `schemas.topics` of a topic on the broker."""
        return next(topic.name for topic in TOPICS if self.topic(topic.name) == name)

    @property
    def application(self) -> str:
        """Faust's application id: the consumer group of the processors."""
        return f"{self.installation}-processors"

    @property
    def worker_folder(self) -> Path:
        """Where this worker keeps its local stores and what belongs to them."""
        return self.state_folder.absolute() / self.application / self.instance

    def transactional_id(self, partition: int) -> str:
        """The transactional id of a partition's owner (DESIGN §5.2)."""
        return f"{self.application}-{partition}"

    def sink_group(self, sink: str) -> str:
        """The consumer group of a sink."""
        return f"{self.installation}-{sink.replace('_', '-')}"

    def require_kafka(self) -> str:
        """The bootstrap servers; SettingsError if they are not set."""
        return _required(self.kafka, "ROLLCALL_KAFKA", "Kafka's host:port")

    def require_database(self) -> str:
        """The database URL; SettingsError if it is not set."""
        return _required(self.database_url, "ROLLCALL_DATABASE_URL", "a Postgres URL")

    def require_admin_token(self) -> str:
        """The admin token.

        SettingsError if it is not set: an empty secret must never open a door.
        """
        return _required(self.admin_token, "ROLLCALL_ADMIN_TOKEN", "the admin API's token")

    @property
    def scim_url(self) -> str:
        """What the URLs of the SCIM door begin with, as IdPs see it."""
        return f"{(self.public_url or self.url).rstrip('/')}{SCIM}"

    def require_redaction_key(self) -> str:
        """The key of redaction; SettingsError if it is not set."""
        return _required(self.redaction_key, "ROLLCALL_REDACTION_KEY", "a random secret")


def load() -> Settings:
    """Read the environment.

    Raises:
        SettingsError: a variable has a value that it cannot have.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("\n".join(_complaint(item) for item in error.errors())) from None


def address_and_port(server: str) -> tuple[str, int]:
    """The parts of `192.0.2.1:53` or `[2001:db8::1]:53`.

    Raises:
        ValueError: it is written in another way, or no address and port.
    """
    found = _SERVER.fullmatch(server)
    if found is None or not 0 < int(found[3]) < 1 << 16:
        raise ValueError("takes address:port, such as 192.0.2.1:53 or [2001:db8::1]:53")
    return str(ipaddress.ip_address(found[1] or found[2])), int(found[3])


def _complaint(item: ErrorDetails) -> str:
    where = f"ROLLCALL_{str(item['loc'][0]).upper()}: " if item["loc"] else ""
    return where + item["msg"]


def _required(value: str | None, variable: str, what: str) -> str:
    if not value:
        raise SettingsError(f"{variable} is not set: give it {what}, or run `rollcall up`")
    return value
