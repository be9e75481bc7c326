"""Steps in which lots with quantities and scans of serials say the same thing, or nearly."""

from decimal import Decimal

from hypothesis import strategies as st

LOTS_OF_V = ["lot:V/1", "lot:V/2"]


@st.composite
def scan_steps(draw: st.DrawFn) -> tuple[str, tuple[object, ...]]:
    hour = draw(st.integers(1, 8))
    match draw(st.sampled_from(["lot", "lot", "fit_lot", "scan", "scan", "cell"])):
        case "lot":
            return "counted", (hour, draw(st.sampled_from(LOTS_OF_V)), Decimal(draw(st.integers(1, 2))), "U/1", False)
        case "fit_lot":
            return "counted", (hour, draw(st.sampled_from(LOTS_OF_V)), Decimal(1), "U/1", True)
        case "scan":
            return "fit", (hour, "U/1", draw(st.sampled_from(["V/1", "V/2"])))
        case _:
            return "member", (hour, draw(st.sampled_from(["V/1", "V/2"])), draw(st.sampled_from(LOTS_OF_V)))
