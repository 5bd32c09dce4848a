import multiprocessing
import os
import subprocess
import sys
import time

import pytest

from course_utils.measuring import timing
from course_utils.measuring.timing import Epoch

# CPU time


def burn(seconds):
    """Work until this process has used so much more CPU time."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass
    return os.getpid()


def burn_in_a_grandchild(seconds):
    code = (
        "import time\nuntil = time.process_time() + " + str(seconds) + "\n"
        "while time.process_time() < until: pass"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_cpu_time_of_this_process_counts_work_and_not_waiting():
    began = timing.cpu_seconds()
    burn(0.1)
    worked = timing.cpu_seconds() - began
    began = timing.cpu_seconds()
    time.sleep(0.3)
    waited = timing.cpu_seconds() - began
    assert 0.1 <= worked < 0.25
    assert waited < 0.15


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_cpu_time_of_living_and_ended_children_is_counted_once(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no start method {method} here")
    began = timing.cpu_seconds()
    with multiprocessing.get_context(method).Pool(2) as pool:
        workers = set(pool.map(burn, [0.2, 0.2], chunksize=1))
        living = timing.cpu_seconds() - began
        pool.close()
        pool.join()
    ended = timing.cpu_seconds() - began
    assert workers.isdisjoint({os.getpid()})
    # Starting the workers costs CPU time too, so there is no upper bound to `living`; but what
    # is counted twice while they live would be missing when they have ended.
    assert living >= 0.38
    assert living - 0.1 <= ended < living + 0.5


def test_cpu_time_of_a_grandchild_is_counted_while_its_parent_lives_and_after():
    began = timing.cpu_seconds()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.map(burn_in_a_grandchild, [0.3])
        living = timing.cpu_seconds() - began
        pool.close()
        pool.join()
    assert living >= 0.28
    assert timing.cpu_seconds() - began >= 0.28


def test_children_that_vanish_while_they_are_counted_do_no_harm():
    children = [
        subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(0.05)"])
        for _ in range(8)
    ]
    last = timing.cpu_seconds()
    while any(child.poll() is None for child in children):
        last = timing.cpu_seconds()
    assert timing.cpu_seconds() >= last - 0.08


# One epoch


def test_an_epoch_times_the_first_element_apart_from_the_rest(clock):
    def generate():
        clock.now += 2.0
        yield [1, 2, 3]
        for _ in range(4):
            clock.now += 0.25
            yield [1, 2]
        clock.now += 0.5

    found = timing.epoch(generate(), len, clock=clock)
    assert (found.elements, found.items, found.first_items) == (5, 11, 3)
    assert (found.first_seconds, found.rest_seconds, found.seconds) == (2.0, 1.5, 3.5)
    assert found.per_second_overall == pytest.approx(11 / 3.5)
    assert found.per_second_after_first == pytest.approx(8 / 1.5)
    assert found.seconds_per_item == pytest.approx(3.5 / 11)
    assert found.cpu_ms_per_item == pytest.approx(1000 * found.cpu_seconds / 11)


def test_building_the_iterator_counts_to_the_first_element(clock):

    class Slow:
        def __iter__(self):
            clock.now += 3.0
            return iter([1, 2])

    assert timing.epoch(Slow(), clock=clock).first_seconds == 3.0


def test_without_a_function_each_element_is_one_item():
    found = timing.epoch(["ab", "cd", "ef"])
    assert (found.elements, found.items, found.first_items) == (3, 3, 1)


def test_an_epoch_of_one_element_has_the_overall_pace(clock):
    found = timing.epoch(clock.pipeline(2.0, elements=1)(), len, clock=clock)
    assert found.per_second_after_first == found.per_second_overall == 4.0


def test_an_empty_epoch_says_what_is_likely():
    spent = iter([1])
    list(spent)
    with pytest.raises(ValueError, match=r"no element.*fresh one"):
        timing.epoch(spent)


def test_items_that_count_nothing_are_refused():
    with pytest.raises(ValueError, match="counted 0 items in 2 elements"):
        timing.epoch([1, 2], lambda element: 0)


def test_waiting_and_working_show_in_the_real_clocks():
    def generate():
        for _ in range(4):
            time.sleep(0.02)
            yield 1
        burn(0.05)

    found = timing.epoch(generate())
    assert found.first_seconds >= 0.02
    assert found.rest_seconds >= 0.06 + 0.05
    assert 0.05 <= found.cpu_seconds < 0.2


def test_an_epoch_shows_itself():
    found = Epoch(64, 0.25, 0.75, 2.0, 2048, 32)
    assert str(found) == repr(found)
    assert repr(found) == (
        "64 elements, 2,048 items in 1 s (the first after 0.25 s): 2,050 items/s overall, "
        "2,690 after the first element; 0.977 CPU ms per item"
    )


class Shaped:
    def __init__(self, *shape):
        self.shape = shape


@pytest.mark.parametrize(
    ("element", "length"),
    [
        ([1, 2, 3], 3),
        ([], 0),
        (Shaped(32, 224, 224, 3), 32),
        ((Shaped(16, 2), Shaped(16)), 16),
        ({"image": Shaped(8, 2), "label": Shaped(8)}, 8),
        (((Shaped(4, 2), Shaped(4)), Shaped(4)), 4),
        (b"abcde", 5),
    ],
)
def test_the_length_of_a_batch_is_the_first_dimension_of_its_first_component(element, length):
    assert timing.batch_length(element) == length


@pytest.mark.parametrize("element", [7, Shaped(), Shaped(None, 3), (3, 4)])
def test_what_has_no_length_says_what_to_give(element):
    with pytest.raises(TypeError, match="items="):
        timing.batch_length(element)


def test_the_items_of_all_elements_together_can_be_given_as_a_number():
    times = iter([0.0, 1.0, 3.0])
    measured = timing.epoch([[1, 2, 3], [4]], 4, clock=lambda: next(times))
    assert (measured.elements, measured.items, measured.first_items) == (2, 4, 2)
    assert measured.per_second_overall == pytest.approx(4 / 3)
    assert measured.per_second_after_first == pytest.approx(1)


def test_no_items_at_all_are_refused():
    with pytest.raises(ValueError, match="items= counted 0 items in 1 elements"):
        timing.epoch([1], 0)
