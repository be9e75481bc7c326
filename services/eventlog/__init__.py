"""Adapters of domain.ports.EventLog: Kafka, Postgres, memory. One contract, one suite (tests/contract)."""
