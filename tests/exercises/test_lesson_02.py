"""What is particular to lesson 02's exercises: right answers other than ours, and odd ones."""

import collections
import itertools
import random
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from course_utils.classroom import workspace
from course_utils.classroom.exercise import check
from course_utils.exercises import lesson_02 as lesson
from course_utils.feeding.signatures import signature_of

Spec = tf.TensorSpec
dataset_of = tf.data.Dataset.from_generator
IMAGE, NAME, BOX = Spec((None, None, 3), tf.uint8), Spec((), tf.string), Spec((4,), tf.float32)
PHOTO, NUMBER, KIND = Spec((8, 8, 3), tf.float32), Spec((), tf.float32), Spec((), tf.int32)
WORDS = Spec((None,), tf.int32)


@pytest.fixture(autouse=True)
def no_workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workspace, "_progress", {})


def said(id, answer):
    shown = check(id, answer)
    return f"{shown.status}: {shown.message}"


def described(**parts):
    """An answer to 02.describe with other parts in its signature."""
    signature = {"image": IMAGE, "name": NAME, "box": BOX} | parts
    return lambda make: dataset_of(make, output_signature=signature)


def sentences(make, spec=WORDS):
    return dataset_of(make, output_signature=spec)


def examples(make, **parts):
    signature = {"photo": PHOTO, "age": NUMBER, "kind": KIND, "price": NUMBER} | parts
    return dataset_of(make, output_signature=signature)


def inputs(one):
    return {"photo": one["photo"], "age": one["age"]}


def targets(one):
    return {"kind": one["kind"], "price": one["price"]}


def pair(one):
    return inputs(one), targets(one)


def mapped(function, **parts):
    """An answer to 02.two_inputs that maps the examples and batches them."""
    return lambda make, n: examples(make, **parts).map(function).batch(n)


class DescribeRight:
    def in_the_older_form(make):
        return dataset_of(
            make,
            output_types={"image": tf.uint8, "name": tf.string, "box": tf.float32},
            output_shapes={"image": [None, None, 3], "name": [], "box": [4]},
        )

    def in_another_order(make):
        return dataset_of(make, output_signature={"box": BOX, "name": NAME, "image": IMAGE})

    def with_names_for_the_parts(make):
        named = Spec((), tf.string, "name")
        return dataset_of(make, output_signature={"image": IMAGE, "name": named, "box": BOX})

    def with_a_generator_of_its_own(make):
        def again():
            yield from make()

        return dataset_of(again, output_signature={"image": IMAGE, "name": NAME, "box": BOX})

    def ensured_later(make):
        loose = described(image=Spec(None, tf.uint8), box=Spec((None,), tf.float32))(make)

        def tight(one):
            image = tf.ensure_shape(one["image"], (None, None, 3))
            return one | {"image": image, "box": tf.ensure_shape(one["box"], (4,))}

        return loose.map(tight).prefetch(1)


class BrighterRight:
    def by_a_table(photos, by):
        table = np.clip(np.arange(256) + by, 0, 255).astype(np.uint8)
        return (table[photo] for photo in photos)

    def by_floats(photos, by):
        for photo in photos:
            yield np.uint8(np.clip(photo.astype(np.float32) + by, 0, 255))

    def by_minimum_and_maximum(photos, by):
        for photo in photos:
            yield np.maximum(np.minimum(photo.astype(int) + by, 255), 0).astype("uint8")

    def with_room_made_first(photos, by):
        for photo in photos:
            if by >= 0:
                yield np.minimum(photo, 255 - by) + np.uint8(by)
            else:
                yield np.maximum(photo, -by) - np.uint8(-by)

    def by_tensorflow(photos, by):
        for photo in photos:
            yield tf.saturate_cast(tf.cast(photo, tf.int32) + by, tf.uint8).numpy()

    def by_an_expression(photos, by):
        return (np.add(p, by, dtype=int).clip(0, 255).astype(np.uint8) for p in photos)

    def into_an_array_of_its_own(photos, by):
        for photo in photos:
            result = np.empty_like(photo)
            yield np.clip(photo.astype(int) + by, 0, 255, out=result, casting="unsafe")

    def with_a_copy_for_nothing_to_do(photos, by):
        for photo in photos:
            yield photo.copy() if by == 0 else np.uint8(np.clip(photo.astype(int) + by, 0, 255))

    def by_map(photos, by):
        return map(np.uint8, (np.clip(photo.astype(int) + by, 0, 255) for photo in photos))


class PaddedRight:
    def ragged_then_filled(make, batch_size):
        return sentences(make).ragged_batch(batch_size).map(lambda rows: rows.to_tensor(-1))

    def with_shapes(make, batch_size):
        rows = dataset_of(make, output_types=tf.int32)
        return rows.padded_batch(batch_size, padded_shapes=[None], padding_values=-1)

    def by_numpy(make, batch_size):
        def batches():
            rows = make()
            while batch := list(itertools.islice(rows, batch_size)):
                whole = np.full((len(batch), max(map(len, batch))), -1, np.int32)
                for row, words in zip(whole, batch, strict=True):
                    row[: len(words)] = words
                yield whole

        return dataset_of(batches, output_signature=Spec((None, None), tf.int32))

    def by_keras(make, batch_size):
        def batches():
            rows = make()
            while batch := list(itertools.islice(rows, batch_size)):
                yield keras.utils.pad_sequences(batch, padding="post", value=-1)

        return dataset_of(batches, output_signature=Spec((None, None), tf.int32))

    def cast_at_the_end(make, batch_size):
        minus_one = tf.constant(-1, tf.int64)
        batches = sentences(make, Spec((None,), tf.int64)).padded_batch(
            batch_size, padding_values=minus_one
        )
        return batches.map(lambda batch: tf.cast(batch, tf.int32))


