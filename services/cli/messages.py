"""What the command line says, in the reader's language. English is written where it is said; Chinese is looked up."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from services.cli.chinese import CHINESE

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
EXAMPLE = "Example: "


class Say:
    """Says things in one language: `say("{count} events", count=3)`."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, english: str, **values: object) -> str:
        """The sentence in this language, its `{names}` filled in. What has no translation stays English."""
        text = CHINESE.get(english, english) if self.language == "zh" else english
        return text.format(**values) if values else text


def language_of(environ: Mapping[str, str], arguments: Sequence[str] = ()) -> Language:
    """`--lang` among the arguments wins; else the locale (LC_ALL, LC_MESSAGES, LANG): Chinese for zh…, else English."""
    for here, following in zip(arguments, [*arguments[1:], ""], strict=False):
        given = following if here == "--lang" else here.removeprefix("--lang=") if here.startswith("--lang=") else ""
        if given:
            return "zh" if given.lower().startswith("zh") else "en"
    locale = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return "zh" if locale.lower().startswith("zh") else "en"


def translate_help(command: Any, say: Say) -> None:
    """Put the help of a command (click's, or the copy inside typer), its options and subcommands into the language."""
    command.help = translated(command.help, say) if command.help else command.help
    asking_help = command.get_help_option(command.context_class(command, help_option_names=["-h", "--help"]))
    for parameter in [*command.params, *([asking_help] if asking_help else [])]:
        if getattr(parameter, "help", None):
            parameter.help = say(parameter.help)
        parameter.rich_help_panel = say("Options") if parameter.param_type_name == "option" else say("Arguments")
    for inner in getattr(command, "commands", {}).values():
        inner.rich_help_panel = say("Commands")
        translate_help(inner, say)


def blocks(text: str) -> list[str]:
    """A help text in pieces: its paragraphs, and its examples each by itself."""
    pieces: list[str] = [""]
    for line in text.split("\n"):
        if line.startswith(EXAMPLE) or not line or pieces[-1].startswith(EXAMPLE) or not pieces[-1]:
            pieces.append(line)
        else:
            pieces[-1] += "\n" + line
    return pieces[1:]


def translated(text: str, say: Say) -> str:
    """A help text in the language; commands in examples are the same in all."""
    told = [
        say(EXAMPLE) + piece.removeprefix(EXAMPLE) if piece.startswith(EXAMPLE) else say(piece) if piece else ""
        for piece in blocks(text)
    ]
    return "\n".join(told)
