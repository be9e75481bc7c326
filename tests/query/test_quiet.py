"""Items about which no conflict was found are not looked at again for the same events, and for no others."""

from services.query.conflicts import Quiet


def test_only_what_was_looked_at_is_quiet() -> None:
    quiet = Quiet()
    quiet.add(["a", "b"], {1, 2})
    quiet.add(["c"], {2, 3})
    assert quiet.covers(["a", "b"], {1})
    assert quiet.covers(["a", "c"], {2})
    assert not quiet.covers(["a", "c"], {1}), "of c the event 1 was not asked about"
    assert not quiet.covers(["a", "d"], {1})
    quiet.add(["c"], {1})
    assert quiet.covers(["a", "c"], {1, 2})
    assert not quiet.covers(["a", "c"], {1, 2, 3})
