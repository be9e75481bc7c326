"""Regime profiles as data, one TOML file a regime, named by its code (docs/recall.md, 'Clocks')."""