class TwoInputsRight:
    by_names = mapped(lambda one: (inputs(one), targets(one)))
    by_order = mapped(lambda one: ((one["photo"], one["age"]), (one["kind"], one["price"])))
    named_inputs = mapped(lambda one: (inputs(one), (one["kind"], one["price"])))
    named_targets = mapped(lambda one: ((one["photo"], one["age"]), targets(one)))
    no_weights = mapped(lambda one: (inputs(one), targets(one), None))
    # Keras takes from a dict of inputs what the model names, and leaves the rest.
    all_as_inputs = mapped(lambda one: (one, targets(one)))
    a_list_of_dicts = mapped(lambda one: [inputs(one), targets(one)])
    open_sizes = mapped(
        lambda one: (inputs(one), targets(one)), photo=Spec((None, None, 3), tf.float32)
    )
    other_types = mapped(
        lambda one: (inputs(one), targets(one)),
        photo=Spec((8, 8, 3), tf.float64),
        kind=Spec((), tf.uint8),
        price=Spec((), tf.float64),
    )
    in_bfloat16 = mapped(
        lambda one: (inputs(one) | {"photo": tf.cast(one["photo"], tf.bfloat16)}, targets(one))
    )
    columns = mapped(
        lambda one: (inputs(one) | {"age": [one["age"]]}, {k: [v] for k, v in targets(one).items()})
    )

    def batched_first(make, batch_size):
        batches = examples(make).batch(batch_size)
        return batches.map(lambda one: (inputs(one) | {"age": one["age"][:, None]}, targets(one)))

    def by_a_generator(make, batch_size):
        def pairs():
            for one in make():
                yield (one["photo"], [one["age"]]), (one["kind"], one["price"])

        signature = ((PHOTO, Spec((1,), tf.float32)), (KIND, NUMBER))
        return dataset_of(pairs, output_signature=signature).batch(batch_size)


RIGHT = {
    "02.describe": DescribeRight,
    "02.brighter": BrighterRight,
    "02.padded": PaddedRight,
    "02.two_inputs": TwoInputsRight,
}


@pytest.mark.parametrize(
    ("id", "name"),
    [(id, name) for id, each in RIGHT.items() for name in vars(each) if name[0] != "_"],
)
def test_other_right_answers_are_right(id, name):
    assert said(id, getattr(RIGHT[id], name)).startswith("Right")


# ------------------------------------------------------------------ the same mistake, other guise


def adds_and_limits_too_late(photos, by):
    for photo in photos:
        yield np.clip(photo + by, 0, 255)


def limits_and_adds(photos, by):
    for photo in photos:
        yield np.clip(photo, 0, 255) + by


def widens_and_narrows(photos, by):
    for photo in photos:
        yield (photo.astype(int) + by).astype(np.uint8)


def adds_in_place(photos, by):
    for photo in photos:
        photo += by
        yield photo


def widens_only(photos, by):
    for photo in photos:
        yield photo.astype(int) + by


def limits_a_wider_photo_first(photos, by):
    for photo in photos:
        yield np.clip(photo.astype(int), 0, 255) + by


def room_for_brighter_only(photos, by):
    for photo in photos:
        yield np.clip(photo, 0, 255 - by) + by


def float_values(photos, by):
    for photo in photos:
        yield np.clip(photo + float(by), 0, 255)


def fractions_without_a_limit(photos, by):
    for photo in photos:
        yield photo.astype(np.float32) / 255 + by / 255


def writes_into_the_photo_as_out(photos, by):
    for photo in photos:
        yield np.clip(photo.astype(int) + by, 0, 255, out=photo, casting="unsafe")


def a_tuple_of_photos(photos, by):
    return tuple(BrighterRight.by_floats(photos, by))


def as_list_first(photos, by):
    return BrighterRight.by_floats(list(photos), by)


def reuses_one_array(photos, by):
    everything = np.zeros((4, 4, 3), np.uint8)
    for photo in photos:
        here = everything[: photo.shape[0], : photo.shape[1]]
        here[:] = np.clip(photo.astype(int) + by, 0, 255)
        yield here


def limited(photo, by):
    return np.clip(photo.astype(int) + by, 0, 255)


def reuses_an_array_of_each_size(photos, by):
    arrays = {}
    for photo in photos:
        array = arrays.setdefault(photo.shape, np.empty_like(photo))
        array[:] = limited(photo, by)
        yield array


def reuses_two_arrays_in_turns(photos, by):
    arrays = {}
    for number, photo in enumerate(photos):
        array = arrays.setdefault((number % 2, photo.shape), np.empty_like(photo))
        array[:] = limited(photo, by)
        yield array


def reuses_an_array_of_the_first_size(photos, by):
    array = None
    for photo in photos:
        array = np.empty_like(photo) if array is None else array
        array[:] = limited(photo, by)
        yield array


def fills_an_array_of_the_first_size_with_out(photos, by):
    array = None
    for photo in photos:
        array = np.empty_like(photo) if array is None else array
        yield np.clip(photo.astype(int) + by, 0, 255, out=array, casting="unsafe")


def copies_from_an_array_of_the_first_size(photos, by):
    for array in fills_an_array_of_the_first_size_with_out(photos, by):
        yield array.copy()


def hands_over_the_photo(photos, by):
    for photo in photos:
        yield photo if by == 0 else limited(photo, by).astype(np.uint8)


def hands_over_a_view(photos, by):
    for photo in photos:
        yield photo[:] if by == 0 else limited(photo, by).astype(np.uint8)


def yields_tensors(photos, by):
    for photo in photos:
        yield tf.saturate_cast(tf.cast(photo, tf.int32) + by, tf.uint8)


def yields_wrong_tensors(photos, by):
    for photo in photos:
        yield tf.constant(photo) + tf.cast(by % 256, tf.uint8)


def one_late(photos, by):
    ready = None
    for photo in BrighterRight.by_floats(photos, by):
        if ready is not None:
            yield ready
        ready = photo
    yield ready


def two_at_a_time(photos, by):
    photos = iter(photos)
    while pair := list(itertools.islice(photos, 2)):
        yield from BrighterRight.by_floats(pair, by)


