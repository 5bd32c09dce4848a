import contextlib
import csv
import functools
import gc
import inspect
import io
import itertools
import logging
import multiprocessing
import queue
import random
import sqlite3
import types
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from course_utils.feeding.restartable import NotRestartable, SourceAdvanced, drawing

COUNT = 5


def numbers():
    yield from range(COUNT)


def draw(make, count=3, **more):
    with drawing(make, count, **more) as elements:
        return list(elements)


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


# What can be made anew


class Record:
    def __init__(self, rows):
        self.rows, self.position = rows, 0

    def __iter__(self):
        yield from self.rows

    def batches(self):
        return (row for row in self.rows)

    def __call__(self):
        return iter(self)


class Counting:
    """An iterator of its own, made by each call."""

    def __init__(self):
        self.at = -1

    def __iter__(self):
        return self

    def __next__(self):
        self.at += 1
        return self.at


ROWS = list(range(COUNT))
GLOBAL_LOG = []
LOGGER = logging.getLogger(__name__)


def shuffled():
    rng = np.random.default_rng(0)
    order = list(ROWS)
    random.shuffle(order)
    for row in sorted(order):
        GLOBAL_LOG.append(row)
        LOGGER.debug("made %s", row)
        if rng.random() < 2 and np.random.rand() < 2:
            yield row


def read_file(path):
    with open(path, encoding="utf-8") as lines:
        for row in csv.reader(lines):
            yield int(row[0])


def with_a_pool(pool):
    yield from pool.map(int, ROWS)


def its_own_iterator():
    rows = iter(ROWS)
    while True:
        try:
            yield next(rows)
        except StopIteration:
            return


@pytest.mark.parametrize(
    "make",
    [
        numbers,
        lambda: numbers(),
        lambda: ROWS,
        lambda: (row for row in ROWS),
        lambda: map(int, ROWS),
        lambda: range(COUNT),
        lambda: np.arange(COUNT),
        lambda: dict.fromkeys(ROWS),
        functools.partial(range, COUNT),
        functools.partial(iter, ROWS),
        functools.partial(itertools.islice, ROWS, COUNT),
        Record(ROWS),
        Record(ROWS).batches,
        lambda: Record(ROWS),
        functools.partial(Record, ROWS),
        Counting,
        ROWS.__iter__,
        shuffled,
        its_own_iterator,
    ],
)
def test_the_first_elements_come_and_all_of_them_again(make):
    assert draw(make) == [0, 1, 2]
    assert draw(make) == [0, 1, 2]
    assert draw(make, 1) == [0]


def test_fewer_elements_than_asked_for_are_all():
    assert draw(numbers, 100) == list(range(COUNT))


def test_files_opened_by_the_function_and_helpers_are_no_obstacle(tmp_path, capsys):
    path = tmp_path / "rows.csv"
    path.write_text("0\n1\n2\n3\n", encoding="utf-8")
    assert draw(functools.partial(read_file, path)) == [0, 1, 2]
    assert draw(lambda: open(path, encoding="utf-8")) == ["0\n", "1\n", "2\n"]  # noqa: SIM115
    gc.collect()  # a file that was left open would warn
    with ThreadPoolExecutor(1) as pool:
        assert draw(functools.partial(with_a_pool, pool)) == [0, 1, 2]
    with open(tmp_path / "log", "w", encoding="utf-8") as log:

        def logged():
            for row in ROWS:
                print(row, file=log)
                yield row

        assert draw(logged) == [0, 1, 2]


def test_nothing_is_drawn_that_is_not_asked_for():
    made = []

    def noting():
        for row in ROWS:
            made.append(row)
            yield row

    assert draw(noting) == made == [0, 1, 2]


def test_the_generator_is_closed_also_when_looking_fails():
    closed = []

    def closing():
        try:
            yield from ROWS
        finally:
            closed.append(True)

    with drawing(closing, 2) as elements:
        next(elements)
    assert closed == [True]
    with pytest.raises(KeyError), drawing(closing, 2) as elements:
        {}[next(elements)]
    assert closed == [True, True]


def test_what_the_generator_raises_passes_through_and_it_is_closed():
    closed = []

    def raising():
        try:
            yield 1
            raise OSError("no such row")
        finally:
            closed.append(True)

    with pytest.raises(OSError, match="no such row"):
        draw(raising)
    assert closed == [True]


# What would lose elements


class Source:
    def __init__(self, rows):
        self._rows = rows

    def batches(self):
        yield from self._rows

    def __call__(self):
        return self.batches()


class Slotted:
    __slots__ = ("rows",)

    def __init__(self, rows):
        self.rows = rows

    def __call__(self):
        return (row for row in self.rows)


