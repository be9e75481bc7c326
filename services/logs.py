"""Log lines: what happened, with named values; JSON for machines, colours for people. Never secrets or bodies."""

import logging
import sys

import structlog
from structlog.typing import Processor

from services.settings import Settings


def configure(settings: Settings, *, quietly: bool = False) -> None:
    """Set up log lines as settings say, those of libraries too. Composition roots call it once; they go to stderr.

    `quietly`: nothing below a warning, for commands that show people something else meanwhile.
    """
    level: int = getattr(logging, settings.log_level.upper())
    level = max(level, logging.WARNING) if quietly else level
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    # Never the locals of a traceback: they hold keys and bodies.
    last: list[Processor] = [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    if as_json:
        errors = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        last = [structlog.processors.ExceptionRenderer(errors), structlog.processors.JSONRenderer(ensure_ascii=False)]
    first: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*first, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    plain = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*first, structlog.stdlib.add_logger_name], processors=[plain, *last]
        )
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)
