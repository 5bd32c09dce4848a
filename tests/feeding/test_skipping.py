import os
import pickle
import shutil
from itertools import islice

import numpy as np
import pytest
import tensorflow as tf

from course_utils.feeding import skipping
from course_utils.feeding.pictures import broken_files
from course_utils.feeding.readers import read_photo
from course_utils.feeding.skipping import SkippingReader, TooManyUnreadable

HEIGHT, WIDTH = 20, 24
SIGNATURE = (tf.TensorSpec((HEIGHT, WIDTH, 3), tf.uint8), tf.TensorSpec((), tf.int32))
BROKEN = ("empty", "truncated", "text")


@pytest.fixture
def files(tmp_path, photos):
    """Six photos with the three broken files between them."""
    broken = broken_files(tmp_path)
    good = photos.paths[:6]
    return [
        *good[:2], broken["empty"], good[2], broken["truncated"], broken["text"], *good[3:]
    ]  # fmt: skip


def reader_of(paths, **more):
    return SkippingReader(paths, range(len(paths)), HEIGHT, WIDTH, **more)


def labels_of(reader):
    return [int(label) for _, label in reader()]


def names_of(paths):
    return [os.path.basename(path) for path in paths]


def test_good_files_arrive_in_order_with_their_labels(files):
    reader = reader_of(files)
    elements = list(reader())
    assert [int(label) for _, label in elements] == [0, 1, 3, 6, 7, 8]
    for photo, label in elements:
        assert type(label) is np.int32
        assert photo.dtype == np.uint8
        assert np.array_equal(photo, read_photo(files[label], HEIGHT, WIDTH))


def test_a_photo_that_was_handed_over_is_never_written_again(files):
    photos = [photo for photo, _ in reader_of(files)()]
    assert len({photo.ctypes.data for photo in photos}) == len(photos)


def test_what_was_left_out_is_named_with_its_reason_in_the_order_met(files):
    reader = reader_of(files)
    assert reader.left_out == {}
    labels_of(reader)
    assert names_of(reader.left_out) == ["empty.jpg", "truncated.jpg", "text.jpg"]
    assert list(reader.left_out) == [str(files[place]) for place in (2, 4, 5)]
    assert reader.left_out[str(files[2])] == "the file is empty (0 bytes)"
    assert "cut short" in reader.left_out[str(files[4])]


def test_left_out_is_a_copy(files):
    reader = reader_of(files)
    labels_of(reader)
    reader.left_out.clear()
    assert len(reader.left_out) == 3


def test_a_second_epoch_meets_the_same_files(files):
    reader = reader_of(files, at_most=3)
    first, before = labels_of(reader), reader.left_out
    assert labels_of(reader) == first
    assert list(reader.left_out.items()) == list(before.items())


def test_two_iterators_count_for_themselves(files):
    reader = reader_of(files, at_most=3)
    one, other = reader(), reader()
    labels = [(int(next(one)[1]), int(next(other)[1])) for _ in range(6)]
    assert labels == [(label, label) for label in (0, 1, 3, 6, 7, 8)]
    assert names_of(reader.left_out) == ["empty.jpg", "truncated.jpg", "text.jpg"]


def test_a_file_that_was_mended_is_no_longer_listed(files, photos):
    reader = reader_of(files)
    labels_of(reader)
    shutil.copy(photos.paths[0], files[4])
    assert len(reader.left_out) == 3, "nothing was read yet"
    assert labels_of(reader) == [0, 1, 3, 4, 6, 7, 8]
    assert names_of(reader.left_out) == ["empty.jpg", "text.jpg"]


def test_a_file_that_breaks_later_is_listed(files):
    paths = files[:2]
    broken = files[2].with_name("later.jpg")
    shutil.copy(paths[0], broken)
    reader = reader_of([*paths, broken])
    assert labels_of(reader) == [0, 1, 2]
    broken.unlink()
    assert labels_of(reader) == [0, 1]
    assert reader.left_out == {str(broken): "there is no such file"}


@pytest.mark.parametrize(("at_most", "read", "tried"), [(0, 2, 3), (1, 3, 5), (2, 3, 6)])
def test_too_many_stop_the_epoch(files, at_most, read, tried):
    reader = reader_of(files, at_most=at_most)
    elements = reader()
    assert len(list(islice(elements, read))) == read
    text = rf"^{at_most + 1} of the first {tried} files can't be read, and {at_most or 'none'} may "
    with pytest.raises(TooManyUnreadable, match=text) as error:
        next(elements)
    assert isinstance(error.value, ValueError)
    assert f"{files[2]}: the file is empty (0 bytes)" in str(error.value)
    assert "raise at_most" in str(error.value)
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)
    assert len(reader.left_out) == at_most + 1, "the one too many is named as well"
    with pytest.raises(StopIteration):
        next(elements)


def test_as_many_as_allowed_are_no_error(files):
    assert labels_of(reader_of(files, at_most=3)) == [0, 1, 3, 6, 7, 8]


def test_the_message_names_the_first_few(tmp_path):
    paths = [tmp_path / f"{number}.jpg" for number in range(40)]
    with pytest.raises(TooManyUnreadable) as error:
        labels_of(reader_of(paths))
    text = str(error.value)
    assert text.startswith("11 of the first 11 files can't be read, and 10 may be left out. ")
    assert text.count("there is no such file") == 3
    assert "8 more, see left_out" in text


def test_a_file_that_is_listed_twice_counts_once(files):
    reader = reader_of([files[0], files[2], files[0], files[2], files[4]], at_most=1)
    with pytest.raises(TooManyUnreadable, match="2 of the first 3 files"):
        labels_of(reader)
    assert names_of(reader.left_out) == ["empty.jpg", "truncated.jpg"]


