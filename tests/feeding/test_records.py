"""TFRecord files from a generator's elements: written whole or not at all, read back the same."""

import json
import os
import re
import signal
import struct
import subprocess
import sys
import warnings
from itertools import chain, count
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import course_utils
from course_utils.feeding import record_file, record_writer
from course_utils.feeding.conversions import DELIVERED
from course_utils.feeding.examples import Examples
from course_utils.feeding.layout import WrongElement
from course_utils.feeding.readers import read_photo
from course_utils.feeding.records import (
    DamagedRecords,
    Records,
    SkippedRecords,
    check_records,
    records_dataset,
    write_records,
)

pytestmark = pytest.mark.timeout(60)
FAULTS = Path(__file__).with_name("record_faults.py")
COUNT = 11
ROW = 141  # bytes of one of the records below, with what is around the data


def rows():
    for number in range(COUNT):
        yield np.full(100, number, np.uint8), number


def labels(dataset):
    return [int(label) for _, label in dataset]


def labels_of_batches(dataset):
    return [found.tolist() for _, found in dataset.as_numpy_iterator()]


@pytest.fixture
def set_of_three(tmp_path):
    """Eleven elements in three files: 4, 4 and 3 records."""
    return write_records(rows, tmp_path / "set", shards=3)


def files_of(folder):
    return sorted(path.name for path in folder.iterdir())


# There and back


def same(found, given):
    """The same structure, dtypes, shapes and bytes; text as bytes."""
    if isinstance(given, dict):
        assert found.keys() == given.keys()
        for key in given:
            same(found[key], given[key])
    elif isinstance(given, tuple):
        assert type(found) is tuple
        assert len(found) == len(given)
        for parts in zip(found, given):
            same(*parts)
    else:
        found, given = np.asarray(found), np.asarray(given)
        assert found.shape == given.shape
        if given.dtype.kind in "OSU":
            assert found.ravel().tolist() == [
                item.encode() if isinstance(item, str) else item for item in given.ravel().tolist()
            ]
        else:
            assert found.dtype == given.dtype
            np.testing.assert_array_equal(found, given)
            with np.errstate(invalid="ignore"):  # a signalling NaN comes back as a quiet one
                numbers = found == found
            assert found[numbers].tobytes() == given[numbers].tobytes()  # -0.0 isn't 0.0


def in_numpy(element):
    return tf.nest.map_structure(lambda part: part.numpy(), element)


shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)


@st.composite
def tensors(draw):
    """A spec and some arrays that it describes; unknown sizes differ, all else is drawn."""
    dtype, shape = draw(st.sampled_from(DELIVERED)), draw(shapes)
    known = draw(st.sampled_from(["whole", "sizes", "nothing"]))
    spec = tuple(size if draw(st.booleans()) else None for size in shape)
    spec = {"whole": shape, "sizes": spec, "nothing": None}[known]
    arrays = []
    for _ in range(2):
        size = int(np.prod(shape))
        if dtype == tf.string:
            items = draw(st.lists(st.binary(max_size=3), min_size=size, max_size=size))
            array = np.empty(size, object)
            array[:] = items
        else:
            kind = np.dtype(dtype.as_numpy_dtype)
            length = size * kind.itemsize
            array = np.frombuffer(draw(st.binary(min_size=length, max_size=length)), np.uint8)
            array = (array & 1 if dtype == tf.bool else array).view(kind)
        arrays.append(array.reshape(shape))
    return tf.TensorSpec(spec, dtype), arrays


structures = st.recursive(
    tensors(),
    lambda parts: (
        st.lists(parts, min_size=1, max_size=3).map(tuple)
        | st.dictionaries(st.sampled_from("abc"), parts, min_size=1, max_size=3)
    ),
    max_leaves=4,
)


def is_leaf(part):
    return isinstance(part, tuple) and isinstance(part[0], tf.TensorSpec)


def parts_of(structure, choose):
    if is_leaf(structure):
        return choose(structure)
    if isinstance(structure, dict):
        return {key: parts_of(part, choose) for key, part in structure.items()}
    return tuple(parts_of(part, choose) for part in structure)


@settings(max_examples=60, deadline=None)
@given(structures)
def test_elements_come_back_the_same_one_by_one_and_in_batches(structure):
    signature = parts_of(structure, lambda leaf: leaf[0])
    elements = [parts_of(structure, lambda leaf, n=n: leaf[1][n]) for n in range(2)]
    examples = Examples(signature)
    assert examples.signature == signature
    records = [examples.write(element) for element in elements]
    for record, element in zip(records, elements):
        same(in_numpy(examples.read(tf.constant(record))), element)
    batch = in_numpy(examples.read(tf.constant(records)))
    for number, element in enumerate(elements):
        same(parts_of_batch(batch, number), element)


def parts_of_batch(batch, number):
    return tf.nest.map_structure(lambda array: array[number, ...], batch)


def test_bytes_keep_the_zeros_at_their_end(tmp_path):
    single, several = [b"ab\0\0", b"\0", b"", "z\0"], [[b"a\0", b"\0\0"], [b"", b"b"]]
    written = write_records(single, tmp_path, name="single")
    as_bytes = [b"ab\0\0", b"\0", b"", b"z\0"]
    assert list(records_dataset(written).as_numpy_iterator()) == as_bytes
    written = write_records(several, tmp_path, name="several")
    assert [each.tolist() for each in records_dataset(written).as_numpy_iterator()] == several


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(structures, st.integers(1, 4), st.integers(1, 3))
def test_files_keep_elements_signature_and_order(tmp_path, structure, number, shards):
    signature = parts_of(structure, lambda leaf: leaf[0])
    elements = [parts_of(structure, lambda leaf, n=n % 2: leaf[1][n]) for n in range(number)]
    written = write_records(elements, tmp_path, shards, signature=signature, overwrite=True)
    assert Records.read(tmp_path) == written
    dataset = records_dataset(tmp_path)
    assert dataset.element_spec == written.signature == signature
    for found, element in zip(dataset, elements, strict=True):
        same(in_numpy(found), element)


