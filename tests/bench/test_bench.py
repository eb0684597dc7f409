"""Each bench runs, tiny and without a threshold; `make bench` measures."""

import pytest

from tests.bench.__main__ import BENCHES
from tests.bench.figures import BEGIN, END, Figure, percentile, table, written_into
from tests.harness import World

PEOPLE = 40


@pytest.mark.kafka
@pytest.mark.parametrize("name", BENCHES)
def test_it_measures(name: str, world: World) -> None:
    figures = list(BENCHES[name](world, PEOPLE))
    assert figures
    assert all(figure.value > 0 for figure in figures if "memory" not in figure.what)
    assert all(figure.compared_to for figure in figures if figure.baseline is not None)


def test_a_table_says_what_was_measured_against_what() -> None:
    figures = [Figure("gateway", 1234.5, "webhooks/s", 2469.0, "bare endpoint", "half of it")]
    written = table(figures, 1000)
    assert "| gateway | 1,234 webhooks/s | 2,469 (bare endpoint) | 0.50 | half of it |" in written
    assert written_into(f"a\n{BEGIN}\nold\n{END}\nb", written) == f"a\n{written}\nb"
    with pytest.raises(AssertionError, match="lacks"):
        written_into("no marks", written)


def test_a_percentile_is_the_value_below_which_that_share_lies() -> None:
    values = [float(number) for number in range(1, 101)]
    assert percentile(values, 0.5) == pytest.approx(50.5)
    assert percentile(values, 0.99) == pytest.approx(99.01)