def read_once(answer):
    """An answer which reads all elements when the dataset is built, and keeps them."""

    def reading(make, *size):
        elements = list(make())
        return answer(lambda: iter(elements), *size)

    return reading


def read_at_the_first_epoch(answer):
    """An answer which keeps the elements of the first epoch."""

    def reading(make, *size):
        elements = []

        def again():
            if not elements:
                elements.extend(make())
            yield from elements

        return answer(again, *size)

    return reading


def looked_at(answer):
    """An answer which looks at an element when the dataset is built, and starts anew later."""

    def looking(make, *size):
        next(iter(make()))
        return answer(make, *size)

    return looking


def by_signature_of(make):
    return dataset_of(make, output_signature=signature_of(make))


def bucketed(make, batch_size):
    return sentences(make).bucket_by_sequence_length(
        tf.size, [2, 5], [batch_size] * 3, padding_values=-1
    )


def generated(change, signature):
    """An answer to 02.two_inputs whose generator changes each example."""
    return lambda make, n: dataset_of(
        lambda: map(change, make()), output_signature=signature
    ).batch(n)


def only_described(signature):
    """An answer to 02.two_inputs that only describes what `make` yields."""
    return lambda make, n: dataset_of(make, output_signature=signature).batch(n)


PAIR_OF_TUPLES = ((PHOTO, NUMBER), (KIND, NUMBER))
PAIR_OF_DICTS = ({"photo": PHOTO, "age": NUMBER}, {"kind": KIND, "price": NUMBER})
VECTOR, NUMBERS = Spec((1,), tf.float32), Spec((None,), tf.float32)
BATCHES_OF_NUMBERS = {"age": NUMBERS, "kind": Spec((None,), tf.int32), "price": NUMBERS}


def pads_with_zeros_before(make, batch_size):
    def batches():
        rows = make()
        while batch := list(itertools.islice(rows, batch_size)):
            yield keras.utils.pad_sequences(batch)

    return dataset_of(batches, output_signature=Spec((None, None), tf.int32))


def pads_to_the_longest_of_all(make, batch_size):
    longest = max(map(len, make()))
    return sentences(make).padded_batch(batch_size, padded_shapes=[longest], padding_values=-1)


def pads_before_it_batches(make, batch_size):
    padded = sentences(make).map(lambda row: tf.pad(row, [[0, 20 - len(row)]], constant_values=-1))
    return padded.batch(batch_size)


def lists_in_the_generator(make, batch_size):
    def pairs():
        for one in make():
            yield [(one["photo"], one["age"]), (one["kind"], one["price"])]

    signature = ((PHOTO, NUMBER), (KIND, NUMBER))
    return dataset_of(pairs, output_signature=signature).batch(batch_size)


def called(batched):
    """An answer that hands over the generator."""

    def answer(make, batch_size):
        def again():
            return make()

        return batched(again(), batch_size)

    return answer


