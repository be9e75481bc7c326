"""How the jobs of cases stand: outside the log and the views, since trying again is nothing that happened."""

from sqlalchemy import Column, DateTime, Integer, MetaData, PrimaryKeyConstraint, Table, Text, text

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
