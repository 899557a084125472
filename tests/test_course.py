"""The stages of a run by number, and an honest time left over all of them."""

from __future__ import annotations

import pytest

from sparserec.course import Course, Lines, News, Stage
from sparserec.units import bytes_text, left_text, seconds_text


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def course_of(*stages):
    """A course of these stages, its clock, and what it told."""
    clock, told = Clock(), []
    course = Course(told.append, clock)
    course.plan([Stage(name, f"doing {name}", work, second) for name, work, second in stages])
    return course, clock, told


TWICE = (("a", 10.0, False), ("b", 20.0, False), ("a", 15.0, True), ("b", 30.0, True))


def test_stages_are_numbered_in_their_order_and_those_left_out_are_skipped():
    course, _, told = course_of(("a", 1, False), ("b", 1, False), ("c", 1, False))
    for name in ("a", "c", "c", "unknown"):
        course.begin(name)
    assert [(news.number, news.stages, news.words) for news in told] == [(1, 3, "doing a"), (3, 3, "doing c")]


def test_before_anything_is_known_the_time_left_is_what_is_expected():
    course, _, _ = course_of(*TWICE)
    assert course.left() == 75
    course.begin("a")
    assert course.left() == 75


def test_stages_that_will_not_come_count_no_more():
    course, _, told = course_of(*TWICE)
    course.begin("a")
    course.only("a")
    assert course.left() == 25
    course.second()
    course.begin("a")
    assert [(news.number, news.stages) for news in told] == [(1, 4), (2, 2)]


def test_the_second_training_is_planned_anew_and_the_first_stays_as_it_is_known():
    course, _, told = course_of(*TWICE)
    course.begin("a")
    course.only("a")
    course.plan_second([Stage(name, "anew", work, second) for name, work, second in TWICE])
    course.second()
    course.begin("b")
    assert (told[-1].number, told[-1].stages, told[-1].words) == (3, 3, "anew")


def test_in_a_process_that_did_not_do_the_first_training_all_is_planned():
    course = Course()
    course.plan_second([Stage(*stage[:1], "anew", *stage[1:]) for stage in TWICE])
    course.second()
    course.begin("a")
    assert course.stage == Stage("a", "anew", 15.0, True)


def test_a_slow_machine_stretches_all_that_is_left():
    """After 40 s for 10 expected ones, the rest is expected to be nearly four times as long too."""
    course, clock, _ = course_of(("a", 10.0, False), ("b", 20.0, False))
    course.begin("a")
    clock.now += 40
    course.begin("b")
    assert 60 < course.left() < 80


def test_a_stage_that_counts_is_extrapolated_by_itself():
    course, clock, _ = course_of(("a", 10.0, False))
    course.begin("a")
    clock.now += 30
    course.count(1, 4)
    assert course.left() == 90
    course.count(4, 4)
    assert course.left() == 0


def test_a_second_training_takes_as_long_as_the_first_for_as_much_more_work():
    course, clock, _ = course_of(*TWICE)
    course.begin("a")
    clock.now += 100
    course.begin("b")
    clock.now += 4
    course.count(1, 2)
    # b has 4 s to go and takes 8; the second training takes 1.5 times 100 and 1.5 times 8
    assert course.left() == pytest.approx(4 + 150 + 12)
    clock.now += 4
    course.second()
    course.begin("a")
    assert course.left() == pytest.approx(150 + 12)
    clock.now += 150
    course.begin("b")
    assert course.left() == pytest.approx(12)


def test_a_stage_of_the_second_training_that_takes_longer_than_expected_is_never_said_to_be_over():
    course, clock, _ = course_of(("a", 1.0, False))
    course.begin("a")
    for seconds in (10, 100, 1000):
        clock.now += seconds
        assert course.left() > 1


def test_the_time_left_only_falls_where_all_goes_as_expected():
    course, clock, told = course_of(*TWICE)
    lefts = []
    for second in (False, True):
        if second:
            course.second()
        for name, work in (("a", 10), ("b", 20)):
            course.begin(name)
            for done in range(1, 11):
                clock.now += work * (1.5 if second else 1) / 10
                course.count(done, 10)
                lefts.append(course.left())
    course.end()
    assert lefts == sorted(lefts, reverse=True)
    assert lefts[9] == pytest.approx(65, rel=0.01)
    assert told[-1].kind == "end"
    assert told[-1].left == 0


def test_a_plan_that_is_made_anew_keeps_the_stage_that_goes_on_and_what_others_took():
    course, clock, told = course_of(*TWICE)
    course.begin("a")
    clock.now += 100
    course.begin("b")
    course.plan([*(Stage(name, "again", work, second) for name, work, second in TWICE), Stage("c", "more", 1.0, True)])
    course.count(1, 2)
    assert (told[-1].number, told[-1].stages) == (2, 5)
    clock.now += 10
    assert course.left() > 150  # a again


def test_without_a_plan_nothing_is_numbered_and_words_are_passed_on():
    told = []
    course = Course(told.append)
    course.begin("a")
    course.note("something")
    assert [(news.kind, news.number, news.words) for news in told] == [("note", 0, "something")]
    assert course.left() is None
    assert Course().left() is None  # and nobody has to listen


def test_lines_are_for_stages_notes_and_now_and_then_for_what_is_counted():
    lines: list[str] = []
    listen = Lines(lines.append)
    listen(News("note", "3 users"))
    listen(News("stage", "training", 2, 8, left=130.0))
    for seconds in (1, 9, 11, 12, 22):
        listen(News("count", "training", 2, 8, done=seconds, total=2000, left=40.0, seconds=seconds))
    listen(News("detail", "rank 7", 2, 8))
    listen(News("end", "", 8, 8))
    assert lines == [
        "3 users",
        "2 of 8: training ... (about 2 min left at most)",
        "2 of 8: training: 11 of 2,000 (about 40 s left at most)",
        "2 of 8: training: 22 of 2,000 (about 40 s left at most)",
    ]
    Lines(lines.append, verbose=True)(News("detail", "rank 7", 2, 8))
    assert lines[-1] == "  rank 7"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "a few s"),
        (7, "a few s"),
        (8, "about 10 s"),
        (43, "about 45 s"),
        (58, "about 1 min"),
        (200, "about 3 min"),
        (4000, "about 1 h 05 min"),
    ],
)
def test_an_estimate_is_no_more_exact_than_it_can_be(seconds, words):
    assert left_text(seconds) == words


def test_bytes_and_durations():
    assert [bytes_text(count) for count in (12, 3400, 1_234_567, 2e9)] == ["12 B", "3.4 kB", "1.2 MB", "2.0 GB"]
    assert [seconds_text(seconds) for seconds in (8.4, 125, 4200)] == ["8 s", "2 min 05 s", "1 h 10 min"]
