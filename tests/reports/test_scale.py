import pytest

from idim_cli.reports.scale import Scale, around, d_scale, decimals, labels, use_log

PAPER = [10, 50, 100, 200, 300, *range(350, 801, 25), 850, 900, 1000, 1250, 1500]


@pytest.mark.parametrize(
    ("d", "log"),
    [
        ([10, 30, 100, 300, 1000, 3000], True),
        ([1, 10, 100_000], True),
        (PAPER, False),  # wide, but laid out by steps
        ([1, *range(100, 2001, 100)], False),
        ([450, 550, 650, 750], False),
        ([100], False),
        ([], False),
        ([0, 10, 1000], False),
    ],
)
def test_log_axis_is_for_grids_spread_by_ratio(d, log):
    assert use_log(d) is log


def test_place_is_linear_or_by_ratio_and_stays_inside():
    assert Scale(0, 10).place(2.5) == 0.25
    assert Scale(1, 10_000, log=True).place(100) == pytest.approx(0.5)
    assert (Scale(0, 10).place(-1), Scale(0, 10).place(float("inf"))) == (0, 1)


def test_around_equal_values_still_has_a_span():
    for values in ([0.5, 0.5], [0.0], [-3.0]):
        scale = around(values)
        assert scale.low < min(values) <= max(values) < scale.high
    assert around([100], log=True).place(100) == pytest.approx(0.5)


def test_axis_of_d_starts_at_zero_unless_the_grid_is_far_from_it():
    assert d_scale(PAPER, log=False).low == 0
    assert d_scale([100], log=False).low == 0
    assert d_scale([900, 1000], log=False).low > 800


@pytest.mark.parametrize(
    "scale", [Scale(0, 1500), Scale(7, 150_000, log=True), Scale(450, 750, log=True), Scale(0.1, 1.02)]
)
def test_ticks_are_round_inside_and_no_more_than_fit(scale):
    ticks = scale.ticks(lambda ticks: len(ticks) <= 6)
    assert 2 <= len(ticks) <= 6
    assert all(scale.low <= tick <= scale.high for tick in ticks)
    assert all(len(f"{tick:g}".rstrip("0").replace("0.", "")) <= 2 for tick in ticks)


def test_no_ticks_when_none_fit():
    assert Scale(0, 1).ticks(lambda _: False) == []


def test_labels_and_decimals():
    assert labels([0, 500, 1000, 1500]) == ["0", "500", "1,000", "1,500"]
    assert labels([100, 1000, 12_500, 1e6]) == ["100", "1k", "12.5k", "1M"]
    assert labels([]) == []
    assert [decimals(span) for span in (0.9, 0.02, 3, 195, 0)] == [3, 4, 2, 0, 3]