class Cursor:
    def __init__(self, rows):
        self.rows = rows

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.rows)


def closure_reader(shared):
    def make():
        for row in shared:
            yield row + 0

    return make


def nested_reader(shared):
    def make():
        def inner():
            yield from shared

        return inner()

    return make


def calling(shared):
    def helper():
        return next(shared)

    def make():
        while True:
            yield helper()

    return make


def with_default(shared):
    def make(rows=shared):
        yield from rows

    return make


def with_keyword_default(shared):
    def make(*, rows=shared):
        yield from rows

    return make


def in_a_namespace(shared):
    holder = types.SimpleNamespace(rows=shared)
    return lambda: iter(holder.rows)


def decorated(shared):
    def make():
        yield from shared

    @functools.wraps(make)
    def wrapper():
        return make()

    return wrapper


def of_a_class(shared):
    class Rows:
        rows = shared

        def __iter__(self):
            return iter(self.rows)

    return lambda: iter(Rows())


def unseen(shared):
    """What static looking can't find: the call gives the same object twice."""
    deep = {"a": {"b": [shared]}}
    return lambda: deep["a"]["b"][0]


def unseen_in_an_expression(shared):
    deep = {"a": {"b": [shared]}}
    return lambda: (row for row in deep["a"]["b"][0])


FORMS = {
    "lambda": lambda shared: lambda: shared,
    "generator expression": lambda shared: lambda: (row for row in shared),
    "map": lambda shared: lambda: map(str, shared),
    "enumerate": lambda shared: lambda: enumerate(shared),
    "islice": lambda shared: lambda: itertools.islice(shared, 3),
    "list of the rest": lambda shared: lambda: list(shared),
    "closure": closure_reader,
    "nested function": nested_reader,
    "called function": calling,
    "default": with_default,
    "keyword default": with_keyword_default,
    "decorated": decorated,
    "partial of iter": lambda shared: functools.partial(iter, shared),
    "partial with keyword": lambda shared: functools.partial(lambda rows: iter(rows), rows=shared),
    "partial of a partial": lambda shared: functools.partial(functools.partial(iter, shared)),
    "partial of a closure": lambda shared: functools.partial(lambda n: shared, 3),
    "bound __iter__": lambda shared: shared.__iter__,
    "bound method": lambda shared: Source(shared).batches,
    "callable object": lambda shared: Source(shared),
    "slots": lambda shared: Slotted(shared),
    "method called": lambda shared: lambda source=Source(shared): source.batches(),  # noqa: B008
    "namespace": in_a_namespace,
    "in a list": lambda shared: lambda kept=[shared]: kept[0],
    "in a dict": lambda shared: lambda kept={"train": shared}: kept["train"],
    "popped": lambda shared: [shared].pop,
    "class": of_a_class,
    "cached": lambda shared: functools.cache(lambda: shared),
    "unseen": unseen,
    "unseen in an expression": unseen_in_an_expression,
}


@pytest.mark.parametrize("form", FORMS)
def test_what_cannot_be_made_anew_is_refused_and_nothing_is_drawn(form):
    shared = numbers()
    make = FORMS[form](shared)
    with pytest.raises(NotRestartable, match=r"may use them up\..*inside the function.*advance=T"):
        draw(make)
    assert list(shared) == list(range(COUNT))


GLOBAL_ROWS = numbers()


def reads_a_global():
    for row in GLOBAL_ROWS:
        yield row + 0


def through_another():
    return reads_a_global()


def through_a_list_comprehension():
    return [row for row in GLOBAL_ROWS]  # noqa: C416


class GlobalReader:
    def __iter__(self):
        return reads_a_global()


@pytest.mark.parametrize(
    "make",
    [
        reads_a_global,
        lambda: (row for row in GLOBAL_ROWS),
        lambda: through_another(),
        through_another,
        through_a_list_comprehension,
        functools.partial(through_another),
        GlobalReader,
        lambda: GlobalReader(),
        lambda: iter(GlobalReader()),
    ],
)
def test_a_global_is_found_also_through_functions_of_the_module(make):
    with pytest.raises(NotRestartable, match="uses `GLOBAL_ROWS`, a generator made outside"):
        draw(make)
    assert inspect.getgeneratorstate(GLOBAL_ROWS) == inspect.GEN_CREATED


def full_queue():
    full = queue.Queue()
    for row in range(COUNT):
        full.put(row)
    return full


class OwnQueue:
    def __init__(self):
        self.rows = list(range(COUNT))

    def put(self, row):
        self.rows.append(row)

    def get(self):
        return self.rows.pop(0)