SAME = [
    ("02.describe", described(image=Spec((224, 224, 3), tf.uint8)), lesson.SIZES_FIXED),
    ("02.describe", described(image=Spec((None, 6, 3), tf.uint8)), lesson.SIZES_FIXED),
    ("02.describe", described(image=Spec(None, tf.uint8)), lesson.NO_SHAPE),
    ("02.describe", described(box=Spec(None, tf.float32)), lesson.NO_SHAPE),
    ("02.describe", described(image=Spec((None, None, 3), tf.float64)), lesson.FLOAT_PIXELS),
    ("02.describe", described(box=Spec((4,), tf.int64)), lesson.BOX_CUT),
    ("02.describe", described(box=Spec((4,), tf.float64)), lesson.BOX_DOUBLE),
    ("02.describe", described(box=Spec((None,), tf.float32)), lesson.BOX_OPEN),
    ("02.describe", described(name=Spec((), tf.int32)), lesson.NAME_NUMBER),
    ("02.describe", described(name=Spec((None,), tf.string)), lesson.NAME_VECTOR),
    (
        "02.describe",
        lambda make: described()(make).map(lambda one: tuple(one.values())),
        lesson.A_TUPLE,
    ),
    ("02.brighter", adds_and_limits_too_late, lesson.WRAPPED),
    ("02.brighter", limits_and_adds, lesson.WRAPPED),
    ("02.brighter", widens_and_narrows, lesson.WRAPPED),
    ("02.brighter", adds_in_place, lesson.WRAPPED),
    ("02.brighter", widens_only, lesson.NOT_LIMITED),
    ("02.brighter", limits_a_wider_photo_first, lesson.NOT_LIMITED),
    ("02.brighter", room_for_brighter_only, lesson.REFUSED),
    ("02.brighter", float_values, lesson.NOT_UINT8),
    ("02.brighter", fractions_without_a_limit, lesson.FRACTIONS),
    ("02.brighter", writes_into_the_photo_as_out, lesson.IN_PLACE),
    ("02.brighter", reuses_one_array, lesson.SHARED),
    ("02.brighter", reuses_an_array_of_each_size, lesson.SHARED),
    ("02.brighter", reuses_two_arrays_in_turns, lesson.SHARED),
    ("02.brighter", reuses_an_array_of_the_first_size, lesson.SHARED),
    ("02.brighter", fills_an_array_of_the_first_size_with_out, lesson.SHARED),
    ("02.brighter", copies_from_an_array_of_the_first_size, lesson.ONE_SIZE),
    ("02.brighter", hands_over_the_photo, lesson.ITSELF),
    ("02.brighter", hands_over_a_view, lesson.ITSELF),
    ("02.brighter", yields_tensors, lesson.TENSORS),
    ("02.brighter", yields_wrong_tensors, lesson.TENSORS),
    ("02.brighter", lambda photos, by: map(tf.Variable, photos), lesson.TENSORS),
    ("02.brighter", one_late, lesson.LATE),
    ("02.brighter", two_at_a_time, lesson.LATE),
    ("02.brighter", a_tuple_of_photos, lesson.PHOTOS_A_LIST),
    ("02.brighter", as_list_first, lesson.PHOTOS_COLLECTED),
    ("02.padded", pads_with_zeros_before, lesson.PADDED_BEFORE),
    ("02.padded", pads_to_the_longest_of_all, lesson.ONE_LENGTH),
    ("02.padded", pads_before_it_batches, lesson.ONE_LENGTH),
    (
        "02.padded",
        lambda make, n: sentences(make).padded_batch(n, padded_shapes=[4], padding_values=-1),
        lesson.ONE_LENGTH,
    ),
    (
        "02.padded",
        lambda make, n: sentences(make, Spec((3,), tf.int32)).padded_batch(n, padding_values=-1),
        lesson.LENGTH_FIXED,
    ),
    (
        "02.padded",
        lambda make, n: sentences(make).padded_batch(100, padding_values=-1),
        lesson.ALL_IN_ONE,
    ),
    (
        "02.padded",
        lambda make, n: sentences(make).padded_batch(n, padding_values=-1.0),
        lesson.OTHER_DTYPE,
    ),
    (
        "02.padded",
        lambda make, n: sentences(make, Spec((None,), tf.int64)).padded_batch(n, padding_values=-1),
        lesson.OTHER_DTYPE,
    ),
    ("02.padded", lambda make, n: sentences(make), lesson.NO_BATCH),
    (
        "02.padded",
        called(lambda rows, n: sentences(rows).padded_batch(n)),
        lesson.GIVEN_A_GENERATOR,
    ),
    (
        "02.two_inputs",
        called(lambda rows, n: examples(rows).batch(n)),
        lesson.GIVEN_A_GENERATOR,
    ),
    ("02.two_inputs", mapped(inputs), lesson.ONE_PART),
    ("02.two_inputs", mapped(lambda one: (inputs(one),)), lesson.ONE_PART),
    ("02.two_inputs", mapped(lambda one: {"x": inputs(one), "y": targets(one)}), lesson.ONE_PART),
    (
        "02.two_inputs",
        mapped(lambda one: (inputs(one), one["kind"], one["price"])),
        lesson.AS_WEIGHTS,
    ),
    (
        "02.two_inputs",
        mapped(lambda one: (one["photo"], one["age"], targets(one))),
        lesson.AS_WEIGHTS,
    ),
    (
        "02.two_inputs",
        mapped(lambda one: ([one["photo"], one["age"]], [one["kind"], one["price"]])),
        lesson.LISTS,
    ),
    (
        "02.two_inputs",
        mapped(lambda one: (inputs(one), [float(0) + one["age"], one["price"]])),
        lesson.LISTS,
    ),
    ("02.two_inputs", lists_in_the_generator, lesson.LISTS),
    (
        "02.two_inputs",
        mapped(lambda one: ((one["kind"], one["price"]), (one["photo"], one["age"]))),
        lesson.SWAPPED,
    ),
    (
        "02.two_inputs",
        mapped(lambda one: (inputs(one), {"kind": one["price"], "price": one["kind"]})),
        lesson.TARGETS_CROSSED,
    ),
    (
        "02.two_inputs",
        mapped(lambda one: ((one["age"], one["photo"]), targets(one))),
        lesson.INPUTS_CROSSED,
    ),
    (
        "02.two_inputs",
        lambda make, n: examples(make).map(lambda one: (inputs(one), targets(one))),
        lesson.NOT_BATCHED,
    ),
    (
        "02.two_inputs",
        lambda make, n: mapped(lambda one: (inputs(one), targets(one)))(make, n).batch(n),
        lesson.BATCHED_TWICE,
    ),
    (
        "02.two_inputs",
        mapped(lambda one: (inputs(one), targets(one)), age=Spec((), tf.int32)),
        lesson.CUT_OFF,
    ),
    (
        "02.two_inputs",
        mapped(lambda one: (inputs(one), targets(one)), photo=Spec(None, tf.float32)),
        lesson.UNKNOWN_SHAPES,
    ),
    ("02.describe", read_once(described()), lesson.FROZEN),
    ("02.describe", read_at_the_first_epoch(described()), lesson.FROZEN),
    ("02.describe", lambda make: described()(make).cache(), lesson.FROZEN),
    ("02.describe", looked_at(described()), lesson.STARTED_EARLY),
    ("02.describe", by_signature_of, lesson.STARTED_EARLY),
    ("02.padded", read_once(PaddedRight.with_shapes), lesson.FROZEN),
    ("02.padded", read_once(PaddedRight.by_keras), lesson.FROZEN),
    ("02.padded", read_at_the_first_epoch(PaddedRight.with_shapes), lesson.FROZEN),
    ("02.padded", lambda make, n: PaddedRight.with_shapes(make, n).cache(), lesson.FROZEN),
    ("02.padded", looked_at(PaddedRight.with_shapes), lesson.STARTED_EARLY),
    ("02.two_inputs", read_once(TwoInputsRight.by_names), lesson.FROZEN),
    ("02.two_inputs", read_at_the_first_epoch(TwoInputsRight.by_names), lesson.FROZEN),
    ("02.two_inputs", lambda make, n: TwoInputsRight.by_names(make, n).cache(), lesson.FROZEN),
    ("02.two_inputs", looked_at(TwoInputsRight.by_names), lesson.STARTED_EARLY),
    ("02.describe", lambda make: described()(make).shuffle(9, seed=3), lesson.PICTURES_REORDERED),
    (
        "02.padded",
        lambda make, n: PaddedRight.with_shapes(lambda: reversed(list(make())), n),
        lesson.SENTENCES_REORDERED,
    ),
    ("02.padded", bucketed, lesson.SENTENCES_REORDERED),
    (
        "02.two_inputs",
        lambda make, n: TwoInputsRight.by_names(lambda: reversed(list(make())), n),
        lesson.REORDERED,
    ),
    (
        "02.two_inputs",
        lambda make, n: examples(make).shuffle(9, seed=1).map(pair).batch(n),
        lesson.REORDERED,
    ),
    (
        "02.two_inputs",
        lambda make, n: TwoInputsRight.by_names(make, n).shuffle(9, seed=3),
        lesson.REORDERED,
    ),
    ("02.two_inputs", mapped(pair, age=VECTOR), lesson.NUMBER_FOR_VECTOR),
    ("02.two_inputs", mapped(pair, price=VECTOR), lesson.NUMBER_FOR_VECTOR),
    (
        "02.two_inputs",
        generated(
            lambda one: ((one["photo"], one["age"]), (one["kind"], one["price"])),
            ((PHOTO, VECTOR), (KIND, NUMBER)),
        ),
        lesson.NUMBER_FOR_VECTOR,
    ),
    (
        "02.two_inputs",
        generated(
            lambda one: ((one["photo"], [one["age"]]), (one["kind"], one["price"])),
            PAIR_OF_TUPLES,
        ),
        lesson.VECTOR_FOR_NUMBER,
    ),
    (
        "02.two_inputs",
        generated(lambda one: (inputs(one), [one["kind"], one["price"]]), PAIR_OF_DICTS),
        lesson.LISTS,
    ),
    (
        "02.two_inputs",
        generated(
            lambda one: (inputs(one), [one["kind"], one["price"]]), (PAIR_OF_DICTS[0], (KIND, KIND))
        ),
        lesson.LISTS,
    ),
    (
        "02.two_inputs",
        generated(
            lambda one: (inputs(one), [one["kind"], one["price"]]), (PAIR_OF_DICTS[0], [KIND, KIND])
        ),
        lesson.LIST_IN_SIGNATURE,
    ),
    ("02.two_inputs", only_described(list(PAIR_OF_DICTS)), lesson.LIST_IN_SIGNATURE),
    ("02.describe", described(box=[NUMBER] * 4), lesson.LIST_IN_SIGNATURE),
    (
        "02.two_inputs",
        only_described({"photo": Spec((None, 8, 8, 3), tf.float32)} | BATCHES_OF_NUMBERS),
        lesson.ONE_PART,
    ),
    (
        "02.two_inputs",
        mapped(pair, photo=Spec((None, 8, 8, 3), tf.float32), **BATCHES_OF_NUMBERS),
        lesson.BATCHED_TWICE,
    ),
]


