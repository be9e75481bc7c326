"""One module a question: its routes, its SQL where it has some of its own, its answer (DESIGN §2)."""