@pytest.mark.parametrize("kind", [full_queue, OwnQueue])
def test_a_queue_is_refused_and_stays_full(kind):
    full = kind()

    def make():
        while True:
            yield full.get()

    with pytest.raises(NotRestartable, match="uses `full`, a queue made outside"):
        draw(make)
    assert [full.get() for _ in range(COUNT)] == list(range(COUNT))


def test_an_open_file_is_refused_and_stays_at_its_beginning(tmp_path):
    path = tmp_path / "rows"
    path.write_text("a\nb\n", encoding="utf-8")
    with open(path, encoding="utf-8") as lines:
        for make in (lambda: lines, lambda: (line for line in lines), lines.__iter__):
            with pytest.raises(NotRestartable, match="an open file made outside"):
                draw(make)
        assert lines.read() == "a\nb\n"
    text = io.StringIO("a\nb\n")
    with pytest.raises(NotRestartable, match="an open file"):
        draw(lambda: map(str.strip, text))
    assert text.read() == "a\nb\n"


def test_a_databases_cursor_is_refused():
    with contextlib.closing(sqlite3.connect(":memory:")) as base:
        cursor = base.execute("values (1), (2)")
        with pytest.raises(
            NotRestartable, match=r"argument 1 of the partial, an iterator \(Cursor"
        ):
            draw(functools.partial(iter, cursor))
        assert cursor.fetchall() == [(1,), (2,)]


@pytest.mark.parametrize(
    ("shared", "words"),
    [
        (iter(ROWS), r"`shared`, an iterator \(list_iterator\) made outside"),
        (map(str, ROWS), r"an iterator \(map\)"),
        (itertools.count(), r"an iterator \(count\)"),
        (csv.reader(["1", "2"]), r"an iterator \(reader\)"),
        (Cursor(iter(ROWS)), r"an iterator \(Cursor\)"),
    ],
)
def test_the_sentence_names_the_thing(shared, words):
    with pytest.raises(NotRestartable, match=words):
        draw(lambda: shared)


def test_a_generator_that_has_begun_is_refused():
    deep = {"a": {"b": [numbers()]}}
    next(deep["a"]["b"][0])
    with pytest.raises(NotRestartable, match="a generator that has begun already"):
        draw(lambda: deep["a"]["b"][0])
    assert list(deep["a"]["b"][0]) == [1, 2, 3, 4]
    with pytest.raises(NotRestartable, match="a generator that has begun already"):
        draw(lambda: deep["a"]["b"][0])


@pytest.mark.parametrize("form", ["lambda", "partial of iter", "generator expression", "unseen"])
def test_advance_draws_all_the_same_and_leaves_the_rest(form):
    shared = numbers()
    assert draw(FORMS[form](shared), advance=True) == [0, 1, 2]
    assert list(shared) == [3, 4]


def test_advance_closes_what_the_function_made():
    closed = []

    def closing():
        try:
            yield from ROWS
        finally:
            closed.append(True)

    with drawing(closing, 2, advance=True) as elements:
        next(elements)
        assert not closed
    assert closed == [True]


# What the drawing changed

POSITION = 0


def from_a_position():
    global POSITION
    while True:
        yield POSITION
        POSITION += 1


def test_a_global_number_that_changes_is_told(monkeypatch):
    monkeypatch.setitem(globals(), "POSITION", 0)
    with pytest.warns(SourceAdvanced) as warned:
        draw(from_a_position)
    (text,) = [str(one.message) for one in warned]
    assert text == (
        "Drawing 3 elements changed what the function keeps outside: `POSITION` went from 0 to 2. "
        "If the elements depend on it, the next epoch goes on from there."
    )
    assert warned[0].filename == __file__


def counted_in_a_closure():
    made = 0

    def make():
        nonlocal made
        while True:
            made += 1
            yield made

    return make


class Positioned:
    def __init__(self):
        self.position = 0

    def rows(self):
        while True:
            self.position += 1
            yield self.position

    def __call__(self):
        return self.rows()


def in_an_object():
    state = Positioned()

    def make():
        while True:
            state.position += 1
            yield state.position

    return make


def in_a_plain_namespace():
    state = types.SimpleNamespace(position=0.5)

    def make():
        while True:
            state.position += 1
            yield state.position

    return make


def on_a_class():
    class State:
        position = 0

    def make():
        while True:
            State.position += 1
            yield State.position

    return make


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (counted_in_a_closure(), "`made` went from 0 to 3"),
        (Positioned().rows, r"`self\.position` went from 0 to 3"),
        (Positioned(), r"`self\.position` went from 0 to 3"),
        (in_an_object(), r"`state\.position` went from 0 to 3"),
        (in_a_plain_namespace(), r"`state\.position` went from 0\.5 to 3\.5"),
        (on_a_class(), r"`State\.position` went from 0 to 3"),
    ],
)
def test_a_number_that_changes_is_told_wherever_it_is_kept(make, words):
    with pytest.warns(SourceAdvanced, match="Drawing 3 elements changed.*" + words):
        draw(make)


