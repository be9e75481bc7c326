"""Capture: events come in over HTTP and are in the log before they are acknowledged."""