def test_every_dtype_and_how_it_is_kept():
    kept = {}
    for dtype in DELIVERED:
        value = b"t" if dtype == tf.string else np.zeros((2,), dtype.as_numpy_dtype)
        spec = tf.TensorSpec(np.shape(value), dtype)
        record = tf.train.Example.FromString(Examples(spec).write(value))
        kept[dtype.name] = record.features.feature["value"].WhichOneof("kind")
    integers = ["int16", "int32", "int64", "uint16", "uint32"]
    assert [name for name, kind in kept.items() if kind == "int64_list"] == integers
    assert [name for name, kind in kept.items() if kind == "float_list"] == ["float32"]
    assert len(kept) == 16


def test_names_in_the_example():
    spec = tf.TensorSpec((), tf.int64)
    examples = Examples({"a": spec, "b": (spec, {"c": tf.TensorSpec((None,), tf.float32)})})
    record = examples.write({"a": 1, "b": (2, {"c": np.ones(3, "float32")})})
    features = tf.train.Example.FromString(record).features.feature
    assert sorted(features) == ["a", "b/0", "b/1/c", "b/1/c/shape"]
    assert features["b/1/c/shape"].int64_list.value == [3]


def test_photos_and_jpeg_files_come_back_the_same(tmp_path, photos):
    paths, found = photos.paths[:6], photos.labels[:6]

    def generator():
        for path, label in zip(paths, found):
            yield {"photo": read_photo(path), "jpeg": path.read_bytes(), "label": label}

    records = write_records(generator, tmp_path)
    assert records.signature["photo"] == tf.TensorSpec((224, 224, 3), tf.uint8)
    assert records.signature["jpeg"] == tf.TensorSpec((), tf.string)
    (batch,) = records_dataset(records, batch_size=6).as_numpy_iterator()
    for number, element in enumerate(generator()):
        same(parts_of_batch(batch, number), element)


def test_sizes_that_differ_come_back_but_not_in_one_batch(tmp_path):
    photos = [np.full((2 + n % 3, 4, 3), n, np.uint8) for n in range(COUNT)]
    records = write_records(photos, tmp_path)
    assert records.signature == tf.TensorSpec((None, 4, 3), tf.uint8)
    for found, photo in zip(records_dataset(records), photos, strict=True):
        same(found.numpy(), photo)
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        list(records_dataset(records, batch_size=3))
    assert "value\\' differs in shape within a batch:] [2 4 3] [and] [3 4 3]" in str(error.value)
    assert "batch_size=None" in str(error.value)


def test_the_signature_is_looked_for_in_copies_of_the_first_elements(tmp_path):
    """A generator that fills one array again and again."""

    def reusing():
        out = np.zeros(3, np.uint8)
        for number in range(COUNT):
            out[:] = number
            yield out

    found = records_dataset(write_records(reusing, tmp_path)).as_numpy_iterator()
    assert [one.tolist() for one in found] == [[number] * 3 for number in range(COUNT)]


# What can be given


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, number):
        return np.full(2, number, np.int64)


def endless():
    for number in count():
        yield np.full(2, number, np.int64)


@pytest.mark.parametrize(
    ("elements", "more"),
    [
        (lambda: (np.full(2, n, np.int64) for n in range(3)), {}),
        ((np.full(2, n, np.int64) for n in range(3)), {}),
        ([np.full(2, n, np.int64) for n in range(3)], {}),
        (np.repeat(np.arange(3), 2).reshape(3, 2), {}),
        (tf.data.Dataset.range(3).map(lambda n: tf.stack([n, n])), {}),
        (tf.data.Dataset.range(3).map(lambda n: tf.stack([n, n])).repeat(), {"at_most": 3}),
        (Batches(), {}),
        (endless, {"at_most": 3}),
    ],
    ids=["function", "generator", "list", "array", "dataset", "endless", "PyDataset", "count"],
)
def test_sources(tmp_path, elements, more):
    records = write_records(elements, tmp_path, **more)
    assert records.count == len(records) == 3
    found = [one.tolist() for one in records_dataset(records).as_numpy_iterator()]
    assert found == [[0, 0], [1, 1], [2, 2]]


@pytest.mark.parametrize(("at_most", "drawn"), [(1, 1), (3, 3), (8, 8), (10, 10), (99, 11)])
@pytest.mark.parametrize("signature", [None, tf.TensorSpec((), tf.int64)])
def test_no_more_is_drawn_than_was_asked_for(tmp_path, at_most, drawn, signature):
    """The next element may be an error, or one that never comes."""
    asked = []

    def generator():
        for number in range(COUNT):
            asked.append(number)
            yield number
        if at_most > COUNT:
            return
        raise AssertionError("drawn from too often")

    records = write_records(generator, tmp_path, at_most=at_most, signature=signature)
    assert records.count == drawn
    assert asked == list(range(drawn))


def test_how_many_elements_are_drawn_before_the_first_is_written(tmp_path, monkeypatch):
    events = []

    def generator():
        for number in range(COUNT):
            events.append("draw")
            yield number

    write = record_writer.RecordWriter.write
    noting = lambda *given: (events.append("write"), write(*given))  # noqa: E731
    monkeypatch.setattr(record_writer.RecordWriter, "write", noting)
    write_records(generator, tmp_path)
    assert events == ["draw"] * 8 + ["write"] * 8 + ["draw", "write"] * 3
    events.clear()
    write_records(generator, tmp_path, signature=tf.TensorSpec((), tf.int64), overwrite=True)
    assert events == ["draw", "write"] * COUNT


