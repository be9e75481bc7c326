"""Every setting of every process, in one class. Each is an environment variable: `ZHUISU_` and the field's name."""

import base64
import difflib
import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.cases.complaints import rules_of

ENV_PREFIX = "ZHUISU_"

KIB = 1024
MIB = 1024 * KIB

# Their values are never shown.
_SECRETS = frozenset({"database_url", "bootstrap_key", "webhook_keys"})

# Read by the tests and the build, not by the service.
_OTHER_VARIABLES = frozenset({"ZHUISU_SHARED", "ZHUISU_REQUIRE", "ZHUISU_TEST_DATABASE_URL", "ZHUISU_SCALE_UNITS"})


class SettingsError(ValueError):
    """One or more settings are wrong. The message names each environment variable, what is wrong and the fix."""


def _postgres_url(url: str | None) -> str | None:
    """The URL as asyncpg takes it; forms that other tools write are accepted."""
    if url is None or not url.strip():
        return None
    scheme, separator, rest = url.strip().partition("://")
    if not separator or scheme not in {"postgresql", "postgres", "postgresql+asyncpg"}:
        raise ValueError("give a PostgreSQL URL: postgresql://user:password@host:5432/database")
    return f"postgresql://{rest}"


def _keys(text: str) -> str:
    """Keys of Fernet, separated by commas. The message does not repeat them."""
    for key in (k.strip() for k in text.split(",") if k.strip()):
        try:
            size = len(base64.urlsafe_b64decode(key))
        except ValueError:
            size = 0
        if size != 32:
            raise ValueError("a key is 32 bytes as URL-safe base64 (docs/webhooks.md says how to make one)")
    return text


def _networks(text: str) -> str:
    for part in filter(None, (p.strip() for p in text.split(","))):
        try:
            ipaddress.ip_network(part)
        except ValueError as error:
            raise ValueError(f"give networks as CIDR, separated by commas, e.g. 10.20.0.0/16: {error}") from error
    return text


def _complaint_rules(text: str) -> str:
    """The rules as they are, if they can be read."""
    rules_of(text)
    return text


Positive = Annotated[int, Field(gt=0)]
PositiveSeconds = Annotated[float, Field(gt=0)]


