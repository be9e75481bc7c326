"""How the jobs of cases stand: outside the log and the views, since trying again is nothing that happened."""

from sqlalchemy import BigInteger, Column, DateTime, Float, Integer, MetaData, PrimaryKeyConstraint, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY

metadata = MetaData()

case_jobs = Table(
    "case_jobs",
    metadata,
    Column("tenant_id", Integer, nullable=False, autoincrement=False),
    Column("case_id", Text, nullable=False),
    Column("job", Text, nullable=False, comment="freeze, delta, holds, reminders ..."),
    Column("state", Text, nullable=False, comment="running, done or failing"),
    Column("code", Text, comment="a problem's, where it fails"),
    Column("detail", Text, comment="why it fails, for people"),
    Column(
        "attempts", Integer, nullable=False, server_default=text("0"), comment="that failed, since it last went well"
    ),
    Column("next_at", DateTime(timezone=True), comment="when it is tried again"),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    PrimaryKeyConstraint("tenant_id", "case_id", "job", name="case_jobs_pkey"),
)

case_deltas = Table(
    "case_deltas",
    metadata,
    Column("tenant_id", Integer, nullable=False, autoincrement=False),
    Column("case_id", Text, nullable=False),
    Column("generation", BigInteger, nullable=False, comment="of the views: after a rebuild all is watched anew"),
    Column("watched", ARRAY(Text), nullable=False, comment="series of members that are watched: f1, d2 ..."),
    Column("swept", ARRAY(Text), nullable=False, comment="series whose members were looked at for alerts"),
    Column("freeze_no", Integer, nullable=False, comment="that the newest evaluation is about"),
    Column("evaluation", Integer, nullable=False, comment="number of the newest"),
    Column("vector", Text, nullable=False, comment="as known at which it is evaluated; empty: it is done"),
    Column("as_of_us", BigInteger, nullable=False, comment="and for which instant"),
    Column("checked", Text, nullable=False, comment="vector: the set is as it should be as known at it"),
    Column("seconds", Float, nullable=False, comment="that the newest one took"),
    PrimaryKeyConstraint("tenant_id", "case_id", name="case_deltas_pkey"),
)