@pytest.mark.parametrize(
    ("elements", "more", "kind", "words"),
    [
        (5, {}, TypeError, "Found 5, expected a generator function, a dataset or another"),
        ("abc", {}, TypeError, "Found 'abc', expected"),
        ({"a": 1}, {}, TypeError, "Found a dict"),
        (lambda: None, {}, TypeError, "Found None, expected"),
        ([], {}, ValueError, "yielded no element"),
        ([], {"signature": tf.TensorSpec((), tf.int64)}, ValueError, "yielded no element"),
        (tf.data.Dataset.range(3).repeat(), {}, ValueError, "never ends. Give at_most"),
        ([1], {"shards": 0}, ValueError, "shards must be 1 or more"),
        ([1], {"at_most": 0}, ValueError, "at_most must be 1 or more"),
        ([1], {"name": "a/b"}, ValueError, "name must be of letters"),
        ([1], {"name": ".a"}, ValueError, "name must be of letters"),
        ([1], {"name": 3}, TypeError, "name must be of letters, digits, ., - and _, found 3"),
        ([1], {"name": None}, TypeError, "name must be of letters, digits, ., - and _, found None"),
        ([{1: 2}], {}, TypeError, "has the key 1. Parts of a record have names"),
        ([{"a": {"b": 1}, "a/b": 2}], {}, ValueError, "would have one name"),
        (
            [tf.ragged.constant([[1], [2, 3]])],
            {},
            TypeError,
            "RaggedTensorSpec, and a record keeps",
        ),
        ([1], {"signature": tf.TensorSpec((), tf.qint8)}, TypeError, "has dtype qint8"),
        ([1], {"signature": 3}, TypeError, "tf.TensorSpec was expected"),
        ([1, 2.5], {"signature": tf.TensorSpec((), tf.int64)}, WrongElement, "Element 1 doesn't"),
        ([1] * 8 + ["x"], {}, WrongElement, "Element 8 doesn't fit the signature: found 'x'"),
        ([np.ones(3)] * 9 + [np.ones(4)], {}, WrongElement, "expected shape (3,)"),
    ],
)
def test_what_is_refused_leaves_nothing(tmp_path, elements, more, kind, words):
    with pytest.raises(kind) as error:
        write_records(elements, tmp_path / "new" / "folder", **more)
    assert words in str(error.value)
    assert files_of(tmp_path) == []


def test_named_tuples_are_tuples_afterwards(tmp_path):
    from collections import namedtuple

    pair = namedtuple("Pair", "photo label")
    records = write_records([pair(np.ones(3), 1)], tmp_path)
    assert type(records.signature) is tuple
    (element,) = records_dataset(records)
    assert type(element) is tuple


# Files


def test_elements_go_to_the_files_in_turn_and_come_back_in_order(tmp_path):
    cases = [(1, 1, 2), (1, 3, 1), (6, 3, 2), (7, 3, tf.data.AUTOTUNE), (11, 4, 99), (5, 11, 2)]
    for number, shards, parallel in cases:
        folder = tmp_path / f"{number}-{shards}"
        records = write_records(range(number), folder, shards)
        assert records.counts == tuple(len(range(n, number, shards)) for n in range(shards))
        dataset = records_dataset(folder, parallel=parallel)
        assert dataset.cardinality() == number
        assert list(dataset.as_numpy_iterator()) == list(range(number))


def test_without_order_all_elements_come_once(tmp_path):
    records = write_records(range(50), tmp_path, shards=4)
    dataset = records_dataset(records, ordered=False)
    assert dataset.cardinality() == 50
    assert sorted(dataset.as_numpy_iterator()) == list(range(50))


def test_what_is_in_the_folder(set_of_three):
    folder = set_of_three.folder
    names = [f"records-{n:05d}-of-00003.tfrecord" for n in range(3)]
    assert files_of(folder) == [*names, "records.json"]
    assert [path.name for path in set_of_three.files] == names
    assert set_of_three.counts == (4, 4, 3)
    assert set_of_three.sizes == (4 * ROW, 4 * ROW, 3 * ROW)
    assert set_of_three.bytes == 11 * ROW
    for path, number in zip(set_of_three.files, set_of_three.counts):
        assert len(list(tf.data.TFRecordDataset(str(path)))) == number
    text = repr(set_of_three)
    assert text.startswith("11 elements in 3 files, 1,551 bytes\n(TensorSpec(shape=(100,)")
    assert str(folder) not in text


def test_batches_epochs_and_training(set_of_three):
    dataset = records_dataset(set_of_three, batch_size=4)
    assert dataset.cardinality() == 3
    assert dataset.element_spec[0] == tf.TensorSpec((None, 100), tf.uint8)
    once = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]
    assert labels_of_batches(dataset) == once
    assert labels_of_batches(dataset.repeat(2)) == once * 2
    full = records_dataset(set_of_three, batch_size=4, drop_remainder=True)
    assert full.element_spec[0] == tf.TensorSpec((4, 100), tf.uint8)
    assert labels_of_batches(full) == once[:2]
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(dataset, epochs=2, shuffle=False, verbose=0)
    assert int(model.optimizer.iterations.numpy()) == 6


def test_records_are_shuffled_before_they_are_batched(set_of_three):
    dataset = records_dataset(set_of_three, 4, shuffle=COUNT, seed=3)
    epochs = [list(chain(*labels_of_batches(dataset))) for _ in range(2)]
    assert epochs[0] != epochs[1]
    for epoch in epochs:
        assert sorted(epoch) == list(range(COUNT))
        assert epoch != sorted(epoch)
    again = records_dataset(set_of_three, 4, shuffle=COUNT, seed=3)
    assert list(chain(*labels_of_batches(again))) == epochs[0]


