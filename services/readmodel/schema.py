"""What all tables of the read model share: their schema and the two columns that each row of an event has."""

from sqlalchemy import BigInteger, Column, Integer, MetaData

SCHEMA = "views"

metadata = MetaData(schema=SCHEMA)


def tenant() -> Column[int]:
    return Column("tenant_id", Integer, nullable=False)


def event() -> Column[int]:
    return Column("event_no", BigInteger, nullable=False, autoincrement=False)
