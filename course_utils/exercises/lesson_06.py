"""The exercises of lesson 06: rows in chunks, bytes at the border, a verdict, a prediction."""

from __future__ import annotations

import itertools
import math
import re
import statistics
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from numbers import Real
from typing import NoReturn

import numpy as np
import tensorflow as tf

from course_utils.classroom.exercise import Exercise, Mistake, Wrong, first
from course_utils.measuring.watch import settled

# ---------------------------------------------------------------------------------- 06.verdict

MEAN = (
    "Your verdicts are those of the mean of the ratios. One round in which something else ran on "
    "the machine moves the mean as far as it likes; the median stays. Take `statistics.median`."
)
TOTALS = (
    "Your verdicts are those of one ratio of two totals, all seconds of ours to all of the "
    "control's. One slow round weighs as much as all the others there. Divide round by round, and "
    "take the median of these ratios."
)
RATIO_OF_MEDIANS = (
    "Your verdicts are those of one ratio of two medians. The two middle values may come from "
    "different rounds, of which one ran while the machine was slow. Divide round by round first, "
    "then take the median of these ratios."
)
BEST_OF = (
    "Your verdicts are those of the best rounds: the shortest time of ours by the shortest of the "
    "control's. They may come from different rounds, and a single lucky one decides. Divide round "
    "by round, and take the median of these ratios."
)
FIRST_ROUND = (
    "Your verdicts are those of the first round alone. It may be the odd one out. Divide in each "
    "round, and take the median of all these ratios."
)
SORTED = (
    "Your verdicts are those of sorted times: sorting tears the rounds apart, so a time of ours is "
    "divided by one that was measured when the machine was faster or slower. Leave the order: "
    "places of the lists that are equal are one round."
)
SWAPPED = (
    'Your verdicts are upside down: you say "slower" where ours is faster, and "faster" where it '
    "is slower. These are seconds, so a ratio ours / control below 1 means that ours is faster."
)
NOISE_IGNORED = (
    "Your verdicts are those of a comparison with a single number, such as 1 or the middle of "
    "again / control, so every ratio is a difference to you. The control isn't always as fast as "
    "itself: a difference counts only outside of all its ratios to itself, 1 and again / control, "
    "from the smallest to the largest."
)
LEFT_OUT_1 = (
    "Your limits are the smallest and the largest of again / control, and nearly that is asked "
    "for. But where the control's second run was slower in every round, say 1.19 to 2 times, they "
    'would call a pipeline at 1.01 "faster". Its first run counts as well, and its ratio is 1: '
    "put 1 among the ratios again / control."
)
ONE_OF_TWO = (
    "Of an even number of rounds two ratios are in the middle, and your verdicts take one of them, "
    "as `median_low`, `median_high` and `sorted(ratios)[len(ratios) // 2]` do. The median lies "
    "midway between them: `statistics.median(ratios)`."
)
TURNED_OVER = (
    "Your verdicts are those of control / ours. Of an even number of rounds the median lies midway "
    "between two ratios, and midway isn't the same once they are turned over: of 0.5 and 1.5 it's "
    "1, and of 2 and 0.67 it's 1.33, which is 0.75 turned back. Divide ours / control."
)
A_LIMIT_OF_ITS_OWN = (
    "Your verdicts are those of a limit that you chose, such as 5 %. How much two equal pipelines "
    "differ depends on the machine and on the hour. Take it from what was measured: the smallest "
    "and the largest of 1 and the ratios again / control."
)
EVERY_ROUND = (
    "Your verdicts ask that ours wins, or loses, in every round. One round that was disturbed then "
    "hides what all the others show. Compare the median of the ratios ours / control."
)
DIFFERENCES = (
    "Your verdicts are those of differences in seconds, ours - control. A tenth of a second is "
    "much in a fast round and little in a slow one. Divide: ours / control."
)
AGAINST_AGAIN = (
    "Your verdicts are those of ours / again. Ours is compared with the control, and its second "
    "run, again / control, shows how much equal things differ. Take the ratios ours / control."
)
EVENLY_AROUND_1 = (
    "Your verdicts take the noise to reach as far below 1 as above it. It seldom does: take the "
    "smallest and the largest of 1 and the ratios again / control as they are."
)
CURLY = (
    'The third verdict came with another apostrophe than the straight one. Write it "can\'t tell", '
    "in double quotation marks."
)

VERDICTS = ("faster", "slower", "can't tell")

# ours, control, again: seconds, a place is a round. Chosen so that every wrong rule below gives
# other verdicts than the right one and than each other one. None lies near a limit.
ROUNDS = (
    ([1.0, 1.1, 1.0], [2.0, 2.1, 2.0], [2.1, 2.0, 2.1]),
    ([0.031, 0.030, 0.033, 0.034], [0.020, 0.021, 0.022, 0.020], [0.021, 0.020, 0.022, 0.021]),
    ([2.8, 1.8, 5.4, 2.7, 0.9], [1.0, 2.0, 2.0, 3.0, 2.9], [1.1, 1.9, 2.1, 2.8, 2.9]),
    ([0.8, 2.4, 3.6, 1.2, 0.8], [1.0, 1.0, 2.9, 1.0, 3.0], [1.0, 0.9, 3.0, 1.1, 3.0]),
    ([6.0, 2.0, 2.0, 1.5, 2.0], [2.0, 2.0, 2.0, 1.0, 2.0], [1.9, 2.1, 1.9, 0.9, 2.1]),
    ([0.8, 2.4, 0.8, 0.8, 1.2], [1.0, 3.0, 1.0, 1.0, 1.0], [1.0, 2.8, 1.1, 1.1, 1.1]),
    ([1.1, 2.2, 3.4, 1.1, 2.2], [1.0, 2.0, 2.9, 1.0, 2.0], [1.0, 1.9, 3.0, 1.0, 2.1]),
    ([2.7, 8.1, 2.6, 0.9, 2.8], [3.0, 3.0, 1.0, 3.1, 2.9], [3.2, 3.2, 0.9, 3.3, 3.0]),
    ([3.2, 3.3, 2.2, 1.1, 1.1], [3.0, 3.1, 2.0, 1.0, 1.5], [3.2, 3.3, 2.0, 1.1, 1.4]),
    ([0.97, 0.97, 0.98, 0.96, 0.97], [1.0, 1.0, 1.0, 1.0, 1.0], [1.0, 1.1, 1.02, 1.0, 1.0]),
    ([1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]),
    ([1.5], [1.0], [1.1]),
    ([1.05, 2.2, 1.1], [1.0, 2.0, 1.0], [1.25, 2.5, 2.0]),  # all of again / control above 1
    ([0.9, 1.8, 0.9], [1.0, 2.0, 1.0], [0.5, 1.6, 0.7]),  # all below
    ([4.0, 1.2, 0.8, 0.5], [2.0, 1.0, 1.0, 1.0], [1.8, 1.0, 1.1, 0.9]),  # two in the middle
    ([2.0, 0.6, 1.6, 6.0], [1.0, 2.0, 2.0, 2.0], [0.7, 2.4, 2.0, 2.2]),
)


def verdict(ours, control, again):
    """Return "faster", "slower" or "can't tell", of the seconds of the same rounds."""
    ratios = [one / other for one, other in zip(ours, control)]
    noise = [1, *(one / other for one, other in zip(again, control))]
    middle = statistics.median(ratios)
    if middle < min(noise):
        return "faster"
    if middle > max(noise):
        return "slower"
    return "can't tell"


def check_verdict(answer: Callable) -> None:
    """Ask for the verdicts of several races, and look which rule gives the same ones."""
    found = [_verdict(answer, rounds) for rounds in ROUNDS]
    right = [verdict(*rounds) for rounds in ROUNDS]
    if found == right:
        return
    for rule, message in _rules_of_verdicts():
        if found == [rule(*map(list, rounds)) for rounds in ROUNDS]:
            raise Wrong(message)
    rounds, expected, yours = next(each for each in zip(ROUNDS, right, found) if each[1] != each[2])
    raise Wrong(_why(rounds, expected, yours))


def _verdict(answer: Callable, rounds: tuple) -> str:
    result = answer(*map(list, rounds))
    if isinstance(result, str):
        if result in VERDICTS:
            return str(result)
        if result == VERDICTS[2].replace("'", "\N{RIGHT SINGLE QUOTATION MARK}"):
            raise Wrong(CURLY)
    told = repr(result)[:40] if isinstance(result, (str, Real)) else _kind(result)
    forgotten = " Is `return` missing?" if result is None else ""
    raise Wrong(
        f'verdict gave back {told}. It should return one of the three: "faster", "slower" or '
        f'"can\'t tell".{forgotten}'
    )


def _why(rounds: tuple, expected: str, yours: str) -> str:
    ours, control, again = rounds
    limits = [1, *_ratios(again, control)]
    return (
        f"Of ours = {ours}, control = {control} and again = {again} the median of ours / control "
        f"is {statistics.median(_ratios(ours, control)):.3g}, and the control's ratios to itself, "
        f"1 and again / control, go from {min(limits):.3g} to {max(limits):.3g}: "
        f'"{expected}". Yours says "{yours}".'
    )