@pytest.mark.parametrize(("id", "answer", "message"), SAME)
def test_a_mistake_in_another_guise_gets_the_same_message(id, answer, message):
    assert said(id, answer) == f"Wrong: {message}"


# ----------------------------------------------------------------------------------- odd answers


def used_up(make):
    rows = make()
    return described()(lambda: rows)


def endless_pictures(make):
    return described()(make).repeat()


def in_an_ordered_dict(make):
    ordered = collections.OrderedDict(image=IMAGE, name=NAME, box=BOX)
    return dataset_of(make, output_signature=ordered)


def upside_down(make):
    return described()(make).map(lambda one: one | {"image": one["image"][::-1] // 2})


def in_a_list(photos, by):
    for photo in photos:
        yield np.clip(photo.astype(int) + by, 0, 255).tolist()


def too_strong(photos, by):
    for photo in photos:
        yield np.clip(photo.astype(int) + 2 * by, 0, 255).astype(np.uint8)


def nothing_but_nan(photos, by):
    for photo in photos:
        yield np.full(photo.shape, np.nan)


def truth(photos, by):
    for photo in photos:
        yield photo > by


def grey(photos, by):
    for photo in photos:
        yield photo.mean(axis=-1)


def forgets_one(photos, by):
    next(photos)
    yield from BrighterRight.by_floats(photos, by)


def twice_each(photos, by):
    for photo in BrighterRight.by_floats(photos, by):
        yield photo
        yield photo


def endless_photos(photos, by):
    yield from BrighterRight.by_floats(photos, by)
    while True:
        yield np.zeros((1, 1, 3), np.uint8)


def asks_for_the_length(photos, by):
    for number in range(len(photos)):
        yield photos[number]


def indexed(photos, by):
    return np.stack([np.clip(photo.astype(int) + by, 0, 255) for photo in photos][:1])


def a_function(photos, by):
    def photos_brighter():
        yield from photos

    return photos_brighter


def itself_a_generator(make, batch_size):
    yield from make()


def lists_of_sentences(make, batch_size):
    def batches():
        rows = make()
        while batch := list(itertools.islice(rows, batch_size)):
            yield batch

    return dataset_of(batches, output_signature=Spec((None, None), tf.int32))


def by_slices(make, batch_size):
    return tf.data.Dataset.from_tensor_slices(list(make())).map(pair).batch(batch_size)


MADE = '`{"photo": ..., "age": ..., "kind": ..., "price": ...}`'
DICTS = '`({"photo": ..., "age": ...}, {"kind": ..., "price": ...})`'
NO_MATCH = "did not match the expected structure. The signature describes "

ODD = [
    ("02.describe", lambda make: None, "records(make) gave back None, not a dataset. Is `ret"),
    ("02.describe", lambda make: make, "gave back a function, not a dataset."),
    ("02.describe", lambda make: make(), "gave back a generator. Give the generator function to"),
    ("02.describe", lambda make: list(make()), "gave back a list, not a dataset."),
    ("02.describe", lambda make: described()(make).batch(1), "shape=(None, None, None, 3), dtype"),
    ("02.describe", lambda make: dataset_of(make, output_signature=IMAGE), "The elements are desc"),
    ("02.describe", described(box=(NUMBER,) * 4), 'describes "box" as (TensorSpec(shape=(), dtype'),
    (
        "02.describe",
        described(box=Spec((4,), tf.float16)),
        "shape=(4,), dtype=tf.float16). A box is",
    ),
    ("02.describe", described(box=Spec((2, 2), tf.float32)), "A box is one array of four float32"),
    ("02.describe", described(image=Spec((None, None, 3), tf.int32)), "An image is a uint8 array"),
    (
        "02.describe",
        described(image=Spec((3, None, None), tf.uint8)),
        "shape=(3, None, None), dtype",
    ),
    (
        "02.describe",
        described(image=tf.RaggedTensorSpec((None, None, 3), tf.uint8)),
        'describes "image" as RaggedTensorSpec',
    ),
    (
        "02.describe",
        described(label=NAME),
        "has the keys box, image, label and name. It should have image, name and box.",
    ),
    ("02.describe", used_up, "Of 2 pictures your dataset gives none in its second epoch."),
    ("02.describe", endless_pictures, "Of 2 pictures your dataset gives more than 3 in its first"),
    ("02.describe", in_an_ordered_dict, "that did not match the expected structure."),
    (
        "02.describe",
        in_an_ordered_dict,
        NO_MATCH + '`OrderedDict(...)`, and the element is `{"image": ..., "name": ..., "box": ',
    ),
    (
        "02.describe",
        lambda make: described()(lambda: (tuple(one.values()) for one in make())),
        NO_MATCH + '`{"image": ..., "name": ..., "box": ...}`, and the element is `(..., ..., ..',
    ),
    ("02.describe", lambda make: described()(make).batch(1), "that of a batch. The pictures sho"),
    (
        "02.describe",
        described(
            image=Spec((None, None, None, 3), tf.uint8),
            name=Spec((None,), tf.string),
            box=Spec((None, 4), tf.float32),
        ),
        "leave `batch` out, and let the signature describe a single one.",
    ),
    (
        "02.describe",
        lambda make: tf.data.Dataset.from_tensor_slices(list(make())),
        "TensorFlow was given a dict to make a tensor of, and can't. Give `make` itself to tf.dat",
    ),
    ("02.describe", lambda make: tf.data.Dataset.from_tensors(make), "was given a function to"),
    ("02.describe", lambda make: tf.data.Dataset.from_tensors(make()), "was given a generator to"),
    (
        "02.describe",
        lambda make: described()(make).map(lambda one: one | {"box": tf.reshape(one, (4,))}),
        "TypeError: in user code:",
    ),
    ("02.describe", upside_down, '"image" of element 0 arrives changed in the first epoch'),
    ("02.describe", lambda make: dataset_of(make), "TypeError: To specify the output signature"),
    ("02.describe", described(name=tf.string), "TypeError: `output_signature` must contain"),
    ("02.brighter", lambda photos, by: None, "gave back None. Hand each photo over with `yield`"),
    ("02.brighter", lambda photos, by: 3, "gave back an int. It should yield one photo at a time"),
    ("02.brighter", indexed, "gave back a ndarray. It should yield one photo at a time."),
    ("02.brighter", a_function, "gave back a function, and nobody calls it."),
    ("02.brighter", lambda photos, by: tf.data.Dataset.range(3), "gave back a dataset. Only the"),
    ("02.brighter", lambda photos, by: iter([]), "Of 3 photos yours yields none: each photo"),
    ("02.brighter", lambda photos, by: iter([None]), "should be a uint8 array. Yours is None."),
    ("02.brighter", in_a_list, "should be a uint8 array. Yours is a list."),
    ("02.brighter", too_strong, "A pixel of 5 brighter by 20 should be 25. Yours is 45."),
    ("02.brighter", nothing_but_nan, "should be 255. Yours is nan."),
    ("02.brighter", truth, "A pixel of 250 brighter by 20 should be 255. Yours is 1."),
    ("02.brighter", grey, "A photo of shape (2, 2, 3) came out with the shape (2, 2)"),
    ("02.brighter", forgets_one, "A photo of shape (2, 2, 3) came out with the shape (4, 2, 3)"),
    ("02.brighter", twice_each, "A photo of shape (4, 2, 3) came out with the shape (2, 2, 3)"),
    ("02.brighter", endless_photos, "Of 3 photos yours yields more than 4: each photo"),
    ("02.brighter", asks_for_the_length, "TypeError: object of type 'generator' has no len()"),
    ("02.padded", lambda make, n: None, "padded(make, 2) gave back None, not a dataset. Is `ret"),
    ("02.padded", itself_a_generator, "padded(make, 2) gave back a generator."),
    ("02.padded", lambda make, n: sentences(make).repeat().padded_batch(n), "should give [[3, 0,"),
    (
        "02.padded",
        lambda make, n: PaddedRight.with_shapes(make, n).repeat(),
        "then [[9]], then [[3, 0, 300], [5, -1, -1]], and more.",
    ),
    (
        "02.padded",
        lambda make, n: PaddedRight.with_shapes(make, n).map(lambda b: tf.cast(b, tf.float32)),
        "The numbers are right, but they come as float32, not as int32.",
    ),
    (
        "02.padded",
        lambda make, n: sentences(make, Spec((None,), tf.uint8)).padded_batch(
            n, padding_values=tf.constant(255, tf.uint8)
        ),
        "In its first epoch yours gives [[3, 0, 44], [5, 255, 255]]",
    ),
    (
        "02.padded",
        lambda make, n: PaddedRight.with_shapes(make, n).padded_batch(1, padding_values=-1),
        "A batch should have two dimensions, sentences and words. Yours has 3.",
    ),
    ("02.padded", lambda make, n: PaddedRight.with_shapes(make, 2), "padded(make, 3) should give"),
    (
        "02.padded",
        lambda make, n: PaddedRight.with_shapes(make, n).map(lambda b: (b, b)),
        "Each batch should be one tensor of int32. Yours is (TensorSpec(",
    ),
    ("02.padded", lambda make, n: tf.data.Dataset.range(0).batch(2), "epoch yours gives nothing."),
    (
        "02.padded",
        lambda make, n: sentences(make, Spec((None, None), tf.int32)).padded_batch(n),
        "InvalidArgumentError: TypeError: `generator` yielded an element of shape (3,) where",
    ),
    (
        "02.padded",
        lists_of_sentences,
        "yielded `[..., ...]` where the signature says int32, and TensorFlow can't make one tensor "
        "of it: its parts differ in shape.",
    ),
    ("02.two_inputs", lambda make, n: None, "for_model(make, 2) gave back None, not a dataset."),
    ("02.two_inputs", by_slices, "TensorFlow was given a dict to make a tensor of, and can't."),
    (
        "02.two_inputs",
        only_described(PAIR_OF_TUPLES),
        f"`make` yields {MADE}, and the signature says `((..., ...), (..., ...))`. A signature ",
    ),
    (
        "02.two_inputs",
        lambda make, n: dataset_of(
            make,
            output_types=({"photo": tf.float32, "age": tf.float32}, (tf.int32, tf.float32)),
            output_shapes=({"photo": (8, 8, 3), "age": ()}, ((), ())),
        ).batch(n),
        'and the signature says `({"photo": ..., "age": ...}, (..., ...))`. A signature describes',
    ),
    (
        "02.two_inputs",
        lambda make, n: examples(lambda: map(pair, make())).map(pair).batch(n),
        f"{NO_MATCH}{MADE}, and the element is {DICTS}. Both must be nested alike: a tuple for ",
    ),
    (
        "02.two_inputs",
        generated(pair, ({"photo": PHOTO, "years": NUMBER}, {"kind": KIND, "price": NUMBER})),
        "The dict of the inputs has the keys photo and years. It should have photo and age.",
    ),
    (
        "02.two_inputs",
        generated(
            lambda one: ({"photo": one["photo"], "years": one["age"]}, targets(one)), PAIR_OF_DICTS
        ),
        f'{NO_MATCH}{DICTS}, and the element is `({{"photo": ..., "years": ...}}, {{"kind": ...',
    ),
    (
        "02.two_inputs",
        generated(lambda one: tuple(map(tf.constant, one.values())), PAIR_OF_TUPLES),
        NO_MATCH + "`((..., ...), (..., ...))`, and the element is `(..., ..., ..., ...)`.",
    ),
    (
        "02.two_inputs",
        generated(lambda one: (one["photo"].tolist(), *targets(one).values()), PAIR_OF_TUPLES),
        NO_MATCH + "`((..., ...), (..., ...))`, and the element is `([...], ..., ...)`.",
    ),
    (
        "02.two_inputs",
        generated(lambda one: ((one["photo"], one), (one["kind"], 1)), PAIR_OF_TUPLES),
        f"`generator` yielded {MADE} where the signature says float32, and TensorFlow can't make ",
    ),
    (
        "02.two_inputs",
        generated(lambda one: ((one["photo"], 1), (None, 1)), PAIR_OF_TUPLES),
        "`generator` yielded `None` where the signature says int32, and TensorFlow can't make one",
    ),
    (
        "02.two_inputs",
        generated(lambda one: one["photo"], PAIR_OF_TUPLES),
        NO_MATCH + "`((..., ...), (..., ...))`, and the element is `...`.",
    ),
    (
        "02.two_inputs",
        mapped(pair, photo=Spec((8, 8, 1), tf.float32)),
        "A part of shape (8, 8, 3) was yielded where the signature says (8, 8, 1).",
    ),
    (
        "02.two_inputs",
        lambda make, n: examples(
            make, photo=Spec((None, 8, 8, 3), tf.float32), **BATCHES_OF_NUMBERS
        ).map(pair),
        "It describes a single example, before `batch`: a photo has the shape (8, 8, 3), and a ",
    ),
    ("02.two_inputs", mapped(lambda one: (inputs(one) | {"age": 1 / 0}, one)), "ZeroDivisionErr"),
    (
        "02.two_inputs",
        mapped(lambda one: (inputs(one), {"kind": one["kind"]})),
        "The dict of the targets has the keys kind. It should have kind and price. Keras finds",
    ),
    (
        "02.two_inputs",
        mapped(lambda one: (inputs(one), one)),
        "The dict of the targets has the keys age, kind, photo and price.",
    ),
    ("02.two_inputs", mapped(lambda one: ({}, targets(one))), "of the inputs has the keys none."),
    (
        "02.two_inputs",
        mapped(lambda one: (one["photo"], targets(one))),
        "The inputs are TensorSpec(shape=(None, 8, 8, 3), dtype=tf.float32), and the model has "
        "two: photo and age.",
    ),
    ("02.two_inputs", mapped(lambda one: (inputs(one), None)), "The targets are NoneTensorSpec()"),
    (
        "02.two_inputs",
        lambda make, n: examples(make).map(lambda one: (inputs(one), targets(one))).window(n),
        "photo should be one tensor. Yours is DatasetSpec(",
    ),
    (
        "02.two_inputs",
        mapped(lambda one: (inputs(one), (one["kind"],))),
        "The targets are a tuple of 1, and the model has two: kind and price.",
    ),
    (
        "02.two_inputs",
        mapped(lambda one: (inputs(one), targets(one) | {"kind": tf.one_hot(one["kind"], 3)})),
        "A batch of 2 holds kind in the shape (2, 3). It should be (2, 1).",
    ),
    (
        "02.two_inputs",
        mapped(lambda one: (inputs(one), targets(one) | {"kind": tf.as_string(one["kind"])})),
        "kind arrives as a bytes. It should be a number.",
    ),
    (
        "02.two_inputs",
        mapped(lambda one: (inputs(one) | {"photo": one["photo"] / 255}, targets(one))),
        "photo arrives changed: 0.125 has become 0.000490196.",
    ),
    (
        "02.two_inputs",
        mapped(lambda one: (inputs(one), targets(one)), photo=Spec((8, 8, 3), tf.uint8)),
        "photo arrives changed: 0.125 has become 0.",
    ),
    (
        "02.two_inputs",
        mapped(lambda one: (inputs(one), targets(one) | {"price": one["price"] * np.nan})),
        "price arrives changed: 1.75 has become nan.",
    ),
    (
        "02.two_inputs",
        mapped(lambda one: (inputs(one) | {"photo": one["photo"][:, :, 0, None]}, targets(one))),
        "A batch of 2 holds photo in the shape (2, 8, 8, 1). It should be (2, 8, 8, 3).",
    ),
    (
        "02.two_inputs",
        mapped(lambda one: (inputs(one) | {"photo": one["photo"][0, 0]}, targets(one))),
        "A batch of photos has four dimensions. Yours is TensorSpec(shape=(None, 3)",
    ),
    (
        "02.two_inputs",
        lambda make, n: TwoInputsRight.by_names(make, 4),
        "Of 5 examples, for_model(make, 2) should make batches of 2, 2 and 1. In its first epoch "
        "yours makes batches of 4 and 1.",
    ),
    (
        "02.two_inputs",
        lambda make, n: TwoInputsRight.by_names(make, n).take(0),
        "In its first epoch yours makes none.",
    ),
    (
        "02.two_inputs",
        lambda make, n: TwoInputsRight.by_names(make, n).repeat(),
        "yours makes batches of 2, 2, 1, 2, 2, 1 and 2.",
    ),
    (
        "02.two_inputs",
        lambda make, n: (
            examples(make)
            .batch(n)
            .map(lambda one: (inputs(one) | {"age": one["age"][None]}, targets(one)))
        ),
        "A batch of 2 holds age in the shape (1, 2). It should be (2, 1).",
    ),
    ("02.two_inputs", mapped(lambda one: one["size"]), "KeyError: in user code:\nin line "),
]


@pytest.mark.parametrize(("id", "answer", "words"), ODD)
def test_other_wrong_answers_are_told_how(id, answer, words):
    shown = said(id, answer)
    assert shown.startswith("Wrong")
    assert words in shown
    assert "array(" not in shown  # a message names structures, it doesn't print pixels


# ----------------------------------------------------------------------- what the messages state


def test_what_a_dataset_of_anything_accepts():
    """CHANNELS_OPEN and NO_SHAPE: a grey photo comes through, and so does a number."""
    grey = np.zeros((2, 2, 1), np.uint8)
    open_channels = Spec((None, None, None), tf.uint8)
    (found,) = dataset_of(lambda: iter([grey]), output_signature=open_channels)
    assert found.shape == (2, 2, 1)
    assert len(list(dataset_of(lambda: iter([grey, 7]), output_types=tf.uint8))) == 2
    with pytest.raises(tf.errors.InvalidArgumentError):
        list(dataset_of(lambda: iter([grey]), output_signature=IMAGE))
    convolution = keras.layers.Conv2D(1, 1)
    with pytest.raises(TypeError):
        convolution(keras.Input((None, None, None)))


def test_float64_and_float32_do_not_mix():
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.constant(1.0, tf.float64) * tf.constant(1.0, tf.float32)


@pytest.mark.parametrize("signature", [KIND, Spec((), tf.uint8)])
def test_text_is_not_a_number(signature):
    with pytest.raises(tf.errors.InvalidArgumentError, match="could not be converted"):
        list(dataset_of(lambda: iter(["cat"]), output_signature=signature))


class Fitted:
    """What fit says to each form, in a graph, as it trains by itself."""

    plain = mapped(lambda one: (inputs(one), targets(one)))
    alone = mapped(inputs)
    flat = mapped(lambda one: (one["photo"], one["age"], one["kind"], one["price"]))
    other = mapped(lambda one: (inputs(one) | {"image": one["photo"]}, targets(one)))
    crossed = mapped(lambda one: (inputs(one), (one["price"], one["kind"])))
    unknown = mapped(
        lambda one: (inputs(one), targets(one)), photo=Spec(None, tf.float32), age=NUMBER
    )


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (Fitted.plain, None),
        (TwoInputsRight.by_order, None),
        (TwoInputsRight.all_as_inputs, None),
        (TwoInputsRight.columns, None),
        # In silence: the first prices, 1.75 and 2, are possible kinds.
        (Fitted.crossed, None),
        (Fitted.alone, "different structures"),
        (Fitted.flat, r"format `x`, `\(x,\)`, `\(x, y\)`, or `\(x, y, sample_weight\)`"),
        (mapped(lambda one: (targets(one), inputs(one))), 'Missing data for input "photo"'),
        (Fitted.unknown, r"as_list\(\) is not defined on an unknown TensorShape"),
    ],
)
def test_what_fit_says_outside_the_check(form, words):
    model = lesson._model()
    model.compile("sgd", loss=["sparse_categorical_crossentropy", "mse"])
    batches = form(lesson._examples(2), 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if words is None:
            assert np.isfinite(model.fit(batches, verbose=0).history["loss"][0])
        else:
            with pytest.raises(ValueError, match=words):
                model.fit(batches, verbose=0)


def test_a_right_answer_trains_the_model(monkeypatch):
    """The check is not content with shapes: what fit refuses is told."""

    def refuses(*args, **kwargs):
        raise ValueError("\x1b[1mNo.\x1b[0m\nmore")

    monkeypatch.setattr(keras.Model, "fit", refuses)
    shown = said("02.two_inputs", lesson.for_model)
    assert shown == "Wrong: model.fit refuses a batch: ValueError: No."


@pytest.mark.parametrize("id", RIGHT)
def test_a_check_leaves_no_trace(id, capfd):
    """Seeds, names and warnings stay as the learner has them, and nothing is printed."""

    def state():
        generator = tf.random.get_global_generator().state.numpy().tolist()
        return random.getstate(), np.random.get_state()[1].tolist(), generator

    task = next(each for each in lesson.EXERCISES if each.id == id)
    before, name = state(), keras.layers.Dense(1, kernel_initializer="zeros").name
    before = state()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert said(id, task.solution).startswith("Right")
    assert state() == before
    number = int(name.partition("_")[2] or 0)
    assert keras.layers.Dense(1).name == f"dense_{number + 1}"
    assert [str(each.message) for each in caught] == []
    assert capfd.readouterr() == ("", "")