class Settings(BaseSettings):
    """What a process needs to know. Values come from `ZHUISU_…` variables; arguments given in code win."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    # Where things are
    database_url: Annotated[str | None, AfterValidator(_postgres_url)] = Field(
        default=None,
        repr=False,
        description="PostgreSQL 16 or newer: postgresql://user:password@host:5432/database. Empty: an embedded server.",
    )
    data_dir: Path = Field(default=Path("data"), description="Folder of the embedded server and of local state.")
    host: str = Field(default="127.0.0.1", min_length=1, description="Address the HTTP server listens on.")
    trusted_proxies: str = Field(
        default="",
        description=(
            "Addresses or networks of proxies in front, separated by commas: what they say of the client's address and "
            "scheme (X-Forwarded-For, X-Forwarded-Proto) is believed. Empty: nobody's."
        ),
    )
    port: int = Field(default=8080, ge=0, le=65535, description="TCP port of the HTTP server; 0 takes a free one.")

    # The event log
    log: Literal["postgres", "kafka"] = Field(default="postgres", description="Which event log holds the truth.")
    log_partitions: Positive = Field(default=1, description="Partitions of the Postgres log, fixed when it is created.")
    kafka_bootstrap_servers: str | None = Field(
        default=None, description="Kafka brokers, host:port, separated by commas. Needed when ZHUISU_LOG=kafka."
    )
    kafka_topic: str = Field(
        default="zhuisu.events", pattern=r"^[A-Za-z0-9._-]{1,249}$", description="Topic of the event log."
    )
    kafka_partitions: Positive = Field(default=6, description="Partitions of the topic when it is created.")
    kafka_replication_factor: Positive = Field(
        default=3, le=32767, description="Copies of each partition when the topic is created."
    )
    kafka_min_insync_replicas: Positive = Field(
        default=2, description="Copies that must have a record before it is acknowledged, when the topic is created."
    )
    append_deadline_seconds: PositiveSeconds = Field(
        default=10.0, description="How long a capture waits, in seconds, for the log before it answers 503."
    )
    clock_skew_seconds: float | None = Field(
        default=None,
        ge=0,
        description=(
            "How far, in seconds, the log's clocks may be apart: a time becomes an `as_of` only when every partition "
            "has been applied this far past it. Default 0 for the Postgres log (one clock), 5 for Kafka."
        ),
    )

    # Who may
    bootstrap_key: SecretStr | None = Field(
        default=None, description="Value of the first admin key. Empty: one is generated and printed once."
    )
    tenant_name: str = Field(
        default="default",
        pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$",
        description="Name of the tenant made at first start: a-z, 0-9, - and _.",
    )
    own_party: str | None = Field(
        default=None, description="Party id (URI) of that tenant: issuer of ids that name none. Empty: urn of its name."
    )
    key_cache_seconds: float = Field(
        default=5.0, ge=0, description="How long, in seconds, an API key is believed without asking the database."
    )
    key_cache_outage_seconds: float = Field(
        default=300.0,
        ge=0,
        description=(
            "How long, in seconds, a key seen before goes on serving, even if revoked meanwhile, while the database "
            "cannot be asked: it is away, or no connection to it comes free for 5 seconds."
        ),
    )

    # What capture takes
    max_body_bytes: Positive = Field(
        default=64 * MIB, description="Largest request body that is not streamed, in bytes after decompression."
    )
    max_event_bytes: Positive = Field(
        default=768 * KIB, le=960 * KIB, description="Largest single event, in bytes; Kafka takes records of 1 MiB."
    )
    max_batch_events: Positive = Field(default=100_000, description="Most events in one request.")
    max_json_depth: int = Field(default=32, ge=4, le=512, description="Deepest nesting of JSON in an event, in levels.")
    max_string_chars: Positive = Field(
        default=4_096, description="Longest string in an event, in characters; names have 1,024 bytes at most."
    )
    max_items_per_event: Positive = Field(
        default=20_000, description="Most items one event may name; a range of serials is one."
    )
    max_range_serials_per_event: Positive = Field(
        default=100_000, description="Most serials that the ranges of one event may name."
    )
    rate_events_per_second_per_key: int = Field(
        default=0, ge=0, description="Events a second one API key may send to one process; 0 sets no limit."
    )
    future_tolerance_seconds: float = Field(
        default=300.0, ge=0, description="How far in the future, in seconds, an event's time may lie."
    )

    # Answers
    statement_timeout_seconds: PositiveSeconds = Field(
        default=30.0, description="Longest time, in seconds, one database statement of a request may run."
    )
    wait_for_deadline_seconds: PositiveSeconds = Field(
        default=10.0, description="Longest time, in seconds, a `wait_for` waits before it answers 504."
    )
    command_deadline_seconds: PositiveSeconds = Field(
        default=30.0,
        description="Longest time, in seconds, a command waits to be seen in the views before it answers 503.",
    )
    trace_row_limit: Positive = Field(default=5_000_000, description="Most nodes in one trace; more sets `row_limit`.")
    trace_depth_limit: Positive = Field(default=200, description="Most hops one trace walks; more sets `depth_limit`.")

    trace_graph: Literal["auto", "off"] = Field(
        default="auto",
        description="Whether a query process keeps the links of a large tenant in memory, for traces of many items.",
    )
    trace_graph_min_links: int = Field(
        default=20_000, ge=0, description="Fewest links (items in events) of a tenant for which that is worth while."
    )
    trace_graph_max_links: Positive = Field(
        default=30_000_000, description="Most links of a tenant that are kept in memory, some 185 bytes each."
    )

    # Cases
    complaint_rules: Annotated[str, AfterValidator(_complaint_rules)] = Field(
        default="lot=3/30d component_lot=3/30d model=10/30d serious=1/30d",
        description=(
            "When complaints open a draft recall by themselves: <what they share>=<complaints>/<days>d. They share a "
            "lot, component_lot or model; serious: the model, and somebody was badly hurt. Empty: never."
        ),
    )
    complaint_regimes: str = Field(
        default="", description="Regimes of a draft that opens so, by code, separated by commas."
    )
    recall_check: Literal["on", "off"] = Field(
        default="on", description="Whether anybody may ask, without a key, which open recalls one unit is in."
    )
    recall_check_tenants: str = Field(
        default="",
        description=(
            "Tenants that are asked about then, by name, separated by commas; the first where a question names none. "
            "Empty: the one of ZHUISU_TENANT_NAME."
        ),
    )
    recall_checks_per_minute: int = Field(
        default=60, ge=0, description="How many such questions one client address may ask one process a minute; 0: any."
    )
    drill_interval_hours: float = Field(
        default=0.0,
        ge=0,
        description="How often, in hours, a mock recall is run by itself, for every tenant; 0: only when asked for.",
    )
    incident_regimes: str = Field(
        default="incident-cn",
        description="Regimes of an incident that names none, by code, separated by commas. Empty: none.",
    )
    regimes_dir: Path | None = Field(
        default=None,
        description=(
            "Folder with regime profiles of your own (*.toml) and calendars (calendars/*.toml); one of the same name "
            "takes the place of ours. docs/recall.md, 'Clocks'."
        ),
    )

    # The projector
    projector_batch_events: Positive = Field(default=2_000, description="Most events in one projector transaction.")
    projector_lease_seconds: PositiveSeconds = Field(
        default=10.0, description="How long, in seconds, a projector owns a partition without renewing its lease."
    )
    heartbeat_seconds: PositiveSeconds = Field(
        default=1.0, description="How often, in seconds, a projector renews its leases and tells where the log ends."
    )

    case_delta_pause_seconds: PositiveSeconds = Field(
        default=2.0, description="How long, in seconds, the set of a recall is left alone after it was evaluated."
    )
    case_full_evaluation_seconds: PositiveSeconds = Field(
        default=21_600.0,
        description="How long, in seconds, before a set that nothing touched is evaluated anyway.",
    )

    # Webhooks
    webhook_networks: Annotated[str, AfterValidator(_networks)] = Field(
        default="",
        description=(
            "Networks of your own (CIDR, separated by commas) that webhooks may call although they are not public, "
            "also by plain http. Addresses of cloud metadata stay refused."
        ),
    )
    webhook_keys: Annotated[str, AfterValidator(_keys)] = Field(
        default="",
        repr=False,
        description=(
            "Keys that encrypt the secrets of webhooks in the database (Fernet, separated by commas): the first seals, "
            "all of them open. Empty: secrets are kept plain, behind row-level security."
        ),
    )
    webhook_calls: bool = Field(
        default=True, description="Whether this process calls webhooks; several may, each call is made by one."
    )
    webhook_call_seconds: PositiveSeconds = Field(
        default=15.0, description="How long, in seconds, one call of a webhook may take in all."
    )
    webhook_retry_seconds: PositiveSeconds = Field(
        default=5.0,
        description="How long, in seconds, before a failed call is repeated; doubled each time, up to 6 hours.",
    )
    webhook_attempts_max: Positive = Field(default=12, description="Calls of one message before it is given up.")
    webhook_disable_after_seconds: PositiveSeconds = Field(
        default=432_000.0, description="How long, in seconds, every call must fail before a webhook is disabled."
    )

    # Cases
    case_jobs_pace_seconds: PositiveSeconds = Field(
        default=1.0, description="How often, in seconds, the cases service looks for work that follows from acts."
    )

    # Connections, logs
    api_pool_min_connections: int = Field(default=2, ge=0, description="Database connections a process keeps open.")
    api_pool_max_connections: Positive = Field(default=10, description="Most database connections for requests.")
    projector_pool_max_connections: Positive = Field(
        default=8, description="Most database connections of one projector: two, and one a leased partition."
    )
    projector_statement_timeout_seconds: float = Field(
        default=600.0,
        ge=0,
        description="Longest time, in seconds, one database statement of a projector or a job may run; 0: any.",
    )
    database_connect_seconds: PositiveSeconds = Field(
        default=10.0, description="How long, in seconds, the database may take to answer a new connection."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log lines that are written."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="Log lines as JSON or for people; auto: for people on a terminal."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.log == "kafka" and not self.kafka_bootstrap_servers:
            raise ValueError("ZHUISU_LOG=kafka needs ZHUISU_KAFKA_BOOTSTRAP_SERVERS, e.g. broker1:9092,broker2:9092")
        if self.kafka_min_insync_replicas > self.kafka_replication_factor:
            raise ValueError(
                f"ZHUISU_KAFKA_MIN_INSYNC_REPLICAS={self.kafka_min_insync_replicas} is more than there are copies: "
                f"lower it, or raise ZHUISU_KAFKA_REPLICATION_FACTOR={self.kafka_replication_factor}"
            )
        if self.heartbeat_seconds * 2 > self.projector_lease_seconds:
            raise ValueError(
                "ZHUISU_HEARTBEAT_SECONDS must be at most half of ZHUISU_PROJECTOR_LEASE_SECONDS, "
                f"else leases run out between beats: now {self.heartbeat_seconds} and {self.projector_lease_seconds}"
            )
        if self.api_pool_min_connections > self.api_pool_max_connections:
            raise ValueError("ZHUISU_API_POOL_MIN_CONNECTIONS is more than ZHUISU_API_POOL_MAX_CONNECTIONS: lower it")
        return self

    @property
    def skew_bound_seconds(self) -> float:
        """`clock_skew_seconds`, or what fits the log where it was left out; seconds."""
        if self.clock_skew_seconds is not None:
            return self.clock_skew_seconds
        return 5.0 if self.log == "kafka" else 0.0


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment; `overrides` win, None among them means "not given".

    Raises SettingsError, with one line a wrong setting.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(dict(detail)) for detail in error.errors())) from error


def unknown_variables(environ: Mapping[str, str]) -> dict[str, str | None]:
    """`ZHUISU_…` variables that set nothing (a typo, mostly), each with the nearest name that would."""
    known = {variable_name(field) for field in Settings.model_fields} | _OTHER_VARIABLES
    unknown = sorted(name for name in environ if name.startswith(ENV_PREFIX) and name not in known)
    return {name: next(iter(difflib.get_close_matches(name, known, n=1)), None) for name in unknown}


def variable_name(field: str) -> str:
    """The environment variable that sets `field`."""
    return f"{ENV_PREFIX}{field.upper()}"


def _explain(detail: dict[str, Any]) -> str:
    message = str(detail["msg"]).removeprefix("Value error, ")
    if not detail["loc"]:
        return message
    field = str(detail["loc"][0])
    known = Settings.model_fields.get(field)
    if known is None:
        return f"{variable_name(field)}: there is no such setting; remove it"
    got = "" if field in _SECRETS else f", got {detail['input']!r}"
    return f"{variable_name(field)}: {message}{got}. {known.description}"
