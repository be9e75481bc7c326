"""Alembic's entry: runs the migrations on the connection that `migrations.run` hands over."""

from alembic import context


def run() -> None:
    connection = context.config.attributes.get("connection")
    if connection is None:
        raise RuntimeError("start migrations with `zhuisu migrate`, or `python -m migrations.run DATABASE_URL`")
    context.configure(connection=connection, target_metadata=None, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


run()