def test_no_python_runs_while_it_is_read(set_of_three):
    """What Python made can be restored and served in another process; a generator can't."""
    dataset = records_dataset(set_of_three, batch_size=4)
    iterator = iter(dataset)
    next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(str(set_of_three.folder / "saved"))
    other = iter(dataset)
    tf.train.Checkpoint(iterator=other).restore(path)
    assert next(other)[1].numpy().tolist() == next(iterator)[1].numpy().tolist() == [4, 5, 6, 7]
    graph = dataset._as_serialized_graph().numpy()  # what a server would get
    assert b"PyFunc" not in graph
    assert b"TFRecordDatasetV2" in graph


def test_the_folder_may_be_moved_and_read_by_its_name(set_of_three, tmp_path, monkeypatch):
    set_of_three.folder.rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    assert labels(records_dataset("moved")) == list(range(COUNT))
    assert check_records("moved").whole


def test_several_sets_in_one_folder(tmp_path):
    train = write_records([1, 2], tmp_path, name="train")
    test = write_records([3], tmp_path, name="test.v-2")
    assert Records.read(tmp_path, "train") == train
    assert list(records_dataset(test).as_numpy_iterator()) == [3]
    with pytest.raises(FileNotFoundError, match=r"no records\.json in .* named test\.v-2, train: "):
        records_dataset(tmp_path)
    write_records([4], tmp_path, name="train", shards=1, overwrite=True)
    assert list(records_dataset(test).as_numpy_iterator()) == [3]


def test_arguments_of_reading(set_of_three):
    for more in ({"errors": "ignore"}, {"batch_size": 0}, {"parallel": 0}, {"shuffle": -1}):
        with pytest.raises(ValueError, match="must be"):
            records_dataset(set_of_three, **more)


def test_what_is_no_set_of_records(tmp_path, set_of_three):
    with pytest.raises(FileNotFoundError, match=r"Found no folder .*nowhere"):
        records_dataset(tmp_path / "nowhere")
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(NotADirectoryError, match=r"Found no folder .*file"):
        check_records(file)
    index = set_of_three.folder / "records.json"
    for text in ("", "{", "[]", "{}", '{"format": 99}', index.read_text()[:-20]):
        (tmp_path / "set" / "records.json").write_text(text)
        with pytest.raises(ValueError, match=r"records\.json can't be read: .*overwrite=True"):
            records_dataset(set_of_three.folder)
    index.unlink()
    with pytest.raises(FileNotFoundError, match=r"no whole set.*There is records-00000-of-00003"):
        records_dataset(set_of_three.folder)


DAMAGED_INDEX = r"records\.json can't be read: .*\. Write them anew: .*overwrite=True"


@pytest.mark.parametrize(
    "change",
    [
        {"files": []},
        {"files": {}},
        {"files": None},
        {"signature": {"dtype": "qint8", "shape": []}},
        {"signature": {"dict": {"a/b": {}}}},
        {"signature": 3},
    ],
)
def test_an_index_that_tells_what_cannot_be(set_of_three, change):
    path = set_of_three.folder / "records.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    for read in (Records.read, records_dataset, check_records):
        with pytest.raises(ValueError, match=DAMAGED_INDEX):
            read(set_of_three.folder)


@pytest.mark.parametrize(("key", "value"), [("records", 5), ("name", "records-00001-of-00003")])
def test_an_index_with_another_count_or_name(set_of_three, key, value):
    path = set_of_three.folder / "records.json"
    index = json.loads(path.read_text())
    index["files"][2][key] = index["files"][1]["name"] if key == "name" else value
    path.write_text(json.dumps(index))
    with pytest.raises(ValueError, match=DAMAGED_INDEX):
        Records.read(set_of_three.folder)


def test_an_index_with_one_damaged_bit(set_of_three):
    """Each bit of it in turn: the sentence, or something that an index may tell."""
    path = set_of_three.folder / "records.json"
    whole, told = path.read_bytes(), []
    for bit in range(8 * len(whole)):
        content = bytearray(whole)
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        try:
            assert Records.read(set_of_three.folder).files
        except ValueError as error:
            assert re.search(DAMAGED_INDEX, str(error)), (bit, error)  # noqa: PT017
            told.append(bit)
    assert {bit for bit in range(8 * len(whole)) if bit % 8 == 7} <= set(told)
    assert len(told) > 4 * len(whole)


def test_the_name_is_checked_in_reading_as_in_writing(set_of_three):
    for name in ("../set/records", "", ".records", "a/b"):
        with pytest.raises(ValueError, match=r"name must be of letters, digits, .*, found"):
            Records.read(set_of_three.folder, name)
    for name in (3, None, b"records", Path("records")):
        with pytest.raises(TypeError, match=r"name must be of letters, digits, .*, found"):
            Records.read(set_of_three.folder, name)


# Written whole, or not at all


def test_a_set_is_replaced_only_when_that_is_asked_for(set_of_three):
    folder = set_of_three.folder
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(FileExistsError, match=r"has records\.json already\. overwrite=True"):
        write_records(rows, folder)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    write_records([1, 2, 3], folder, shards=2, overwrite=True)
    assert list(records_dataset(folder).as_numpy_iterator()) == [1, 2, 3]
    assert len(files_of(folder)) == 3


def test_files_of_others_are_not_replaced_either(tmp_path):
    path = tmp_path / "records-00000-of-00005.tfrecord"
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match=r"has records-00000-of-00005\.tfrecord already"):
        write_records(rows, tmp_path)
    assert path.read_bytes() == b"mine"
    assert files_of(tmp_path) == [path.name]
    write_records(rows, tmp_path, overwrite=True)
    assert not path.exists()


def test_a_set_can_be_replaced_by_what_is_made_from_it(set_of_three):
    folder = set_of_three.folder
    write_records(records_dataset(folder).map(lambda _, label: label * 2), folder, overwrite=True)
    assert list(records_dataset(folder).as_numpy_iterator()) == list(range(0, 2 * COUNT, 2))


