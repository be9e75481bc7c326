"""Regime profiles and working-day calendars: data, one TOML file each, named by its code (docs/recall.md, 'Clocks')."""
