"""The projector: reads the log and keeps the views."""
