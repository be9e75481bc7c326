"""What the command line says, in Chinese."""

CHINESE: dict[str, str] = {}
