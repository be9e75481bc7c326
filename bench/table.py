"""The results as one table, for a terminal."""

from rich.console import Console
from rich.table import Table

from bench.measuring import middle
from bench.results import Results, Row


def show(results: Results, console: Console) -> None:
    """Every row, then what it was measured on, then what was not met or not run."""
    table = Table(show_lines=False, expand=False)
    for name in ("case", "size", "against", "ours", "theirs", "median", "min", "max", "bar", "met", "equal"):
        table.add_column(name, overflow="fold", justify="left" if name in ("case", "against") else "right")
    for row in results.rows:
        table.add_row(*_cells(row))
    console.print(table)
    for name, told in results.about.items():
        told = ", ".join(f"{k} {v}" for k, v in told.items()) if isinstance(told, dict) else told
        console.print(f"{name}: {told}", highlight=False)
    for row in results.rows:
        if row.note and not row.ratios:
            console.print(f"{row.case}, {row.against}: {row.note}", highlight=False)
    for against, told in dict.fromkeys((row.against, row.handicap) for row in results.rows if row.handicap):
        console.print(f"{against}: {told}", highlight=False)
    if missed := [row for row in results.rows if row.met is False]:
        told = "; ".join(f"{r.case} {r.size} against {r.against}" for r in missed)
        console.print(f"{len(missed)} bars not met (bench/README.md says why): {told}", highlight=False)
    if results.wrong:
        console.print("[red]Answers differ from the reference, or could not be measured: the run fails[/red]")
    elif results.rows:
        console.print("All answers that were compared equal the reference in every column.")


def _cells(row: Row) -> list[str]:
    ratios = [f"{value:.3g}" for value in (middle(row.ratios), min(row.ratios), max(row.ratios))] if row.ratios else []
    return [
        row.case,
        row.size,
        row.against,
        _measure(row.ours, row.unit),
        _measure(row.theirs, row.unit),
        *(ratios or ["–"] * 3),
        str(row.bar or ""),
        _word(row.met),
        _word(row.equal),
    ]


def _word(value: bool | None) -> str:
    return "" if value is None else "yes" if value else "[red]NO[/red]"


def _measure(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    if unit == "s":
        return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"
    return f"{value:,.0f} {unit}"