@pytest.mark.parametrize("kind", [MemoryError, KeyboardInterrupt, ValueError, OSError])
def test_other_exceptions_are_not_carried_over(files, monkeypatch, kind):
    def broken(*arguments):
        raise kind("something else")

    reader = reader_of(files)
    monkeypatch.setattr(skipping, "read_photo", broken)
    with pytest.raises(kind, match="something else"):
        labels_of(reader)
    assert reader.left_out == {}


@pytest.mark.parametrize(
    ("paths", "labels", "more", "kind", "text"),
    [
        ([], [], {}, ValueError, "found no paths"),
        (["a", "b"], [0], {}, ValueError, r"found 2 paths and labels of shape \(1,\)"),
        (["a"], [0.5], {}, TypeError, "whole numbers, found an array of float64"),
        (["a"], [2**31], {}, ValueError, "from -2147483648 to 2147483647.*: found 2147483648"),
        (["a"], [-(2**31) - 1], {}, ValueError, "int32 holds: found -2147483649"),
        (["a", "b"], [1, 2**40 + 5], {}, ValueError, "int32 holds: found 1099511627781"),
        ("a.jpg", [0], {}, TypeError, "found a single one: 'a.jpg'"),
        (["a"], [0], {"height": 0}, ValueError, "height must be 1 or more, found 0"),
        (["a"], [0], {"height": True}, TypeError, "height must be a whole number, found True"),
        (["a"], [0], {"width": 2.5}, TypeError, "width must be a whole number, found 2.5"),
        (["a"], [0], {"at_most": -1}, ValueError, "at_most must be 0 or more, found -1"),
        (["a"], [0], {"at_most": 0.1}, TypeError, "at_most must be a whole number, found 0.1"),
    ],
)
def test_what_does_not_fit_is_refused_at_once(paths, labels, more, kind, text):
    with pytest.raises(kind, match=text):
        SkippingReader(paths, labels, **more)


def test_labels_may_be_as_large_as_int32_allows():
    reader = SkippingReader(["a", "b"], np.array([-(2**31), 2**31 - 1]))
    assert reader.labels.dtype == np.int32
    assert reader.labels.tolist() == [-(2**31), 2**31 - 1]


def test_the_callers_lists_may_change_afterwards(files):
    paths, labels = list(files), np.arange(len(files))
    reader = SkippingReader(paths, labels, HEIGHT, WIDTH)
    paths.clear()
    labels[:] = 99
    assert labels_of(reader) == [0, 1, 3, 6, 7, 8]


def test_its_repr_says_what_was_left_out(files, tmp_path):
    reader = reader_of(files)
    assert repr(reader) == "9 photos to read, 24 pixels wide and 20 high; none left out"
    labels_of(reader)
    lines = repr(reader).splitlines()
    assert lines[0].endswith("; 3 left out")
    assert lines[1] == f"    {files[2]}: the file is empty (0 bytes)"
    assert len(lines) == 4
    many = reader_of([tmp_path / f"{number}.jpg" for number in range(5)])
    labels_of(many)
    assert repr(many).splitlines()[-1] == "    2 more, see left_out"


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
def test_a_file_without_permission_is_left_out(public_folder, photos, start_python):
    paths = [public_folder / "open.jpg", public_folder / "closed.jpg"]
    for path in paths:
        shutil.copy(photos.paths[0], path)
    paths[0].chmod(0o644)
    paths[1].chmod(0o000)
    code = f"""
import os
from course_utils.feeding.skipping import SkippingReader
reader = SkippingReader({[str(path) for path in paths]!r}, [7, 8])
if os.geteuid() == 0:
    os.setuid(65534)  # root may read everything
print([int(label) for _, label in reader()], *reader.left_out.items())
"""
    out, err = start_python(code).communicate(timeout=60)
    assert out.strip() == f"[7] ('{paths[1]}', 'no permission to read it')", err


def test_in_tensorflow_each_epoch_begins_anew(files):
    reader = reader_of(files, at_most=3)
    dataset = tf.data.Dataset.from_generator(reader, output_signature=SIGNATURE)
    for _ in range(2):
        elements = [(photo.numpy(), int(label)) for photo, label in dataset]
        assert [label for _, label in elements] == [0, 1, 3, 6, 7, 8]
        for photo, label in elements:
            assert np.array_equal(photo, read_photo(files[label], HEIGHT, WIDTH))
    assert len(reader.left_out) == 3


def test_reading_ahead_into_the_next_epochs_does_not_add_up(files):
    reader = reader_of(files, at_most=3)
    dataset = tf.data.Dataset.from_generator(reader, output_signature=SIGNATURE)
    labels = [int(label) for _, label in dataset.repeat(5).prefetch(20)]
    assert labels == [0, 1, 3, 6, 7, 8] * 5
    assert names_of(reader.left_out) == ["empty.jpg", "truncated.jpg", "text.jpg"]


def test_tensorflow_tells_that_there_are_too_many(files):
    dataset = tf.data.Dataset.from_generator(
        reader_of(files, at_most=1), output_signature=SIGNATURE
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="TooManyUnreadable: 2 of the first 5"):
        list(dataset)


def test_importing_it_does_not_import_tensorflow(ask_python):
    loaded = ask_python(
        "import sys, json, course_utils.feeding.skipping\n"
        "print(json.dumps([name for name in ('tensorflow', 'keras', 'PIL') "
        "if name in sys.modules]))"
    )
    assert loaded == []
