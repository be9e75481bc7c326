"""Tables that are made once and kept with the data, as long as they would come out the same."""

import hashlib

import asyncpg


def sign_of(*of: object) -> str:
    """A digest of all that the tables are made of."""
    return hashlib.sha256(repr(of).encode()).hexdigest()


async def is_made(connection: asyncpg.Connection, schema: str, sign: str) -> bool:
    """Whether the schema holds what has this sign."""
    told = "SELECT obj_description(to_regnamespace($1), 'pg_namespace')"
    return bool(await connection.fetchval(told, schema) == sign)


async def signed(connection: asyncpg.Connection, schema: str, sign: str) -> None:
    """Note that it is done."""
    await connection.execute(f"COMMENT ON SCHEMA {schema} IS '{sign}'")