def _rules_of_verdicts() -> Iterator[tuple[Callable, str]]:
    """Wrong rules with their messages: the mistakes, and the same in other guises.

    Who takes another number than the median of ours / control is told so first, with and without
    the 1 among the limits.
    """
    for mistake in VERDICT_MISTAKES:
        yield mistake.answer, mistake.message
    for middle, message in OTHER_MIDDLES:
        yield partial(_judges, middle, [1]), message
        yield partial(_judges, middle, []), message
    yield _swaps_the_words, SWAPPED
    yield _swaps_the_words_without_1, SWAPPED
    yield _turns_both_over, SWAPPED
    yield _turns_both_over_without_1, SWAPPED
    yield _turns_ours_alone_over, TURNED_OVER
    yield _turns_over_without_1, TURNED_OVER
    yield _asks_every_round_without_1, EVERY_ROUND
    yield _subtracts_without_0, DIFFERENCES
    yield _compares_with_the_middle, NOISE_IGNORED
    yield _compares_with_the_mean_noise, NOISE_IGNORED
    yield _allows_ten_percent, A_LIMIT_OF_ITS_OWN
    yield _sorts_all_three, SORTED
    yield _sorts_all_three_without_1, SORTED


def _takes_the_mean(ours, control, again):
    ratios = [one / other for one, other in zip(ours, control)]
    noise = [1, *(one / other for one, other in zip(again, control))]
    middle = statistics.mean(ratios)
    if middle < min(noise):
        return "faster"
    return "slower" if middle > max(noise) else "can't tell"


def _divides_totals(ours, control, again):
    noise = [1, *(one / other for one, other in zip(again, control))]
    ratio = sum(ours) / sum(control)
    if ratio < min(noise):
        return "faster"
    return "slower" if ratio > max(noise) else "can't tell"


def _divides_medians(ours, control, again):
    noise = [1, *(one / other for one, other in zip(again, control))]
    ratio = statistics.median(ours) / statistics.median(control)
    if ratio < min(noise):
        return "faster"
    return "slower" if ratio > max(noise) else "can't tell"


def _takes_the_best(ours, control, again):
    noise = [1, *(one / other for one, other in zip(again, control))]
    ratio = min(ours) / min(control)
    if ratio < min(noise):
        return "faster"
    return "slower" if ratio > max(noise) else "can't tell"


def _takes_the_first_round(ours, control, again):
    noise = [1, *(one / other for one, other in zip(again, control))]
    ratio = ours[0] / control[0]
    if ratio < min(noise):
        return "faster"
    return "slower" if ratio > max(noise) else "can't tell"


def _sorts_the_times(ours, control, again):
    ratios = [one / other for one, other in zip(sorted(ours), sorted(control))]
    noise = [1, *(one / other for one, other in zip(again, control))]
    middle = statistics.median(ratios)
    if middle < min(noise):
        return "faster"
    return "slower" if middle > max(noise) else "can't tell"


def _divides_the_control(ours, control, again):
    ratios = [other / one for one, other in zip(ours, control)]
    noise = [1, *(one / other for one, other in zip(again, control))]
    middle = statistics.median(ratios)
    if middle < min(noise):
        return "faster"
    return "slower" if middle > max(noise) else "can't tell"


def _compares_with_1(ours, control, again):
    middle = statistics.median(one / other for one, other in zip(ours, control))
    if middle < 1:
        return "faster"
    return "slower" if middle > 1 else "can't tell"


def _allows_five_percent(ours, control, again):
    middle = statistics.median(one / other for one, other in zip(ours, control))
    if middle < 0.95:
        return "faster"
    return "slower" if middle > 1.05 else "can't tell"


def _asks_every_round(ours, control, again):
    ratios = [one / other for one, other in zip(ours, control)]
    noise = [1, *(one / other for one, other in zip(again, control))]
    if max(ratios) < min(noise):
        return "faster"
    return "slower" if min(ratios) > max(noise) else "can't tell"


def _subtracts(ours, control, again):
    differences = [one - other for one, other in zip(ours, control)]
    noise = [0, *(one - other for one, other in zip(again, control))]
    middle = statistics.median(differences)
    if middle < min(noise):
        return "faster"
    return "slower" if middle > max(noise) else "can't tell"


def _divides_by_again(ours, control, again):
    ratios = [one / other for one, other in zip(ours, again)]
    noise = [1, *(one / other for one, other in zip(again, control))]
    middle = statistics.median(ratios)
    if middle < min(noise):
        return "faster"
    return "slower" if middle > max(noise) else "can't tell"


def _spreads_evenly(ours, control, again):
    middle = statistics.median(one / other for one, other in zip(ours, control))
    spread = max(abs(one / other - 1) for one, other in zip(again, control))
    if middle < 1 - spread:
        return "faster"
    return "slower" if middle > 1 + spread else "can't tell"


def _leaves_1_out(ours, control, again):
    ratios = [one / other for one, other in zip(ours, control)]
    noise = [one / other for one, other in zip(again, control)]
    middle = statistics.median(ratios)
    if middle < min(noise):
        return "faster"
    return "slower" if middle > max(noise) else "can't tell"


