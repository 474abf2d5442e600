"""When a run may end early."""

from idim_cli.runs.early_stop import Goal

# Three evaluations after each of which the best so far rises by .05 to .2, .01 to .1 and 0.
GOAL = Goal(0.9, ((0.05, 0.2), (0.01, 0.1), (0.0, 0.0)))


def test_a_run_is_solved_when_it_has_reached_the_level_and_will_not_fall_below():
    assert GOAL.verdict([0.9]) == "solved"
    assert GOAL.verdict([0.89]) is None  # will rise to .94 at least, but has not reached the level
    falls = Goal(0.9, ((-0.02, 0.1), (0.0, 0.0)))
    assert falls.verdict([0.91]) is None
    assert falls.verdict([0.92]) == "solved"


def test_the_best_evaluation_counts():
    assert GOAL.verdict([0.1, 0.95, 0.2]) == "solved"


def test_a_run_is_unsolved_when_even_the_largest_gain_leaves_it_below():
    assert GOAL.verdict([0.69]) == "unsolved"
    assert GOAL.verdict([0.71]) is None
    assert GOAL.verdict([0.71, 0.79]) == "unsolved"


def test_the_bounds_of_the_final_performance():
    assert GOAL.final([0.5, 0.25]) == (0.51, 0.6)


def test_every_number_of_a_goal_is_part_of_its_identity():
    others = [Goal(0.8, GOAL.gains), Goal(0.9, (*GOAL.gains[:2], (0.0, 0.1)))]
    assert len({goal.identity for goal in (GOAL, *others)}) == 3