class Mine(Exception):
    pass


@pytest.mark.parametrize("at", [0, 5, 10])
@pytest.mark.parametrize("raised", [Mine, OSError(28, "mine"), KeyboardInterrupt, SystemExit])
def test_what_the_generator_raises_passes_and_nothing_is_left(tmp_path, set_of_three, at, raised):
    closed = []

    def failing():
        try:
            for number, element in enumerate(rows()):
                if number == at:
                    raise raised
                yield element
        finally:
            closed.append(True)

    before = files_of(set_of_three.folder)
    for folder, more in ((tmp_path / "new", {}), (set_of_three.folder, {"overwrite": True})):
        with pytest.raises(raised if isinstance(raised, type) else OSError) as error:
            write_records(failing, folder, **more)
        if isinstance(raised, OSError):
            assert error.value is raised
    assert closed == [True, True]
    assert not (tmp_path / "new").exists()
    assert files_of(set_of_three.folder) == before
    assert labels(records_dataset(set_of_three)) == list(range(COUNT))


def test_a_generator_is_closed_when_an_element_is_refused(tmp_path):
    closed = []

    def generator():
        try:
            yield 1
            yield "text"
        finally:
            closed.append(True)

    with pytest.raises(WrongElement):
        write_records(generator, tmp_path, signature=tf.TensorSpec((), tf.int64))
    assert closed == [True]


def test_an_interrupt_while_the_files_get_their_names_waits(tmp_path, monkeypatch):
    replace, calls = os.replace, []

    def interrupted(*names):
        calls.append(names)
        signal.raise_signal(signal.SIGINT)
        replace(*names)

    monkeypatch.setattr(record_writer.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_records(rows, tmp_path, shards=3)
    assert len(calls) == 4
    assert len(files_of(tmp_path)) == 4
    assert labels(records_dataset(tmp_path)) == list(range(COUNT))


def test_a_failure_between_two_names_takes_back_the_first(tmp_path, monkeypatch):
    replace, calls = os.replace, []

    def failing(*names):
        calls.append(names)
        if len(calls) == 3:
            raise OSError(5, "Input/output error")
        replace(*names)

    monkeypatch.setattr(record_writer.os, "replace", failing)
    with pytest.raises(OSError, match=r"Writing to .* failed \(.*Input/output error\)"):
        write_records(rows, tmp_path / "new", shards=3)
    assert files_of(tmp_path) == []


def test_a_file_in_the_way_of_the_folder(tmp_path):
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(NotADirectoryError, match=r"A file is in the way of the folder .*file"):
            write_records(rows, folder)
    assert (tmp_path / "file").read_text() == "mine"
    assert files_of(tmp_path) == ["file"]


def test_a_full_disk_is_told_and_nothing_stays(small_disk):
    disk = small_disk(1)
    large = [np.full(10_000, number % 256, np.uint8) for number in range(150)]
    for _ in range(2):
        with pytest.raises(
            OSError, match=r"The disk that .*records is on is full.*Free some space"
        ):
            write_records(large, disk / "records")
        assert files_of(disk) == []
    assert write_records(large[:50], disk / "records").count == 50


def test_a_disk_that_is_full_just_before_the_end(small_disk):
    """Files of a few KiB wait in memory until they are closed: the error comes then."""
    disk = small_disk(1)
    page, told, done = 4096, 0, 0
    for free in range(0, 8 * page, page // 2):
        with open(disk / "filler", "wb", buffering=0) as file:
            room = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
            file.write(bytes(max(0, room - free)))
        try:
            records = write_records(rows, disk / "records", shards=3)
        except OSError as error:
            told += 1
            assert "is full" in str(error)  # noqa: PT017
            assert not (disk / "records").exists()
        else:
            done += 1
            assert labels(records_dataset(records)) == list(range(COUNT))
            for path in [*records.folder.iterdir(), records.folder]:
                path.rmdir() if path.is_dir() else path.unlink()
        (disk / "filler").unlink()
    assert told > 3
    assert done > 3


@pytest.fixture(scope="module")
def faults():
    """What ``record_faults.py`` tells: name -> traceback."""
    if os.name != "posix":
        pytest.skip("needs POSIX signals and users")
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="record-faults-"))
    folder.chmod(0o755)
    try:
        done = subprocess.run(
            [sys.executable, FAULTS, folder],
            env={
                **os.environ,
                "PYTHONPATH": str(Path(course_utils.__file__).parents[1]),
                "PYTHONDONTWRITEBYTECODE": "1",
                "TF_CPP_MIN_LOG_LEVEL": "3",
            },
            capture_output=True,
            text=True,
            timeout=50,
        )
        assert done.returncode == 0, done.stderr
        yield {name: text and text + done.stderr for name, text in json.loads(done.stdout).items()}
    finally:
        for path in folder.rglob("*"):
            if path.is_dir():
                path.chmod(0o755)
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    "name",
    [
        "killed_while_drawing",
        "killed_while_publishing",
        "killed_while_replacing",
        "two_at_once",
        "another_user_may_not_write",
        "another_user_may_read",
        "a_file_too_large",
        "too_many_files",
    ],
)
def test_faults_of_a_process(faults, name):
    assert not faults[name], faults[name]


# Damage


def flip(path, byte):
    content = bytearray(path.read_bytes())
    content[byte] ^= 0x10
    path.write_bytes(content)