def popping(items):
    def make():
        while items:
            yield items.pop()

    return make


@pytest.mark.parametrize("items", [list(ROWS), set(ROWS), bytearray(5)])
def test_a_container_that_shrinks_is_told(items):
    with pytest.warns(SourceAdvanced, match="`items` shrank from 5 to 2"):
        draw(popping(items))


def test_a_list_made_by_shrinking_is_told():
    items = list(ROWS)
    with pytest.warns(SourceAdvanced, match="Drawing 2 elements.*`items` shrank from 5 to 3"):
        draw(lambda: [items.pop(), items.pop()])


def test_what_changed_is_told_also_when_the_generator_fails():
    items = list(ROWS)

    def make():
        yield items.pop()
        raise OSError("no such row")

    with (
        pytest.warns(SourceAdvanced, match="Drawing 1 element changed"),
        pytest.raises(OSError, match="no such row"),
    ):
        draw(make)


def test_what_grows_is_fine():
    log, seen, table = [], set(), {}

    def make():
        for row in ROWS:
            log.append(row)
            seen.add(row)
            table[row] = row
            yield row

    assert draw(make) == [0, 1, 2] == log


def test_advance_is_silent():
    assert draw(popping(list(ROWS)), advance=True) == [4, 3, 2]


def test_a_call_is_undone_nowhere_but_made_at_most_twice():
    calls = []

    def make():
        calls.append("called")
        return iter(ROWS)

    draw(make)
    assert len(calls) <= 2


# What is not to be drawn from


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            numbers(),
            r"Found a generator, which can be used once\. Give `numbers` in place of `numb",
        ),
        ((row for row in ROWS), r"Found a generator, which can be used once\. Give a function"),
        (ROWS, r"Found a list of 5: it can't be called\. Give `lambda: elements`"),
        (range(3), r"Found a range of 3: it can't be called"),
        (iter(ROWS), "Found an object of type list_iterator: a function without arguments"),
        (np.zeros(2), r"Found an array of shape \(2,\) and dtype float64: it can't be called"),
        (3, "Found 3: a function without arguments that returns an iterable was expected"),
        (None, "Found None: a function"),
        (read_file, r"can't be called without arguments \(missing a required argument: 'path'\)"),
        (lambda a, b: a, r"Give functools\.partial\(function, \.\.\.\) or a lambda"),
        (lambda: None, r"returned None\. Has it lost its `yield` or its `return`"),
        (lambda: 5, "returned 5, which can't be iterated"),
        (lambda: object(), "returned an object of type object, which can't be iterated"),
    ],
)
def test_what_is_no_such_function_is_refused(make, words):
    with pytest.raises(TypeError, match=words):
        draw(make)


@pytest.mark.parametrize(
    ("count", "error", "words"),
    [
        (0, ValueError, "count must be 1 or more, found 0"),
        (-3, ValueError, "count must be 1 or more, found -3"),
        (True, ValueError, "count must be 1 or more, found True"),
        (2.5, TypeError, r"count must be a whole number, found 2\.5"),
        (None, TypeError, "count must be a whole number, found None"),
        ("8", TypeError, "count must be a whole number, found '8'"),
    ],
)
def test_count_is_a_whole_number_from_1(count, error, words):
    with pytest.raises(error, match=words):
        draw(numbers, count)


def test_a_place_kept_in_a_dict_is_told():
    state = {"position": 0}

    def from_the_place():
        while state["position"] < COUNT:
            yield state["position"]
            state["position"] += 1

    with pytest.warns(SourceAdvanced, match=r"`state\['position'\]` went from 0 to 2"):
        draw(from_the_place)


def test_a_connection_is_refused():
    reader, writer = multiprocessing.Pipe(duplex=False)
    for number in range(COUNT):
        writer.send(number)

    def received():
        while reader.poll():
            yield reader.recv()

    with pytest.raises(NotRestartable, match="a connection made outside"):
        draw(received)
    assert list(received()) == list(range(COUNT))


def test_a_cache_with_get_and_put_is_no_queue():
    class Cache:
        def get(self, key):
            return key

        def put(self, key, value):
            raise AssertionError

    cache = Cache()
    assert draw(lambda: (cache.get(number) for number in range(COUNT))) == [0, 1, 2]


def test_of_a_methods_object_only_what_the_code_mentions_counts():
    class Source:
        def __init__(self):
            self.log = iter("not used")

        def numbers(self):
            yield from range(COUNT)

    assert draw(Source().numbers) == [0, 1, 2]
