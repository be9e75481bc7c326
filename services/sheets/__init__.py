"""Sheets: reports written as CSV, XLSX and JSON, byte for byte the same each time; and sheets of others read."""