def readable(records):
    """What "skip" reads, with the numbers of the elements that its warning names."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dataset = records_dataset(records, errors="skip")
    found = labels(dataset)
    assert dataset.cardinality() == len(found)
    (warning,) = caught
    assert warning.category is SkippedRecords
    assert warning.filename == __file__
    assert str(warning.message).startswith(f"{COUNT - len(found)} of {COUNT} records are left out.")
    return found


def test_a_whole_set_is_told_so(set_of_three):
    report = check_records(set_of_three)
    assert report.whole
    assert repr(report) == (
        "11 of 11 records in 3 files can be read:\n"
        "  records-00000-of-00003.tfrecord: 4 of 4\n"
        "  records-00001-of-00003.tfrecord: 4 of 4\n"
        "  records-00002-of-00003.tfrecord: 3 of 3"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert labels(records_dataset(set_of_three, errors="skip")) == list(range(COUNT))


@pytest.mark.parametrize("batch_size", [None, 2, 4])
@pytest.mark.parametrize("more", [{}, {"ordered": False}, {"shuffle": COUNT}])
def test_a_damaged_record_is_named_in_the_epoch(set_of_three, batch_size, more):
    flip(set_of_three.files[1], 2 * ROW + 50)
    dataset = records_dataset(set_of_three, batch_size, **more)
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        list(dataset)
    words = "is lost: record {} of records-00001-of-00003.tfrecord cannot be read."
    # TensorFlow reads no further in that file: whichever comes first, record 2 or record 3.
    possible = [2] if not more else [2, 3]
    assert any(f"Element {3 * n + 1} {words.format(n)}" in str(error.value) for n in possible)


def test_what_tensorflow_says_of_it_alone(set_of_three):
    """The reason for all this: no name, and the rest of the file is lost."""
    path = set_of_three.files[1]
    flip(path, 2 * ROW + 50)
    with pytest.raises(tf.errors.DataLossError) as error:
        list(tf.data.TFRecordDataset(str(path)))
    assert path.name not in str(error.value)
    assert len(list(tf.data.TFRecordDataset(str(path)).ignore_errors())) == 2


def test_the_rest_is_read_after_damaged_data(set_of_three):
    flip(set_of_three.files[1], 2 * ROW + 50)  # element 7
    flip(set_of_three.files[1], 3 * ROW - 2)  # its checksum
    flip(set_of_three.files[2], 30)  # element 2
    assert repr(check_records(set_of_three)) == (
        "9 of 11 records in 3 files can be read:\n"
        "  records-00000-of-00003.tfrecord: 4 of 4\n"
        "  records-00001-of-00003.tfrecord: 3 of 4\n"
        "    record 2 (element 7), byte 282: its 125 bytes of data are damaged\n"
        "  records-00002-of-00003.tfrecord: 2 of 3\n"
        "    record 0 (element 2), byte 0: its 125 bytes of data are damaged"
    )
    assert readable(set_of_three) == [0, 1, 3, 4, 5, 6, 8, 9, 10]


@pytest.mark.parametrize("byte", [0, 7, 8, 11])
def test_the_rest_is_read_after_a_damaged_length(set_of_three, byte):
    flip(set_of_three.files[0], ROW + byte)
    report = check_records(set_of_three)
    (damage,) = report.files[0].damages
    assert (damage.record, damage.element, damage.lost) == (1, 3, 1)
    assert (damage.start, damage.end) == (ROW, 2 * ROW)
    assert str(damage) == (
        "record 1 (element 3), byte 141: its length is damaged; 141 bytes are left out"
    )
    assert readable(set_of_three) == [0, 1, 2, 4, 5, 6, 7, 8, 9, 10]


def test_the_next_record_is_found_beyond_what_is_searched_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(record_file, "BLOCK", 64)
    records = write_records(rows, tmp_path, shards=3)
    flip(records.files[0], ROW + 3)
    assert readable(records) == [0, 1, 2, 4, 5, 6, 7, 8, 9, 10]


def test_a_length_that_leads_out_of_the_file_is_not_believed(set_of_three):
    """A header with a right checksum, of a record that would be larger than the file."""
    path = set_of_three.files[0]
    content = path.read_bytes()
    length = struct.pack("<Q", 10**12)
    checksum = record_file._checksums(np.frombuffer(length, np.uint8))[0].tobytes()
    damaged = b"\xff" * 12 + content[12:40] + length + checksum + content[52:]
    path.write_bytes(damaged)
    assert readable(set_of_three) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize(
    ("left", "found", "told"),
    [
        (3 * ROW + 60, [0, 1, 2, 3, 4, 5, 6, 7, 8, 10], "cut, 60 of its 141 bytes are there"),
        (3 * ROW + 5, [0, 1, 2, 3, 4, 5, 6, 7, 8, 10], "cut, 5 bytes of it are there"),
        (3 * ROW, [0, 1, 2, 3, 4, 5, 6, 7, 8, 10], "the file ends here"),
        (ROW + 60, [0, 1, 2, 4, 5, 7, 8, 10], "cut, 60 of its 141 bytes are there"),
        (0, [1, 2, 4, 5, 7, 8, 10], "the file ends here"),
    ],
)
def test_a_cut_file_is_named_at_once_and_the_rest_is_read(set_of_three, left, found, told):
    path = set_of_three.files[0]
    path.write_bytes(path.read_bytes()[:left])
    expected = rf"{path.name} has {left} bytes, and 564 were written: it was cut or changed\."
    with pytest.raises(DamagedRecords, match=expected):
        records_dataset(set_of_three)
    (damage,) = check_records(set_of_three).files[0].damages
    assert damage.what == told
    assert damage.lost == COUNT - len(found)
    assert readable(set_of_three) == found


def test_a_file_that_holds_no_records(set_of_three):
    path = set_of_three.files[1]
    path.write_text("Not what it seems. " * 30)
    with pytest.raises(DamagedRecords, match=r"records-00001-of-00003\.tfrecord has 570 bytes"):
        records_dataset(set_of_three)
    assert "4 records from record 0 (element 1) on, byte 0: no record begins here, nor after" in (
        repr(check_records(set_of_three))
    )
    assert readable(set_of_three) == [0, 2, 3, 5, 6, 8, 9]


def test_a_missing_file(set_of_three):
    set_of_three.files[2].unlink()
    with pytest.raises(FileNotFoundError, match=r"records-00002-of-00003\.tfrecord is missing"):
        records_dataset(set_of_three)
    assert "(element 2) on, byte 0: there is no such file" in repr(check_records(set_of_three))
    assert readable(set_of_three) == [0, 1, 3, 4, 6, 7, 9, 10]


def test_a_file_that_has_grown(set_of_three):
    path = set_of_three.files[2]
    path.write_bytes(path.read_bytes() + path.read_bytes()[:ROW])
    with pytest.raises(DamagedRecords, match="564 bytes, and 423 were written"):
        records_dataset(set_of_three)
    report = check_records(set_of_three)
    assert not report.whole
    assert report.readable == COUNT
    assert "    byte 423: 141 bytes more than were written" in repr(report)
    assert labels(records_dataset(set_of_three, errors="skip")) == list(range(COUNT))


def test_nothing_can_be_read(set_of_three):
    for path in set_of_three.files:
        path.write_bytes(b"")
    with pytest.raises(DamagedRecords, match="Not one record can be read"):
        records_dataset(set_of_three, errors="skip")


def test_damage_after_the_check_is_no_silent_loss(set_of_three):
    flip(set_of_three.files[0], 50)
    with pytest.warns(SkippedRecords):
        dataset = records_dataset(set_of_three, errors="skip")
    flip(set_of_three.files[1], 50)
    with pytest.raises(tf.errors.FailedPreconditionError, match="expected to contain 10"):
        list(dataset)


# Gaps: damaged lengths, of which the file doesn't tell how many records they were


STARTS = range(0, 21 * ROW, ROW)  # of the records in each file of `forty`, and where it ends


def numbered(sizes):
    for number, size in enumerate(sizes):
        yield np.full(size, number, np.uint8), number


def starts_of(path):
    """The first byte of each record, and the file's end."""
    content, starts = path.read_bytes(), [0]
    while starts[-1] < len(content):
        length, _ = record_file.HEADER.unpack_from(content, starts[-1])
        starts.append(starts[-1] + length + record_file.AROUND)
    return starts


