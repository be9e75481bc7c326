"""Tryton with its lots and productions, on SQLite in this process: its own lot traces, one look at a time.

A lot for each item; for each event and each thing that it took in a production that took it, with what came of it.
"""

import asyncio
import csv
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from bench.rivals.rival import SPARED, CannotRun, Exported, small_enough
from bench.rivals.walking import Link, Walk
from bench.rows import RowSet, of_rows
from bench.world import WORK

_TEMPLATE = WORK / "tryton-template.sqlite"
"""A database with the modules, made once."""
_NAME = "bench"
_DAY = "2024-01-08"
_SETUP_SECONDS = 300
_SHEETS = {
    "stock_lot": "id, number, product",
    "production": "id, number, state, company, location, warehouse",
    "stock_move": (
        "id, product, lot, from_location, to_location, quantity, internal_quantity, unit, company, effective_date,"
        " state, production_input, production_output"
    ),
}


def set_up() -> None:
    """The database with the modules that lots and productions need, unless it is there: some 12 s of processor time.

    Raises what `subprocess.run` does.
    """
    if _TEMPLATE.exists():
        return
    with tempfile.TemporaryDirectory(prefix="bench-tryton-") as made:
        folder = Path(made)
        database, password, config = folder / f"{_NAME}.sqlite", folder / "password", _configured(folder)
        database.touch()
        password.write_text("bench\n")
        admin = [str(Path(sys.executable).with_name("trytond-admin")), "-c", str(config), "-d", _NAME]
        modules = ["-u", "stock_lot", "production", "--activate-dependencies"]
        for more in (["--all", "--email", "bench@example.com"], modules):
            subprocess.run(
                [*admin, *more],
                env={**os.environ, "TRYTONPASSFILE": str(password)},
                check=True,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=_SETUP_SECONDS,
            )
        _TEMPLATE.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(database, _TEMPLATE.with_suffix(".new"))
        _TEMPLATE.with_suffix(".new").rename(_TEMPLATE)


def _configured(folder: Path) -> Path:
    config = folder / "trytond.conf"
    config.write_text(f"[database]\nuri = sqlite://\npath = {folder}\n")
    return config


class Tryton:
    """`stock.lot.trace` and its upward traces, as its own screens follow them."""

    name = "Tryton"
    handicap = SPARED

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="bench-tryton-"))
        self._states: dict[str, list[str]] = {}
        self._pool: Any = None

    async def load(self, exported: Exported) -> None:
        small_enough(exported)
        try:
            await asyncio.to_thread(self._load, exported)
        except (subprocess.SubprocessError, OSError, sqlite3.Error, ImportError) as error:
            raise CannotRun(f"it could not be set up: {error}") from error

    def _load(self, exported: Exported) -> None:
        config = _configured(self._folder)
        set_up()
        shutil.copy(_TEMPLATE, self._folder / f"{_NAME}.sqlite")
        self._start(config)
        self._fill(exported)

    def _start(self, config: Path) -> None:
        import trytond.config

        getattr(trytond.config, "config", trytond.config).update_etc(str(config))
        from trytond.pool import Pool

        Pool.start()
        self._pool = Pool(_NAME)
        self._pool.init()
        with self._transaction():
            [currency] = self._pool.get("currency.currency").create([{"name": "Yuan", "code": "CNY", "symbol": "¥"}])
            [party] = self._pool.get("party.party").create([{"name": "Factory"}])
            self._pool.get("company.company").create([{"party": party.id, "currency": currency.id}])
            [unit] = self._pool.get("product.uom").search([("symbol", "=", "u")])
            made = [("create", [{"code": "THING"}])]
            thing = {"name": "Thing", "type": "goods", "default_uom": unit.id, "producible": True, "products": made}
            self._pool.get("product.template").create([thing])

    def _transaction(self) -> Any:
        from trytond.transaction import Transaction

        return Transaction().start(_NAME, 1, context={"company": 1})

    def _fill(self, exported: Exported) -> None:
        with exported.file("states").open(newline="") as file:
            self._states = {item: state for item, *state in list(csv.reader(file))[1:]}
        made: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
        with exported.file("links").open(newline="") as file:
            for source, target, *told in list(csv.reader(file))[1:]:
                made[(source, *told)].append(target)
        lots = {item: n for n, item in enumerate(sorted({i for k, to in made.items() for i in (k[0], *to)}), start=1)}
        with sqlite3.connect(self._folder / f"{_NAME}.sqlite") as database:
            places = dict(
                database.execute("SELECT type, max(id) FROM stock_location WHERE code IS NOT NULL GROUP BY type")
            )
            [stock] = database.execute("SELECT id FROM stock_location WHERE code = 'STO'").fetchone()
            self._insert(database, "stock_lot", [(n, item, 1) for item, n in lots.items()])
            productions: list[tuple[Any, ...]] = []
            moves: list[tuple[Any, ...]] = []
            for number, ((source, *told), targets) in enumerate(made.items(), start=1):
                productions.append((number, "|".join(told), "done", 1, places["production"], places["warehouse"]))
                ends: list[tuple[Any, ...]] = [(source, stock, places["production"], number, None)]
                ends += [(target, places["production"], stock, None, number) for target in targets]
                for item, left, right, into, out in ends:
                    row = (len(moves) + 1, 1, lots[item], left, right, 1, 1, 1, 1, _DAY, "done", into, out)
                    moves.append(row)
            self._insert(database, "production", productions)
            self._insert(database, "stock_move", moves)
            database.execute("CREATE INDEX IF NOT EXISTS bench_lot ON stock_move (lot)")
            database.execute("CREATE INDEX IF NOT EXISTS bench_out ON stock_move (production_output)")

    @staticmethod
    def _insert(database: sqlite3.Connection, table: str, rows: list[tuple[Any, ...]]) -> None:
        columns = _SHEETS[table]
        marks = ", ".join("?" * len(columns.split(",")))
        database.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)

    async def ask(self, lot: str) -> list[tuple[str, ...]]:
        return await asyncio.to_thread(self._ask, lot)

    def _ask(self, lot: str) -> list[tuple[str, ...]]:
        walk = Walk(lot)
        with self._transaction():
            trace = self._pool.get("stock.lot.trace")
            taken = trace.search([("lot.number", "=", lot), ("production_input", "!=", None)])
            while taken:
                links, after = [], {}
                for one in taken:
                    relation, event_id, possible = one.production_input.number.split("|")
                    for out in one.upward_traces:
                        target = out.lot.number
                        links.append(Link(relation, one.lot.number, target, event_id, possible == "t"))
                        after[target] = out
                walk.step(links)
                taken = [t for item in walk.fresh for t in after[item].upward_traces if t.production_input]
        return walk.rows(self._states)

    def rows(self, answer: list[tuple[str, ...]]) -> RowSet:
        return of_rows(answer)

    async def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