def _takes_one_of_two(ours, control, again):
    ratios = sorted(one / other for one, other in zip(ours, control))
    noise = [1, *(one / other for one, other in zip(again, control))]
    middle = ratios[len(ratios) // 2]
    if middle < min(noise):
        return "faster"
    return "slower" if middle > max(noise) else "can't tell"


def _turns_over(ours, control, again):
    speeds = [other / one for one, other in zip(ours, control)]
    noise = [1, *(other / one for one, other in zip(again, control))]
    middle = statistics.median(speeds)
    if middle > max(noise):
        return "faster"
    return "slower" if middle < min(noise) else "can't tell"


def _ratios(one: list, other: list) -> list[float]:
    return [a / b for a, b in zip(one, other)]


def _judged(middle: float, limits: list) -> str:
    return "faster" if middle < min(limits) else "slower" if middle > max(limits) else "can't tell"


def _judges(middle: Callable, more: list, ours: list, control: list, again: list) -> str:
    return _judged(middle(ours, control, again), more + _ratios(again, control))


def _swapped(word: str) -> str:
    return {"faster": "slower", "slower": "faster"}.get(word, word)


def _swaps_the_words(ours, control, again):
    return _swapped(verdict(ours, control, again))


def _swaps_the_words_without_1(ours, control, again):
    return _swapped(_leaves_1_out(ours, control, again))


def _turns_both_over(ours, control, again):
    return _swapped(_turns_over(ours, control, again))


def _turns_both_over_without_1(ours, control, again):
    return _judged(statistics.median(_ratios(control, ours)), _ratios(control, again))


def _turns_over_without_1(ours, control, again):
    return _swapped(_turns_both_over_without_1(ours, control, again))


def _turns_ours_alone_over(ours, control, again):
    return _swapped(_divides_the_control(ours, control, again))


def _asks_every_round_without_1(ours, control, again):
    limits = _ratios(again, control)
    found = {_judged(each, limits) for each in _ratios(ours, control)}
    return found.pop() if len(found) == 1 else "can't tell"


def _subtracts_without_0(ours, control, again):
    noise = [one - other for one, other in zip(again, control)]
    return _judged(statistics.median(one - other for one, other in zip(ours, control)), noise)


def _compares_with_the_middle(ours, control, again):
    limit = statistics.median(_ratios(again, control))
    return _judged(statistics.median(_ratios(ours, control)), [limit])


def _compares_with_the_mean_noise(ours, control, again):
    limit = statistics.mean(_ratios(again, control))
    return _judged(statistics.median(_ratios(ours, control)), [limit])


def _allows_ten_percent(ours, control, again):
    return _judged(statistics.median(_ratios(ours, control)), [0.9, 1.1])


def _sorts_all_three(ours, control, again):
    return verdict(sorted(ours), sorted(control), sorted(again))


def _sorts_all_three_without_1(ours, control, again):
    return _leaves_1_out(sorted(ours), sorted(control), sorted(again))


# What is taken in place of the median of ours / control, each of (ours, control, again).
OTHER_MIDDLES = (
    (lambda ours, control, _: statistics.mean(_ratios(ours, control)), MEAN),
    (lambda ours, control, _: sum(ours) / sum(control), TOTALS),
    (
        lambda ours, control, _: statistics.median(ours) / statistics.median(control),
        RATIO_OF_MEDIANS,
    ),
    (lambda ours, control, _: min(ours) / min(control), BEST_OF),
    (lambda ours, control, _: ours[0] / control[0], FIRST_ROUND),
    (lambda ours, control, _: statistics.median(_ratios(sorted(ours), sorted(control))), SORTED),
    (lambda ours, control, _: statistics.median(_ratios(control, ours)), SWAPPED),
    (lambda ours, _, again: statistics.median(_ratios(ours, again)), AGAINST_AGAIN),
    (lambda ours, control, _: statistics.median_low(_ratios(ours, control)), ONE_OF_TWO),
    (lambda ours, control, _: statistics.median_high(_ratios(ours, control)), ONE_OF_TWO),
)

VERDICT_MISTAKES = (
    Mistake(_takes_the_mean, MEAN),
    Mistake(_divides_totals, TOTALS),
    Mistake(_divides_medians, RATIO_OF_MEDIANS),
    Mistake(_takes_the_best, BEST_OF),
    Mistake(_takes_the_first_round, FIRST_ROUND),
    Mistake(_sorts_the_times, SORTED),
    Mistake(_divides_the_control, SWAPPED),
    Mistake(_leaves_1_out, LEFT_OUT_1),
    Mistake(_takes_one_of_two, ONE_OF_TWO),
    Mistake(_turns_over, TURNED_OVER),
    Mistake(_compares_with_1, NOISE_IGNORED),
    Mistake(_allows_five_percent, A_LIMIT_OF_ITS_OWN),
    Mistake(_asks_every_round, EVERY_ROUND),
    Mistake(_subtracts, DIFFERENCES),
    Mistake(_divides_by_again, AGAINST_AGAIN),
    Mistake(_spreads_evenly, EVENLY_AROUND_1),
)

# ----------------------------------------------------------------------------------- 06.chunks

ROW_BY_ROW = (
    "The rows cross the border one by one: each `yield` is one crossing, and what `batch` puts "
    "together behind from_generator has crossed already. Collect `size` rows in Python, and yield "
    "them as one array."
)
LAST_CHUNK_LOST = (
    "Rows are missing at the end: of {count} rows in chunks of {size}, {found} arrive. What is "
    "left after the last whole chunk is a chunk, too, a smaller one."
)
RAN_OUT = (
    "At the end of the rows next() raised StopIteration inside of your generator, which Python "
    "turns into a RuntimeError, and the rows of the last chunk are lost. "
    "`list(itertools.islice(rows, size))` takes what is there, at most `size`."
)
EMPTY_CHUNK = (
    "After the last row your generator makes one more chunk, of no rows. Stop where nothing came: "
    "`while chunk := list(itertools.islice(rows, size)):`."
)
FIXED_CHUNKS = (
    "The signature says that each chunk has {size} rows, and the last one has fewer: TensorFlow "
    "refuses it. A dimension that varies is None: `tf.TensorSpec((None, 20), tf.float32)`."
)
STILL_IN_CHUNKS = (
    "The elements are chunks, of shape (None, 20) or (size, 20), and should be single rows. "
    "`unbatch()` takes them apart again, inside of TensorFlow, where that costs little."
)
SHAPE_UNKNOWN = (
    "The dataset doesn't know the shape of its elements: the signature says None in place of a "
    "shape, or a step behind it forgot it. What comes after, such as a model's layer, has to know "
    "it. Say None only for a dimension that varies: `tf.TensorSpec({shape}, {dtype})`."
)
TOO_NEW = (
    f"itertools.batched came with Python 3.12, and this is Python {sys.version_info.major}."
    f"{sys.version_info.minor}: `list(itertools.islice(rows, size))` takes `size` rows, too, and "
    "is empty at the end."
)
ALL_ROWS_FIRST = (
    "All rows are drawn before the first one is handed on, and `records` may go on for ever, or "
    "hold more than the memory. Draw `size` rows, yield them, draw the next: "
    "`itertools.islice(rows, size)`."
)
DRAWN_WHEN_BUILT = (
    "Rows are drawn while the dataset is built. Each epoch should call `records` itself, and draw "
    "when it is asked for rows: put both inside of the generator function."
)
ROWS_USED_UP = (
    "The second epoch has no rows: `records()` was called once, outside of the generator "
    "function, and what it returned is used up. Call it inside, where each epoch begins."
)
FIRST_ROWS_AGAIN = (
    "The first rows come again and again: each chunk calls `records()` anew, which begins with the "
    "first row. Call it once an epoch, before the loop: `rows = records()`."
)
ROWS_OF_FLOAT64 = (
    "The rows arrive as float64, twice the bytes that they had. The signature says so; say "
    "tf.float32, and np.stack keeps float32 as it is."
)
CROSSES_AS = (
    "The rows cross as {dtype}, {bytes} for each number that had 4. Let float32 cross: say "
    "tf.float32 in the signature, and np.stack keeps it as it is."
)
OTHER_COUNT = (
    "With size = {size}, {rows} rows cross at a time. It should be {size}: collect so many in "
    "Python, and yield them as one array."
)
LAST_CHUNK_PADDED = (
    "After the last row come rows that nobody gave: the last chunk was filled up. Let it be "
    "smaller."
)
CHUNKS_CALLED = (
    "from_generator was given a generator, the result of a call. It must be given the function, "
    "to call it once an epoch: write its name without the parentheses."
)

WIDTH, MOST_ROWS = 20, 6_000


def in_chunks(records, size):
    """Return a dataset of the rows one by one, which cross from Python `size` at a time."""

    def chunks():
        rows = records()
        while chunk := list(itertools.islice(rows, size)):
            yield np.stack(chunk)

    signature = tf.TensorSpec((None, 20), tf.float32)
    return tf.data.Dataset.from_generator(chunks, output_signature=signature).unbatch()


def check_chunks(answer: Callable) -> None:
    """Count what crosses of rows without an end; draw two epochs of a few rows.

    In this order: who makes empty chunks for ever of a list of all rows would never be heard of
    again, as `unbatch` waits for a row.
    """
    _judge_crossings(answer, 12)
    for count, size in ((50, 8), (12, 4), (3, 5)):
        _judge_rows(answer, count, size)


def _row(call: int, number: int) -> np.ndarray:
    return np.random.default_rng([6, call, number]).random(WIDTH, np.float32)


def _judge_rows(answer: Callable, count: int, size: int) -> None:
    records = _Source(_row, count)
    epochs = _two_epochs(
        records,
        _rows_of(answer, records, size),
        lambda rows: _drawn_rows(records, rows, count + 2 * size + 2),
        ROWS_USED_UP,
    )
    for found, calls in epochs:
        _compare_rows([np.asarray(row) for row in found], calls, count, size)


def _rows_of(answer: Callable, records: _Source, size: int) -> tf.data.Dataset:
    """Build the dataset, and look at its description."""
    try:
        dataset = _built(
            lambda: answer(records, size), "in_chunks", records, DRAWN_WHEN_BUILT, CHUNKS_CALLED
        )
    except (AttributeError, ImportError) as error:
        if _is_too_new(str(error)):
            raise Wrong(TOO_NEW) from None
        raise
    spec = dataset.element_spec
    if isinstance(spec, tf.TensorSpec) and spec.dtype == tf.float32 and spec.shape == (WIDTH,):
        return dataset
    if isinstance(spec, tf.TensorSpec) and spec.shape.rank is None:
        raise Wrong(SHAPE_UNKNOWN.format(shape="(None, 20)", dtype="tf.float32"))
    if isinstance(spec, tf.TensorSpec) and spec.shape.rank == 2 and spec.shape[1] == WIDTH:
        raise Wrong(STILL_IN_CHUNKS)
    if isinstance(spec, tf.TensorSpec) and spec.dtype == tf.float64 and spec.shape == (WIDTH,):
        raise Wrong(ROWS_OF_FLOAT64)
    raise Wrong(
        f"The elements are described as\n{_described(spec)}\nThey should be rows:\n"
        f"{_described(tf.TensorSpec((WIDTH,), tf.float32))}"
    )


def _drawn_rows(records: _Source, rows: Iterable, count: int) -> list:
    try:
        return _drawn(records, rows, count, ALL_ROWS_FIRST, EMPTY_CHUNK)
    except (tf.errors.OpError, ValueError) as error:
        told = str(error)
        sizes = re.search(r"of shape \((\d+), 20\) where .* of shape \((\d+), 20\)", told)
        if sizes and sizes[1] != sizes[2]:
            raise Wrong(FIXED_CHUNKS.format(size=sizes[2])) from None
        if "generator raised StopIteration" in told:
            raise Wrong(RAN_OUT) from None
        if _is_too_new(told):
            raise Wrong(TOO_NEW) from None
        if "need at least one array" in told or "an element of shape (0,) where" in told:
            raise Wrong(EMPTY_CHUNK) from None
        raise


def _is_too_new(told: str) -> bool:
    """Say whether an error is that of a Python which has no itertools.batched yet."""
    return bool(re.search("'itertools' has no .*'batched'|import name 'batched' from 'it", told))


def _compare_rows(found: list[np.ndarray], calls: range, count: int, size: int) -> None:
    """Hold the rows of an epoch against those that `records` gave, in one or more calls."""
    right = [_row(calls[-1], number) for number in range(count)]
    if len(found) == count and all(map(np.array_equal, found, right)):
        return
    once = [_row(calls[0], number) for number in range(count)]
    if len(calls) > 1 and len(found) > count and all(map(np.array_equal, found, once)):
        raise Wrong(
            "After the last row the dataset goes on with the first one, as `repeat` makes it. An "
            "epoch should end with the last row."
        )
    begun = {_row(call, 0).tobytes() for call in calls}
    if len(calls) > 1 and sum(row.tobytes() in begun for row in found) > 1:
        raise Wrong(FIRST_ROWS_AGAIN)
    if all(map(np.array_equal, found, right)):
        if len(found) > count:
            raise Wrong(LAST_CHUNK_PADDED)
        raise Wrong(LAST_CHUNK_LOST.format(count=count, size=size, found=len(found) or "none"))
    known, seen = ({row.tobytes() for row in rows} for rows in (right, found))
    if len(found) == count and seen == known:
        raise Wrong("The rows come in another order. They should come as `records` gives them.")
    if not seen <= known:
        raise Wrong(
            "A row arrives that `records` didn't give. Each should come unchanged, as float32."
        )
    raise Wrong(
        f"Of {count} rows, in chunks of {size}, each should arrive once, in order. Of yours "
        f"{len(found)} arrive, of which {len(seen)} differ."
    )


def _judge_crossings(answer: Callable, size: int) -> None:
    """Look how many bytes cross at a time, of rows that go on."""
    records = _Source(_row, MOST_ROWS, endless=True)
    dataset = _rows_of(answer, records, size)
    iterator = _counted(dataset)
    found = _drawn_rows(records, iterator, 3 * size)
    if len(found) < 3 * size:
        raise Wrong(f"Your dataset ends after {len(found)} rows, where `records` has more to give.")
    times, crossed = _crossed(iterator, records)
    if times == 0:
        if _has_generator(dataset):  # read ahead to an end of its own, such as take's
            return
        raise Wrong(_not_from_generator("in_chunks"))
    dtype = _dtype_across(dataset)
    rows = crossed / times / WIDTH / dtype.size
    if rows == 1:
        raise Wrong(ROW_BY_ROW)
    if dtype != tf.float32:
        raise Wrong(CROSSES_AS.format(dtype=dtype.name, bytes=_bytes(dtype.size)))
    if rows != size:
        raise Wrong(OTHER_COUNT.format(size=size, rows=f"{rows:.3g}"))


def _dtype_across(dataset: tf.data.Dataset) -> tf.DType:
    """What the rows cross as; float32, which is right, where it's no single array of numbers."""
    kinds = [kind for node in _nodes(dataset) for kind in _kinds_across(node)]
    if len(kinds) == 1 and (kinds[0].is_floating or kinds[0].is_integer):
        return kinds[0]
    return tf.float32


def _kinds_across(node: tf.compat.v1.NodeDef) -> list[tf.DType]:
    if node.op != GENERATOR:
        return []
    return [tf.as_dtype(kind) for kind in node.attr["output_types"].list.type]


def _bytes(count: int) -> str:
    return f"{count} byte{'s' if count > 1 else ''}"


def _batches_behind(records, size):
    signature = tf.TensorSpec((20,), tf.float32)
    rows = tf.data.Dataset.from_generator(records, output_signature=signature)
    return rows.batch(size).unbatch()


def _loses_the_rest(records, size):
    def chunks():
        chunk = []
        for row in records():
            chunk.append(row)
            if len(chunk) == size:
                yield np.stack(chunk)
                chunk = []

    signature = tf.TensorSpec((None, 20), tf.float32)
    return tf.data.Dataset.from_generator(chunks, output_signature=signature).unbatch()


def _runs_out(records, size):
    def chunks():
        rows = records()
        while True:
            yield np.stack([next(rows) for _ in range(size)])

    signature = tf.TensorSpec((None, 20), tf.float32)
    return tf.data.Dataset.from_generator(chunks, output_signature=signature).unbatch()


def _never_stops(records, size):
    def chunks():
        rows = records()
        while True:
            yield np.stack(list(itertools.islice(rows, size)))

    signature = tf.TensorSpec((None, 20), tf.float32)
    return tf.data.Dataset.from_generator(chunks, output_signature=signature).unbatch()


def _fixes_the_size(records, size):
    def chunks():
        rows = records()
        while chunk := list(itertools.islice(rows, size)):
            yield np.stack(chunk)

    signature = tf.TensorSpec((size, 20), tf.float32)
    return tf.data.Dataset.from_generator(chunks, output_signature=signature).unbatch()


def _leaves_the_chunks(records, size):
    def chunks():
        rows = records()
        while chunk := list(itertools.islice(rows, size)):
            yield np.stack(chunk)

    signature = tf.TensorSpec((None, 20), tf.float32)
    return tf.data.Dataset.from_generator(chunks, output_signature=signature)


def _stacks_all_rows(records, size):
    def chunks():
        rows = np.array(list(records()))
        for start in range(0, len(rows), size):
            yield rows[start : start + size]

    signature = tf.TensorSpec((None, 20), tf.float32)
    return tf.data.Dataset.from_generator(chunks, output_signature=signature).unbatch()


def _draws_when_built(records, size):
    rows = records()
    made = []
    while chunk := list(itertools.islice(rows, size)):
        made.append(np.stack(chunk))
    signature = tf.TensorSpec((None, 20), tf.float32)
    return tf.data.Dataset.from_generator(lambda: made, output_signature=signature).unbatch()


def _shares_the_rows(records, size):
    rows = records()

    def chunks():
        while chunk := list(itertools.islice(rows, size)):
            yield np.stack(chunk)

    signature = tf.TensorSpec((None, 20), tf.float32)
    return tf.data.Dataset.from_generator(chunks, output_signature=signature).unbatch()


def _begins_each_chunk_anew(records, size):
    def chunks():
        while chunk := list(itertools.islice(records(), size)):
            yield np.stack(chunk)

    signature = tf.TensorSpec((None, 20), tf.float32)
    return tf.data.Dataset.from_generator(chunks, output_signature=signature).unbatch()


def _makes_float64(records, size):
    def chunks():
        rows = records()
        while chunk := list(itertools.islice(rows, size)):
            yield np.array(chunk, dtype=float)

    signature = tf.TensorSpec((None, 20), tf.float64)
    return tf.data.Dataset.from_generator(chunks, output_signature=signature).unbatch()


def _fills_the_last_up(records, size):
    def chunks():
        rows = records()
        while chunk := list(itertools.islice(rows, size)):
            full = np.zeros((size, 20), np.float32)
            full[: len(chunk)] = chunk
            yield full

    signature = tf.TensorSpec((None, 20), tf.float32)
    return tf.data.Dataset.from_generator(chunks, output_signature=signature).unbatch()


def _takes_twice_as_many(records, size):
    def chunks():
        rows = records()
        while chunk := [*itertools.islice(rows, size), *itertools.islice(rows, size)]:
            yield np.stack(chunk)

    signature = tf.TensorSpec((None, 20), tf.float32)
    return tf.data.Dataset.from_generator(chunks, output_signature=signature).unbatch()


def _says_no_shape_of_rows(records, size):
    def chunks():
        rows = records()
        while chunk := list(itertools.islice(rows, size)):
            yield np.stack(chunk)

    signature = tf.TensorSpec(None, tf.float32)
    return tf.data.Dataset.from_generator(chunks, output_signature=signature).unbatch()


def _gives_the_generator(records, size):
    def chunks():
        rows = records()
        while chunk := list(itertools.islice(rows, size)):
            yield np.stack(chunk)

    signature = tf.TensorSpec((None, 20), tf.float32)
    return tf.data.Dataset.from_generator(chunks(), output_signature=signature).unbatch()


# ----------------------------------------------------------------------------------- 06.border

DIVIDED_IN_PYTHON = (
    "The photos are right, but they are divided in the generator, so float32 crosses: four bytes "
    "for each value that had one. Yield them as they are, say tf.uint8 in the signature, and "
    "divide behind it, in `map`."
)
CAST_IN_PYTHON = (
    "The photos are right, but the generator makes float32 of them, so four bytes cross for each "
    "value that had one. Yield them as they are, say tf.uint8 in the signature, and let "
    "`tf.cast` do it behind, in `map`."
)
SAID_FLOAT32 = (
    "The photos are right, but four bytes cross for each value that had one. Where the signature "
    "says tf.float32, TensorFlow makes float32 of each photo in Python, before it crosses. Say "
    "tf.uint8, yield the photos as they are, and cast and divide in `map`."
)
FLOAT64_CROSSES = (
    "The photos are right, but eight bytes cross for each value that had one, as when the "
    "signature says tf.float64. Say tf.uint8, yield the photos as they are, and cast and divide in "
    "`map`."
)
BACK_IN_PYTHON = (
    "Behind from_generator the photos go back to Python, as tf.numpy_function and tf.py_function "
    "do: each crosses the border twice more, and waits for Python's lock. Cast and divide with "
    "TensorFlow's own operations: `dataset.map(lambda photo: tf.cast(photo, tf.float32) / 255)`."
)
FIXED_SIZE = (
    "The signature says that each photo is of {said}, and they differ in height and width: "
    "TensorFlow refuses the others. A dimension that varies is None: "
    "`tf.TensorSpec((None, None, 3), tf.uint8)`."
)
OTHER_SHAPE = (
    "The signature says {said}, and a photo of {given} came: TensorFlow refuses it. Height and "
    "width vary, and there are three colours: `tf.TensorSpec((None, None, 3), tf.uint8)`."
)
HALF_PRECISION = (
    "The values are right to some three digits, as float16 holds no more of them (it has 11 bits "
    "for the digits, float32 has 24). Cast the uint8 to tf.float32, and divide that."
)
FRACTIONS_CUT_OFF = (
    "Only 0 and 1 arrive: the generator divides, the signature says tf.uint8, and on the way the "
    "fractions are cut off without a word. Yield the photos as they are, and divide in `map`."
)
WHOLE_NUMBERS = (
    "Only 0 and 1 are left: the fractions were dropped, as `//` does, or a cast to whole numbers. "
    "Cast to float first, then divide: `tf.cast(photo, tf.float32) / 255`."
)
STILL_UINT8 = (
    "The elements are uint8, 0 to 255. Few bytes cross, as they should; behind that, a `map` "
    "should make float32 from 0.0 to 1.0 of them."
)
NOT_SCALED = (
    "The values go up to 255: the photos were cast, but not divided. (tf.image.convert_image_dtype "
    "divides only what is not float yet, so no cast should stand before it.)"
)
SCALED_TWICE = (
    "The values go up to 1/255: the photos are divided twice. tf.image.convert_image_dtype divides "
    "by itself, and so does a Rescaling layer."
)
AROUND_ZERO = (
    "The values go from -1 to 1. Some models want that; here it should be 0.0 to 1.0: divide by "
    "255, and subtract nothing."
)
BY_256 = "255 becomes 255/256, and should become 1.0: divide by 255, the largest value."
NOT_FINITE = (
    "Some values are inf or nan, as after a division by 0. (Beside a uint8 tensor a number is made "
    "uint8 as well, and 256, which is too large for it, becomes 0.) Cast first, then divide: "
    "`tf.cast(photo, tf.float32) / 255`."
)
MULTIPLIED_AS_UINT8 = (
    "A uint8 tensor can't be multiplied by a fraction: TensorFlow wants both of one type. Cast "
    "first: `tf.cast(photo, tf.float32) / 255`."
)
AS_FLOAT64 = (
    "The elements are float64, twice the bytes that a model computes with. Cast to tf.float32 "
    "before you divide."
)
PHOTOS_USED_UP = (
    "The second epoch has no photos: `photos()` was called once, and what it returned is used up. "
    "Give from_generator the function itself, which is called once an epoch."
)
PHOTOS_CALLED = (
    "from_generator was given a generator, the result of a call. It must be given the function, "
    "to call it once an epoch: `photos`, without the parentheses."
)
ALL_PHOTOS_FIRST = (
    "All photos are drawn before the first one is handed on, and `photos` may go on for ever, or "
    "hold more than the memory. Yield each as it comes."
)
PHOTOS_DRAWN_WHEN_BUILT = (
    "Photos are drawn while the dataset is built. Each epoch should call `photos` itself, and draw "
    "when it is asked for a photo: give from_generator the function."
)

NO_END = (
    "Your generator never ends: where nothing is left it asks `photos()` for more, again and again."
)

SIZES = ((16, 24), (24, 16), (8, 48))  # of as many bytes each
PHOTO_BYTES, MOST_PHOTOS = 16 * 24 * 3, 5_000


def photos_dataset(photos):
    """Return a dataset of the photos as float32, 0.0 to 1.0, which cross from Python as uint8."""
    signature = tf.TensorSpec((None, None, 3), tf.uint8)
    dataset = tf.data.Dataset.from_generator(photos, output_signature=signature)
    return dataset.map(lambda photo: tf.cast(photo, tf.float32) / 255)


def check_border(answer: Callable) -> None:
    """Draw two epochs of a few photos; count the bytes that cross of photos without an end."""
    count = 4
    photos = _Source(_photo, count)
    dataset = _photos_of(answer, photos)
    epochs = _two_epochs(
        photos, dataset, lambda each: _drawn_photos(photos, each, count + 2), PHOTOS_USED_UP
    )
    for found, calls in epochs:
        right = [np.asarray(_photo(calls[-1], number)) for number in range(count)]
        _compare_photos([np.asarray(each) for each in found], right, photos)
    _judge_bytes(answer)


def _judge_bytes(answer: Callable) -> None:
    photos = _Source(_photo, MOST_PHOTOS, endless=True)
    dataset = _photos_of(answer, photos)
    iterator = _counted(dataset)
    found = _drawn_photos(photos, iterator, 6)
    if len(found) < 6:
        raise Wrong(
            f"Your dataset ends after {len(found)} photos, where `photos` has more to give."
        )
    times, crossed = _crossed(iterator, photos)
    if times == 0:
        if _has_generator(dataset):  # read ahead to an end of its own, such as take's
            return
        raise Wrong(_not_from_generator("photos_dataset"))
    each = crossed / times
    if each < 1.25 * PHOTO_BYTES:  # a quarter more: whoever sends bytes may send a shape as well
        return
    if each == 4 * PHOTO_BYTES:
        done = {what for photo in photos.drawn for what in photo.done}
        divided = done & {"divide", "multiply"}
        raise Wrong(DIVIDED_IN_PYTHON if divided else CAST_IN_PYTHON if done else SAID_FLOAT32)
    if each == 8 * PHOTO_BYTES:
        raise Wrong(FLOAT64_CROSSES)
    raise Wrong(
        f"Of each photo of {PHOTO_BYTES} bytes, {each:.0f} cross at a time. Let each photo cross "
        "by itself, as the uint8 that it is."
    )


class _Photo(np.ndarray):
    """A photo that notes what is done to it in Python: which ufuncs, and astype."""

    done: list[str]

    def __array_finalize__(self, source: object) -> None:
        self.done = getattr(source, "done", [])

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        self.done.append(ufunc.__name__)
        inputs = [each.view(np.ndarray) if isinstance(each, _Photo) else each for each in inputs]
        if "out" in options:
            options["out"] = tuple(
                each.view(np.ndarray) if isinstance(each, _Photo) else each
                for each in options["out"]
            )
        return getattr(ufunc, method)(*inputs, **options)

    def astype(self, dtype, *arguments, **options):
        """Note the cast, and make a plain array of it."""
        if np.dtype(dtype) != self.dtype:
            self.done.append("astype")
        return self.view(np.ndarray).astype(dtype, *arguments, **options)


def _photo(call: int, number: int) -> _Photo:
    """Random pixels; black and white are among them."""
    height, width = SIZES[number % len(SIZES)]
    pixels = np.random.default_rng([7, call, number]).integers(
        0, 256, (height, width, 3), dtype=np.uint8
    )
    pixels[0, 0], pixels[0, 1] = 0, 255
    return pixels.view(_Photo)


def _photos_of(answer: Callable, photos: _Source) -> tf.data.Dataset:
    """Build the dataset, and look at its description."""
    try:
        dataset = _built(
            lambda: answer(photos),
            "photos_dataset",
            photos,
            PHOTOS_DRAWN_WHEN_BUILT,
            PHOTOS_CALLED,
        )
    except Exception as error:
        if re.search("Expected uint8|does not match type uint8", str(error)):
            raise Wrong(MULTIPLIED_AS_UINT8) from None
        if "in user code:" in str(error):  # TensorFlow's, whose last line is what happened
            *_, told = str(error).strip().splitlines()
            raise Wrong(f"The function that you gave to `map` fails. {told.strip()}") from error
        raise
    if any(node.op in BACK_TO_PYTHON for node in _nodes(dataset)):
        raise Wrong(BACK_IN_PYTHON)
    spec, shape = dataset.element_spec, (None, None, 3)
    if not isinstance(spec, tf.TensorSpec) or not spec.shape.is_compatible_with(shape):
        raise Wrong(_other_photos(spec))
    if spec.shape.rank is None:
        raise Wrong(SHAPE_UNKNOWN.format(shape=shape, dtype="tf.uint8"))
    if spec.shape[2] is None:
        raise Wrong(_other_photos(spec))
    return dataset


def _other_photos(spec: object) -> str:
    return (
        f"The elements are described as\n{_described(spec)}\nThey should be photos:\n"
        f"{_described(tf.TensorSpec((None, None, 3), tf.float32))}"
    )


def _drawn_photos(photos: _Source, elements: Iterable, count: int) -> list:
    try:
        return _drawn(photos, elements, count, ALL_PHOTOS_FIRST, NO_END)
    except tf.errors.OpError as error:
        shapes = re.search(r"of shape (\(.*?\)) where .* of shape (\(.*?\)) was", str(error))
        if shapes and shapes[1] in {str(photo.shape) for photo in photos.drawn}:
            given, said = shapes.groups()
            told = FIXED_SIZE if re.fullmatch(r"\(\w+, \w+, 3\)", said) else OTHER_SHAPE
            raise Wrong(told.format(said=said, given=given)) from None
        raise


def _compare_photos(found: list[np.ndarray], right: list[np.ndarray], photos: _Source) -> None:
    if [each.shape for each in found] != [each.shape for each in right]:
        raise Wrong(
            f"Of {len(right)} photos, each should come once, in order, and with its size. Yours: "
            f"{_listed(each.shape for each in found) or 'none'}, where "
            f"{_listed(each.shape for each in right)} were given."
        )
    seen = np.concatenate([each.ravel() for each in found])
    given = np.concatenate([each.ravel() for each in right]).astype(np.float64)
    scaled = given / 255
    if seen.dtype == np.uint8 and np.array_equal(seen, given):
        raise Wrong(STILL_UINT8)
    if _near(seen, scaled):
        if seen.dtype == np.float64:
            raise Wrong(AS_FLOAT64)
        if seen.dtype != np.float32:
            raise Wrong(f"The elements are {seen.dtype}, and should be float32.")
        return
    if not np.isfinite(seen.astype(np.float64)).all():
        raise Wrong(NOT_FINITE)
    if _is_half(seen, scaled):
        raise Wrong(HALF_PRECISION)
    if _near(seen, np.floor(scaled)):
        done = {what for photo in photos.drawn for what in photo.done}
        raise Wrong(FRACTIONS_CUT_OFF if done else WHOLE_NUMBERS)
    for wrong, message in (
        (given, NOT_SCALED),
        (scaled / 255, SCALED_TWICE),
        (2 * scaled - 1, AROUND_ZERO),
        (given / 256, BY_256),
    ):
        if _near(seen, wrong):
            raise Wrong(message)
    place = int(np.argmax(~np.isclose(seen.astype(np.float64), scaled, rtol=0, atol=1e-6)))
    raise Wrong(
        f"A value of {given[place]:.0f} should become {scaled[place]:.6f}, its 255th part. Yours "
        f"becomes {float(seen[place]):.6g}."
    )


def _near(seen: np.ndarray, expected: np.ndarray) -> bool:
    return np.allclose(seen.astype(np.float64), expected, rtol=1e-6, atol=1e-7)


def _is_half(seen: np.ndarray, expected: np.ndarray) -> bool:
    """Say whether these are the values that are expected, with float16's digits."""
    near = np.allclose(seen.astype(np.float64), expected, rtol=2e-3, atol=0)
    return near and np.array_equal(seen, seen.astype(np.float16))


def _divides_in_the_generator(photos):
    def scaled():
        for photo in photos():
            yield photo / 255

    signature = tf.TensorSpec((None, None, 3), tf.float32)
    return tf.data.Dataset.from_generator(scaled, output_signature=signature)


def _casts_in_the_generator(photos):
    def floats():
        for photo in photos():
            yield photo.astype(np.float32)

    signature = tf.TensorSpec((None, None, 3), tf.float32)
    dataset = tf.data.Dataset.from_generator(floats, output_signature=signature)
    return dataset.map(lambda photo: photo / 255)


def _says_float32(photos):
    signature = tf.TensorSpec((None, None, 3), tf.float32)
    dataset = tf.data.Dataset.from_generator(photos, output_signature=signature)
    return dataset.map(lambda photo: photo / 255)


def _divides_in_python_again(photos):
    def scaled(photo):
        return (photo / 255).astype(np.float32)

    def with_numpy(photo):
        return tf.ensure_shape(tf.numpy_function(scaled, [photo], tf.float32), (None, None, 3))

    signature = tf.TensorSpec((None, None, 3), tf.uint8)
    dataset = tf.data.Dataset.from_generator(photos, output_signature=signature)
    return dataset.map(with_numpy)


def _fixes_one_size(photos):
    signature = tf.TensorSpec((16, 24, 3), tf.uint8)
    dataset = tf.data.Dataset.from_generator(photos, output_signature=signature)
    return dataset.map(lambda photo: tf.cast(photo, tf.float32) / 255)


def _says_no_shape(photos):
    signature = tf.TensorSpec(None, tf.uint8)
    dataset = tf.data.Dataset.from_generator(photos, output_signature=signature)
    return dataset.map(lambda photo: tf.cast(photo, tf.float32) / 255)


def _casts_to_float16(photos):
    signature = tf.TensorSpec((None, None, 3), tf.uint8)
    dataset = tf.data.Dataset.from_generator(photos, output_signature=signature)
    return dataset.map(lambda photo: tf.cast(photo, tf.float16) / 255)


def _says_float64(photos):
    signature = tf.TensorSpec((None, None, 3), tf.float64)
    dataset = tf.data.Dataset.from_generator(photos, output_signature=signature)
    return dataset.map(lambda photo: tf.cast(photo / 255, tf.float32))


def _cuts_fractions_off(photos):
    def scaled():
        for photo in photos():
            yield photo / 255

    signature = tf.TensorSpec((None, None, 3), tf.uint8)
    dataset = tf.data.Dataset.from_generator(scaled, output_signature=signature)
    return dataset.map(lambda photo: tf.cast(photo, tf.float32))


def _divides_whole_numbers(photos):
    signature = tf.TensorSpec((None, None, 3), tf.uint8)
    dataset = tf.data.Dataset.from_generator(photos, output_signature=signature)
    return dataset.map(lambda photo: tf.cast(photo // 255, tf.float32))


def _leaves_uint8(photos):
    signature = tf.TensorSpec((None, None, 3), tf.uint8)
    return tf.data.Dataset.from_generator(photos, output_signature=signature)


def _casts_only(photos):
    signature = tf.TensorSpec((None, None, 3), tf.uint8)
    dataset = tf.data.Dataset.from_generator(photos, output_signature=signature)
    return dataset.map(lambda photo: tf.cast(photo, tf.float32))


def _scales_twice(photos):
    signature = tf.TensorSpec((None, None, 3), tf.uint8)
    dataset = tf.data.Dataset.from_generator(photos, output_signature=signature)
    return dataset.map(lambda photo: tf.image.convert_image_dtype(photo, tf.float32) / 255)


def _multiplies_uint8(photos):
    signature = tf.TensorSpec((None, None, 3), tf.uint8)
    dataset = tf.data.Dataset.from_generator(photos, output_signature=signature)
    return dataset.map(lambda photo: tf.cast(photo * (1 / 255), tf.float32))


def _makes_float64_in_map(photos):
    signature = tf.TensorSpec((None, None, 3), tf.uint8)
    dataset = tf.data.Dataset.from_generator(photos, output_signature=signature)
    return dataset.map(lambda photo: tf.cast(photo, tf.float64) / 255)


def _centres(photos):
    signature = tf.TensorSpec((None, None, 3), tf.uint8)
    dataset = tf.data.Dataset.from_generator(photos, output_signature=signature)
    return dataset.map(lambda photo: tf.cast(photo, tf.float32) / 127.5 - 1)


def _calls_photos(photos):
    signature = tf.TensorSpec((None, None, 3), tf.uint8)
    dataset = tf.data.Dataset.from_generator(photos(), output_signature=signature)
    return dataset.map(lambda photo: tf.cast(photo, tf.float32) / 255)


def _shares_the_photos(photos):
    given = photos()
    signature = tf.TensorSpec((None, None, 3), tf.uint8)
    dataset = tf.data.Dataset.from_generator(lambda: given, output_signature=signature)
    return dataset.map(lambda photo: tf.cast(photo, tf.float32) / 255)


# ---------------------------------------------------------------------------------- 06.predict

ADDS_THE_BUFFERED = (
    "With a buffer you add the step to the making of a batch. The workers go on while the step "
    "runs, so neither waits for the other's end: the slower of the two sets the pace. Take `max`."
)
OVERLAPS_WITHOUT = (
    "Without a buffer you let the making of a batch overlap the step. Nothing is made while the "
    "step runs, as there is no place to put it: the two times add up."
)
WORKERS_FORGOTTEN = (
    "With a buffer you forget the workers: four of them make four batches in the time in which one "
    "makes one, so a batch comes every `source / workers` seconds."
)
WORKERS_WITHOUT_A_BUFFER = (
    "Without a buffer you let all workers help. A batch is made only when it is asked for, one at "
    "a time, so one worker makes it and the others have nothing to do: it takes `source` seconds."
)
STEP_DIVIDED = (
    "You divide the step by the workers. They make batches; the model does one step after "
    "another, however many they are. Divide `source` alone."
)
WORKERS_MULTIPLY = (
    "More workers make your pipeline slower: you multiply by them. A batch comes every "
    "`source / workers` seconds."
)
SECONDS_RETURNED = (
    "These are the seconds of a batch, and asked for are batches per second: 1 divided by them."
)
WHOLE_BATCHES = (
    "Fractions are cut off or rounded, by `//`, int() or round(). 2.5 batches a second are five in "
    "two: divide with `/`, and leave the result as it is."
)
FASTEST = (
    "With a buffer you take the faster of the two. Batches can't arrive faster than they are made, "
    "nor faster than they are used: the slower one sets the pace."
)
BUFFER_TURNED = (
    "The two cases are swapped: with a buffer the times overlap, without one they add up. Turn "
    "your `if buffered:` round."
)
STEP_FORGOTTEN = (
    "With a buffer you forget the step. However fast the batches are made, the buffer is full one "
    "day, and then no more than one comes in `step` seconds."
)
RATES_ADDED = (
    "With a buffer you add two rates, that of the workers and that of the model. Each batch must "
    "be made and used, so the lower rate of the two is what remains."
)

# source, workers, step, buffered
PIPELINES = (
    (0.07, 1, 0.05, True),
    (0.07, 1, 0.05, False),
    (0.2, 3, 0.03, True),
    (0.12, 4, 0.11, True),
    (0.2, 4, 0.3, True),
    (0.3, 2, 0.2, False),
    (3.0, 2, 0.5, True),
    (0.9, 3, 2.5, False),
    (0.016, 8, 0.003, True),
)


def batches_per_second(source, workers, step, buffered):
    """Return how many batches a second the model trains on, once the pipeline runs steadily."""
    if buffered:
        return 1 / max(source / workers, step)
    return 1 / (source + step)


def check_predict(answer: Callable) -> None:
    """Ask for the pace of several pipelines, and look which rule gives the same ones."""
    found = [_pace(answer, pipeline) for pipeline in PIPELINES]
    right = [batches_per_second(*pipeline) for pipeline in PIPELINES]
    if _same_paces(found, right):
        return
    for rule, message in _rules_of_paces():
        if _same_paces(found, [rule(*pipeline) for pipeline in PIPELINES]):
            raise Wrong(message)
    pipeline, expected, yours = next(
        each for each in zip(PIPELINES, right, found) if not _same_paces(*map(_alone, each[1:]))
    )
    source, workers, step, buffered = pipeline
    makes = f"makes a batch in {source:g} s" if workers == 1 else f"make one in {source:g} s each"
    raise Wrong(
        f"{workers} {'worker' if workers == 1 else 'workers'} that {makes}, a step of {step:g} s, "
        f"{'with a' if buffered else 'no'} buffer: {expected:.4g} batches per second. Yours says "
        f"{yours:.4g}."
    )


def _pace(answer: Callable, pipeline: tuple) -> float:
    result = answer(*pipeline)
    if not isinstance(result, Real) or isinstance(result, bool):
        forgotten = " Is `return` missing?" if result is None else ""
        raise Wrong(
            f"batches_per_second gave back {_kind(result)}, and should return a number.{forgotten}"
        )
    return float(result)


def _alone(pace: float) -> list[float]:
    return [pace]


def _same_paces(found: list[float], right: list[float]) -> bool:
    return all(math.isclose(one, other, rel_tol=1e-6) for one, other in zip(found, right))


def _rules_of_paces() -> Iterator[tuple[Callable, str]]:
    """Wrong rules with their messages: the mistakes, and the same in other guises."""
    for mistake in PREDICT_MISTAKES:
        yield mistake.answer, mistake.message
    yield _adds_always, ADDS_THE_BUFFERED
    yield _adds_all_workers, ADDS_THE_BUFFERED
    yield _divides_both, STEP_DIVIDED
    yield _divides_the_step_alone, STEP_DIVIDED
    yield _cuts_down, WHOLE_BATCHES
    yield _rounds, WHOLE_BATCHES
    yield _divides_whole, WHOLE_BATCHES


def _adds_when_buffered(source, workers, step, buffered):
    if buffered:
        return 1 / (source / workers + step)
    return 1 / (source + step)


def _overlaps_always(source, workers, step, buffered):
    return 1 / max(source / workers, step)


def _forgets_the_workers(source, workers, step, buffered):
    return 1 / (max(source, step) if buffered else source + step)


def _lets_all_work_unbuffered(source, workers, step, buffered):
    seconds = source / workers
    return 1 / (max(seconds, step) if buffered else seconds + step)


def _divides_the_step(source, workers, step, buffered):
    return 1 / (max(source, step) / workers if buffered else source + step)


def _multiplies_by_workers(source, workers, step, buffered):
    return 1 / (max(source * workers, step) if buffered else source + step)


def _returns_seconds(source, workers, step, buffered):
    return max(source / workers, step) if buffered else source + step


def _divides_with_two_slashes(source, workers, step, buffered):
    return 1 // (max(source / workers, step) if buffered else source + step)


def _takes_the_fastest(source, workers, step, buffered):
    return 1 / (min(source / workers, step) if buffered else source + step)


def _turns_the_buffer(source, workers, step, buffered):
    return 1 / (source + step if buffered else max(source / workers, step))


def _forgets_the_step(source, workers, step, buffered):
    return workers / source if buffered else 1 / (source + step)


def _adds_rates(source, workers, step, buffered):
    return workers / source + 1 / step if buffered else 1 / (source + step)


def _adds_always(source, workers, step, buffered):
    return 1 / (source + step)


def _adds_all_workers(source, workers, step, buffered):
    return 1 / (source / workers + step)


def _divides_both(source, workers, step, buffered):
    return workers / (max(source, step) if buffered else source + step)


def _divides_the_step_alone(source, workers, step, buffered):
    return 1 / (max(source, step / workers) if buffered else source + step)


def _cuts_down(source, workers, step, buffered):
    return int(batches_per_second(source, workers, step, buffered))


def _rounds(source, workers, step, buffered):
    return round(batches_per_second(source, workers, step, buffered))


def _divides_whole(source, workers, step, buffered):
    return 1 / (max(source // workers, step) if buffered else source + step)


PREDICT_MISTAKES = (
    Mistake(_adds_when_buffered, ADDS_THE_BUFFERED),
    Mistake(_overlaps_always, OVERLAPS_WITHOUT),
    Mistake(_forgets_the_workers, WORKERS_FORGOTTEN),
    Mistake(_lets_all_work_unbuffered, WORKERS_WITHOUT_A_BUFFER),
    Mistake(_divides_the_step, STEP_DIVIDED),
    Mistake(_multiplies_by_workers, WORKERS_MULTIPLY),
    Mistake(_returns_seconds, SECONDS_RETURNED),
    Mistake(_divides_with_two_slashes, WHOLE_BATCHES),
    Mistake(_takes_the_fastest, FASTEST),
    Mistake(_turns_the_buffer, BUFFER_TURNED),
    Mistake(_forgets_the_step, STEP_FORGOTTEN),
    Mistake(_adds_rates, RATES_ADDED),
)

# ------------------------------------------------------------------------------------------------


class _Source:
    """A function for the learner: each call returns a fresh generator of other elements.

    It notes what is drawn. So that nobody waits for ever, it raises where more is drawn than an
    endless source may give here, and where it's asked again and again behind its end.
    """

    def __init__(self, make: Callable, count: int, endless: bool = False):
        self.make, self.count, self.endless = make, count, endless
        self.calls, self.drawn = 0, []
        self.overdrawn = self.never_stops = False

    def __call__(self) -> Generator:
        self.calls += 1
        return _Elements(self, self.calls - 1)

    def element(self, call: int, number: int) -> np.ndarray:
        """Make an element of a call's generator, counted from 0."""
        self.overdrawn |= self.endless and number >= self.count
        self.never_stops |= number > self.count + 100
        if self.overdrawn or self.never_stops:
            raise RuntimeError("this source was stopped by the check")
        if number >= self.count:
            raise StopIteration
        made = self.make(call, number)
        self.drawn.append(made)
        return made


class _Elements(Generator):
    """A generator that goes on counting behind its end."""

    def __init__(self, source: _Source, call: int):
        self._source, self._call, self._numbers = source, call, itertools.count()

    def send(self, value: object) -> np.ndarray:
        """Return the next element."""
        return self._source.element(self._call, next(self._numbers))

    def throw(self, kind: object, *more: object) -> NoReturn:
        """End with an exception, as close() does."""
        self._numbers = iter(())
        raise kind


def _built(
    build: Callable,
    name: str,
    source: _Source,
    drawn_when_built: str,
    called: str,
) -> tf.data.Dataset:
    """Call the answer, and refuse what is no dataset or has drawn already."""
    try:
        dataset = build()
    except TypeError as error:
        if "must be a Python callable" in str(error):
            raise Wrong(called) from None
        raise
    except Exception:
        if source.overdrawn or source.never_stops:
            raise Wrong(drawn_when_built) from None
        raise
    if not isinstance(dataset, tf.data.Dataset):
        raise Wrong(_no_dataset(name, dataset))
    if source.drawn:
        raise Wrong(drawn_when_built)
    return dataset


def _two_epochs(
    source: _Source, dataset: tf.data.Dataset, draw: Callable, used_up: str
) -> list[tuple[list, range]]:
    """Draw two epochs; return the elements of each, and which calls of the source it made."""
    epochs = []
    for _ in range(2):
        before = source.calls
        found = draw(dataset)
        if epochs and epochs[0][0] and not found:
            raise Wrong(used_up)
        epochs.append((found, range(before, source.calls)))
    if not all(calls for _, calls in epochs):
        raise Wrong(
            "An epoch came without calling the function that you were given: its elements are kept "
            "from before. Each epoch should call it anew."
        )
    return epochs


def _drawn(
    source: _Source, elements: Iterable, count: int, overdrawn: str, never_stops: str
) -> list:
    """Draw; the two messages are for a source that had to stop the answer."""
    try:
        return first(elements, count)
    except Exception:
        if source.overdrawn:
            raise Wrong(overdrawn) from None
        if source.never_stops:
            raise Wrong(never_stops) from None
        raise


def _counted(dataset: tf.data.Dataset) -> Iterator:
    """An iterator for which TensorFlow counts what each step makes."""
    options = tf.data.Options()
    options.autotune.enabled = True  # without, it counts nothing
    return iter(dataset.with_options(options))


def _crossed(iterator: Iterator, source: _Source) -> tuple[int, int]:
    """How many elements TensorFlow received from Python so far, and their bytes.

    It keeps these counts for its autotuning, while the source isn't exhausted.
    """
    settled(source.drawn, 0, still=0.05, limit=2)
    nodes = tf.data.experimental.get_model_proto(iterator).nodes.values()
    sources = [node for node in nodes if node.name == "Generator"]
    return (
        sum(node.num_elements for node in sources),
        sum(node.bytes_produced for node in sources),
    )


GENERATOR = "GeneratorDataset"
IGNORED = 1  # that a generator's place can't be kept in a graph
BACK_TO_PYTHON = ("PyFunc", "PyFuncStateless", "EagerPyFunc")


def _nodes(dataset: tf.data.Dataset) -> list[tf.compat.v1.NodeDef]:
    """All that TensorFlow does for a dataset, with what stands in functions as those of `map`.

    What from_generator calls in Python is left out: it's where the elements come from.
    """
    variant = tf.data.experimental.to_variant(dataset)
    told = tf.raw_ops.DatasetToGraphV2(input_dataset=variant, external_state_policy=IGNORED)
    graph = tf.compat.v1.GraphDef.FromString(told.numpy())
    functions = {each.signature.name: each.node_def for each in graph.library.function}
    found, open_ = [], list(graph.node)
    while open_:
        node = open_.pop()
        found.append(node)
        for name in () if node.op == GENERATOR else _functions_of(node):
            open_.extend(functions.pop(name, ()))
    return found


def _has_generator(dataset: tf.data.Dataset) -> bool:
    return any(node.op == GENERATOR for node in _nodes(dataset))


def _functions_of(node: tf.compat.v1.NodeDef) -> Iterator[str]:
    yield node.op  # a function may be called as an operation is
    for value in node.attr.values():
        yield value.func.name
        yield from (each.name for each in value.list.func)


def _not_from_generator(name: str) -> str:
    return (
        f"{name} gave back a dataset into which nothing comes by from_generator. Use it, so that "
        "TensorFlow can count what crosses."
    )


def _no_dataset(name: str, value: object) -> str:
    if isinstance(value, Iterator):
        return (
            f"{name} gave back a generator. Give a generator function to "
            "tf.data.Dataset.from_generator, and return the dataset."
        )
    if callable(value):
        return (
            f"{name} gave back a function. Give it to tf.data.Dataset.from_generator, with a "
            "signature, and return the dataset."
        )
    forgotten = " Is `return` missing?" if value is None else ""
    return f"{name} gave back {_kind(value)}, not a dataset.{forgotten}"


def _described(spec: object) -> str:
    if isinstance(spec, tf.TensorSpec):
        return str(spec).replace(", name=None", "")
    parts = ", ".join(str(part).replace(", name=None", "") for part in tf.nest.flatten(spec))
    return f"a {type(spec).__name__} of {parts}"


def _kind(value: object) -> str:
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _listed(things: Iterable) -> str:
    return ", ".join(map(str, things))


EXERCISES = (
    Exercise(
        id="06.verdict",
        task=(
            'Write verdict(ours, control, again): "faster", "slower" or "can\'t tell", of the '
            "seconds of three pipelines in the same rounds."
        ),
        solution=verdict,
        check=check_verdict,
        hints=(
            "Two lists of ratios, both round by round: ours to the control, and the control's "
            "second run to its first. What does the second list tell? And what is the ratio of "
            "the first run to itself?",
            "`ratios = [one / other for one, other in zip(ours, control)]`, and the same of again "
            "and control; the middle one of the ratios is `statistics.median(ratios)`.",
            "With `noise = [1, *(one / other for one, other in zip(again, control))]` and `middle "
            "= statistics.median(ratios)`, it is faster where `middle < min(noise)`, slower where "
            "`middle > max(noise)`, and otherwise nobody can tell.",
        ),
        mistakes=VERDICT_MISTAKES,
        right=(
            "medians, rounds kept together, and a limit that was measured. And one more to know: "
            "with more rounds the median settles, while the smallest and the largest ratio can "
            "only move apart, so this rule grows more careful and never less. What a race shows "
            "in brackets is something else: between which values the true median lies."
        ),
    ),
    Exercise(
        id="06.chunks",
        task=(
            "Write in_chunks(records, size): a dataset of the rows one by one, which cross from "
            "Python `size` at a time."
        ),
        solution=in_chunks,
        check=check_chunks,
        hints=(
            "What one `yield` gives crosses once. So the generator function has to collect, and "
            "what takes the chunks apart again has to stand behind from_generator.",
            "`list(itertools.islice(rows, size))` draws at most `size` rows, and is empty at the "
            "end (from Python 3.12 on, `itertools.batched(rows, size)` gives such chunks one after "
            "another). How many rows a chunk has varies, so the signature says None for it.",
            "In the generator function: `rows = records()`, then `while chunk := "
            "list(itertools.islice(rows, size)):` and in it `yield np.stack(chunk)`. Then "
            "`tf.data.Dataset.from_generator(chunks, output_signature=tf.TensorSpec((None, 20), "
            "tf.float32)).unbatch()`.",
        ),
        mistakes=(
            Mistake(_batches_behind, ROW_BY_ROW),
            Mistake(_loses_the_rest, LAST_CHUNK_LOST.format(count=50, size=8, found=48)),
            Mistake(_runs_out, RAN_OUT),
            Mistake(_never_stops, EMPTY_CHUNK),
            Mistake(_fixes_the_size, FIXED_CHUNKS.format(size=8)),
            Mistake(_leaves_the_chunks, STILL_IN_CHUNKS),
            Mistake(_stacks_all_rows, ALL_ROWS_FIRST),
            Mistake(_draws_when_built, DRAWN_WHEN_BUILT),
            Mistake(_shares_the_rows, ROWS_USED_UP),
            Mistake(_begins_each_chunk_anew, FIRST_ROWS_AGAIN),
            Mistake(_makes_float64, ROWS_OF_FLOAT64),
            Mistake(_fills_the_last_up, LAST_CHUNK_PADDED),
            Mistake(_takes_twice_as_many, OTHER_COUNT.format(size=12, rows=24)),
            Mistake(
                _says_no_shape_of_rows,
                SHAPE_UNKNOWN.format(shape="(None, 20)", dtype="tf.float32"),
            ),
            Mistake(_gives_the_generator, CHUNKS_CALLED),
        ),
        right=(
            "TensorFlow asked Python once for `size` rows, and took them apart by itself. And one "
            "more to know: where batches follow, `rebatch(32)` in place of `unbatch()` makes them "
            "of chunks of any size, so `size` may be chosen for the crossing alone."
        ),
    ),
    Exercise(
        id="06.border",
        task=(
            "Write photos_dataset(photos): float32 photos, 0.0 to 1.0, of which as few bytes cross "
            "from Python as the uint8 arrays have."
        ),
        solution=photos_dataset,
        check=check_border,
        hints=(
            "What crosses is what the signature says. What happens behind from_generator happens "
            "in TensorFlow, on its own side of the border.",
            "`tf.TensorSpec((None, None, 3), tf.uint8)` is the signature, and `photos` itself the "
            "generator function. Then a `map` is missing.",
            "`dataset = tf.data.Dataset.from_generator(photos, output_signature=signature)`, with "
            "the `signature` of `tf.TensorSpec((None, None, 3), tf.uint8)`, and `return "
            "dataset.map(lambda photo: tf.cast(photo, tf.float32) / 255)`.",
        ),
        mistakes=(
            Mistake(_divides_in_the_generator, DIVIDED_IN_PYTHON),
            Mistake(_casts_in_the_generator, CAST_IN_PYTHON),
            Mistake(_says_float32, SAID_FLOAT32),
            Mistake(_says_float64, FLOAT64_CROSSES),
            Mistake(_divides_in_python_again, BACK_IN_PYTHON),
            Mistake(_fixes_one_size, FIXED_SIZE.format(said="(16, 24, 3)")),
            Mistake(
                _says_no_shape,
                SHAPE_UNKNOWN.format(shape="(None, None, 3)", dtype="tf.uint8"),
            ),
            Mistake(_casts_to_float16, HALF_PRECISION),
            Mistake(_cuts_fractions_off, FRACTIONS_CUT_OFF),
            Mistake(_divides_whole_numbers, WHOLE_NUMBERS),
            Mistake(_leaves_uint8, STILL_UINT8),
            Mistake(_casts_only, NOT_SCALED),
            Mistake(_scales_twice, SCALED_TWICE),
            Mistake(_multiplies_uint8, MULTIPLIED_AS_UINT8),
            Mistake(_makes_float64_in_map, AS_FLOAT64),
            Mistake(_centres, AROUND_ZERO),
            Mistake(_calls_photos, PHOTOS_CALLED),
            Mistake(_shares_the_photos, PHOTOS_USED_UP),
        ),
        right=(
            "a quarter of the bytes of float32 crossed. And one more to know: where you divide by "
            "255, tf.image.convert_image_dtype and a Rescaling layer multiply by 1/255, so some "
            "values differ in their last bit. No model notices, but a test for equality does."
        ),
    ),
    Exercise(
        id="06.predict",
        task=(
            "Write batches_per_second(source, workers, step, buffered): how many batches a second "
            "a model trains on, once the pipeline runs steadily."
        ),
        solution=batches_per_second,
        check=check_predict,
        hints=(
            "Find the seconds from one batch to the next, in each of the two cases. In which one "
            "does anything happen at the same time?",
            "Without a buffer a batch is made, then used: `source + step`. With one, a batch is "
            "made every `source / workers` seconds, while the step runs.",
            "`if buffered:` it is `1 / max(source / workers, step)`, and otherwise "
            "`1 / (source + step)`.",
        ),
        mistakes=PREDICT_MISTAKES,
        right=(
            "the slower side sets the pace, and only a buffer lets the two overlap. And one more "
            "to know: with one worker a buffer at most doubles the pace, and it does so where "
            "`source` and `step` are equal. What goes further than that is more workers, or less "
            "work."
        ),
    ),
)