def damage_lengths(path, *records, starts=STARTS):
    content = bytearray(path.read_bytes())
    for record in records:
        content[starts[record]] ^= 1
    path.write_bytes(content)


def zero(path, first, last, starts=STARTS):
    """As a bad block of a disk: all bytes from one record to before another."""
    content = bytearray(path.read_bytes())
    content[starts[first] : starts[last]] = bytes(starts[last] - starts[first])
    path.write_bytes(content)


def skipped(records):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkippedRecords)
        elements = list(records_dataset(records, errors="skip").as_numpy_iterator())
    assert all((row == label).all() for row, label in elements)
    return [int(label) for _, label in elements]


def told(records, shard=0):
    """Of each damage: number in the file, element, how many are lost."""
    damages = check_records(records).files[shard].damages
    return [(one.record, one.element, one.lost) for one in damages]


@pytest.fixture
def forty(tmp_path):
    """Forty records of one size in two files."""
    return write_records(numbered([100] * 40), tmp_path / "forty", shards=2)


def all_but(*lost):
    return [number for number in range(40) if number not in lost]


def test_two_neighbouring_damaged_lengths(forty):
    damage_lengths(forty.files[0], 5, 6)
    assert repr(check_records(forty)) == (
        "38 of 40 records in 2 files can be read:\n"
        "  records-00000-of-00002.tfrecord: 18 of 20\n"
        "    2 records from record 5 (element 10) on, byte 705: its length is damaged; 282 bytes "
        "are left out\n"
        "  records-00001-of-00002.tfrecord: 20 of 20"
    )
    assert skipped(forty) == all_but(10, 12)


@pytest.mark.parametrize(("first", "last"), [(5, 10), (0, 3), (17, 20), (1, 19), (0, 20)])
def test_a_zeroed_run_of_records(forty, first, last):
    zero(forty.files[1], first, last)
    assert told(forty, 1) == [(first, 2 * first + 1, last - first)]
    assert skipped(forty) == all_but(*range(2 * first + 1, 2 * last, 2))


@pytest.mark.parametrize(("first", "byte"), [(5, 30), (5, 140), (18, 1)])
def test_a_zeroed_block_from_within_a_record_to_within_another(forty, first, byte):
    """Its data are damaged, and so are the lengths that follow."""
    content = bytearray(forty.files[0].read_bytes())
    start = first * ROW + byte
    content[start : start + 2 * ROW] = bytes(len(content[start : start + 2 * ROW]))
    forty.files[0].write_bytes(content)
    lost = [number for number in range(first, first + 3) if number < 20]
    assert [n for record, _, some in told(forty) for n in range(record, record + some)] == lost
    assert skipped(forty) == all_but(*(2 * number for number in lost))


def test_two_gaps_and_damaged_data_between_them(forty):
    zero(forty.files[0], 2, 5)
    flip(forty.files[0], 7 * ROW + 50)
    damage_lengths(forty.files[0], 9)
    damage_lengths(forty.files[0], 17, 18, 19)
    assert told(forty) == [(2, 4, 3), (7, 14, 1), (9, 18, 1), (17, 34, 3)]
    assert "about" not in repr(check_records(forty))
    assert skipped(forty) == all_but(4, 6, 8, 14, 18, 34, 36, 38)


@pytest.mark.parametrize("left", [20 * ROW - 1, 17 * ROW, 17 * ROW + 5, 16 * ROW + 50])
def test_a_gap_in_a_cut_file(forty, left):
    damage_lengths(forty.files[0], 5, 6)
    forty.files[0].write_bytes(forty.files[0].read_bytes()[:left])
    whole = left // ROW
    assert told(forty) == [(5, 10, 2), (whole, 2 * whole, 20 - whole)]
    assert skipped(forty) == all_but(10, 12, *range(2 * whole, 40, 2))


