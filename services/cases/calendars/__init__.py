"""Working-day calendars as data, one TOML file a calendar, named by its code (docs/recall.md, 'Clocks')."""
