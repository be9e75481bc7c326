"""The `zhuisu` command."""