def test_a_gap_in_a_file_that_has_grown(forty):
    content = forty.files[0].read_bytes()
    forty.files[0].write_bytes(content + content[: 3 * ROW])
    damage_lengths(forty.files[0], 5, 6)
    assert told(forty) == [(5, 10, 2), (20, 40, 0)]
    assert skipped(forty) == all_but(10, 12)


def test_gaps_in_records_of_several_sizes(tmp_path):
    """Certain where each gap held one record, or where there is one gap."""
    sizes = [20 + 37 * number % 101 for number in range(40)]
    records = write_records(numbered(sizes), tmp_path, shards=2)
    damage_lengths(records.files[0], 3, 8, 19, starts=starts_of(records.files[0]))
    zero(records.files[1], 7, 12, starts=starts_of(records.files[1]))
    assert told(records) == [(3, 6, 1), (8, 16, 1), (19, 38, 1)]
    assert told(records, 1) == [(7, 15, 5)]
    assert "about" not in repr(check_records(records))
    assert skipped(records) == all_but(6, 16, 38, 15, 17, 19, 21, 23)


def test_what_can_only_be_estimated_is_told_as_that(tmp_path):
    """A large record in one gap looks like several, and small ones in another like fewer."""
    sizes = [100] * 40
    sizes[8] = 900
    signature = (tf.TensorSpec((None,), tf.uint8), tf.TensorSpec((), tf.int64))
    records = write_records(numbered(sizes), tmp_path, shards=2, signature=signature)
    path, starts = records.files[0], starts_of(records.files[0])
    flip(path, starts[1] + 50)
    damage_lengths(path, 4, starts=starts)
    flip(path, starts[6] + 50)
    zero(path, 9, 12, starts=starts)
    flip(path, starts[15] + 50)
    before, *damages, behind = check_records(records).files[0].damages
    assert (before.element, before.exact, behind.element, behind.exact) == (2, True, 30, True)
    assert sum(one.lost for one in damages) == 5
    assert all(one.lost >= 1 for one in damages)
    assert [one.exact for one in damages] == [False] * 3
    assert [str(one).startswith("about ") for one in damages] == [True] * 3
    assert "about" not in f"{before}{behind}"
    found = skipped(records)
    assert sorted(found) == all_but(2, 8, 12, 18, 20, 22, 30)
    assert [one for one in found if one % 2 == 0] == sorted(one for one in found if one % 2 == 0)
    assert found[found.index(24) :] == all_but(30)[24:]  # behind the last gap


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_gaps_hold_what_is_missing(data):
    """Of whatever sizes: at least one each, together all; of one size, or one each: the truth."""
    size = data.draw(st.sampled_from([st.integers(16, 400), st.just(100)]))
    piece = st.tuples(
        st.lists(size, max_size=4), st.lists(size, min_size=1, max_size=5), st.booleans()
    )
    drawn = data.draw(st.lists(piece, min_size=1, max_size=6))
    pieces, place, truth = [], 0, []
    for found, lost, gap in drawn:
        lost = lost if gap else lost[:1]
        end = place + sum(found) + sum(lost)
        pieces.append(
            record_file._Piece(place, found, "damaged", end, gap, 0 if gap else len(lost))
        )
        place = end
        truth.append(len(lost))
    written = sum(len(found) for found, *_ in drawn) + sum(truth)
    record_file._fill_gaps(pieces, written)
    assert sum(piece.lost for piece in pieces) == sum(truth)
    assert min(piece.lost for piece in pieces) >= 1
    one_size = len({one for found, lost, _ in drawn for one in found + lost}) == 1
    gaps = [number for number, piece in enumerate(pieces) if piece.gap]
    certain = len(gaps) < 2 or one_size or all(truth[gap] == 1 for gap in gaps)
    if certain:
        assert all(piece.exact for piece in pieces)
        assert [piece.lost for piece in pieces] == truth
    if not all(piece.exact for piece in pieces):
        doubtful = [number for number, piece in enumerate(pieces) if not piece.exact]
        assert doubtful == list(range(gaps[0], gaps[-1] + 1))


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_what_is_read_is_what_was_written_wherever_a_file_is_damaged(tmp_path, data):
    """Whatever bytes are changed or missing: no wrong element, no wrong order, all accounted.

    All records have one size here, so every number is certain.
    """
    records = write_records(rows, tmp_path / "random", shards=2, overwrite=True)
    shard = data.draw(st.integers(0, 1))
    path = records.files[shard]
    before = path.read_bytes()
    content = bytearray(before)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            place = place // ROW * ROW  # a length
        content[place] ^= data.draw(st.integers(1, 255))
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(content) - 1))
        zeros = content[place : place + data.draw(st.integers(1, 3 * ROW))]
        content[place : place + len(zeros)] = bytes(len(zeros))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    path.write_bytes(content)
    report = check_records(records)
    damages = [one for file in report.files for one in file.damages]
    found = skipped(records)
    assert found == sorted(set(found))
    assert len(found) == report.readable
    assert len(found) + sum(one.lost for one in damages) == COUNT
    # The rest was read, in order: all but the records that were touched.
    starts = range(0, len(before), ROW)
    rest = [n for n, at in enumerate(starts) if before[at : at + ROW] == content[at : at + ROW]]
    assert [label for label in found if label % 2 == shard] == [2 * n + shard for n in rest]
    assert [label for label in found if label % 2 != shard] == list(range(1 - shard, COUNT, 2))
    lost = [n for n in range(len(starts)) if n not in rest]
    assert [n for one in damages for n in range(one.record, one.record + one.lost)] == lost
    assert all(one.exact and one.element == 2 * one.record + shard for one in damages)
