"""A generator's elements in TFRecord files: written once, read without Python from then on.

    records = write_records(generator, "photos", shards=4)
    dataset = records_dataset(records, batch_size=32)       # or of the folder, later
    check_records("photos")                                 # what can be read, and what is damaged

How an element becomes a record is told in ``examples``, what a file holds in ``record_file``.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from types import GeneratorType
from typing import Any

import numpy as np
import tensorflow as tf

from course_utils.feeding.arguments import whole_number
from course_utils.feeding.examples import Examples
from course_utils.feeding.layout import WrongElement
from course_utils.feeding.record_file import RecordsReport, examine, records_from
from course_utils.feeding.record_set import DamagedRecords, Records, check_name, index_of
from course_utils.feeding.record_writer import RecordWriter
from course_utils.feeding.signatures import signature_of
from course_utils.feeding.values import described

__all__ = [
    "DamagedRecords",
    "Records",
    "RecordsReport",
    "SkippedRecords",
    "check_records",
    "records_dataset",
    "write_records",
]

LOOKED_AT = 8  # elements, to find the signature


class SkippedRecords(UserWarning):
    """Records are left out, because they can't be read."""


def write_records(
    elements: Callable[[], Iterable[Any]] | Iterable[Any],
    folder: str | Path,
    shards: int = 2,
    name: str = "records",
    signature: Any = None,
    *,
    at_most: int | None = None,
    overwrite: bool = False,
) -> Records:
    """Write a generator's elements into TFRecord files, and return what was written.

    Elements go to the files in turn: element i to file ``i % shards``. Each is written before the
    next one is drawn. Only where there is no signature, the first 8 are drawn beforehand, and held
    in memory, to find it.

    All is written under names that nobody reads, and gets its own when it is whole, the index last.
    So after an error, Ctrl+C or a killed process there is no set of records there, and nothing of
    it stays: what a killed process has left goes with the next call.

    Args:
        elements: a generator function without arguments, a dataset, or anything to iterate over.
            It is drawn from once.
        folder: made where it isn't there.
        shards: how many files, 1 or more.
        name: of the set; a folder may hold several. Its files are
            ``<name>-00000-of-00002.tfrecord`` and so on, and ``<name>.json``.
        signature: of one element, as for ``from_generator``. Where it is None it is a dataset's
            own, or what ``signatures.signature_of`` finds in the first 8 elements.
        at_most: elements to draw, and not one more; all where it is None, so a source that never
            ends needs it.
        overwrite: replace the set of that name, once the new one is whole.

    Raises:
        WrongElement: an element that doesn't fit the signature. Nothing is cast.
        ValueError, TypeError: no element at all, a dataset that never ends, or other arguments
            that don't fit.
        FileExistsError: a set of that name is there already.
        BlockingIOError: another process is writing one.
        OSError, PermissionError, NotADirectoryError: the disk is full, or the folder can't be
            written.

    What the generator raises passes through.
    """
    shards = whole_number("shards", shards)
    if at_most is not None:
        at_most = whole_number("at_most", at_most)
    check_name(name)
    if at_most is None:
        _check_ends(elements)
    folder = Path(folder).expanduser().absolute()
    examples = None if signature is None else Examples(signature)
    with RecordWriter(folder, name, shards, overwrite) as writer, _drawing(elements) as drawn:
        number = -1
        if examples is None:
            examples, drawn = _described(elements, drawn, at_most)
        for number, element in enumerate(islice(drawn, at_most)):
            writer.write(_record(examples, number, element))
        if number < 0:
            raise ValueError("It yielded no element, so no records were written.")
        writer.publish(index_of(examples.signature))
    return Records.read(folder, name)


def records_dataset(
    records: Records | str | Path,
    batch_size: int | None = None,
    parallel: int = 2,
    errors: str = "raise",
    ordered: bool = True,
    *,
    shuffle: int = 0,
    seed: int | None = None,
    drop_remainder: bool = False,
) -> tf.data.Dataset:
    """Return a dataset of the elements of a set of records; no Python runs while it is read.

    Its cardinality is known. The files are read at the same time, a batch is parsed as one, and
    so many batches at the same time.

    Args:
        records: what ``write_records`` returned, or the folder of the set named "records".
        batch_size: elements a batch. A batch holds arrays of one shape; where elements differ in
            size take None, for single elements.
        parallel: files that are read, and batches that are parsed, at the same time; or
            ``tf.data.AUTOTUNE``.
        errors: "raise": an epoch ends with an error that names the file and the record that can't
            be read. "skip": all files are read through once, here; what can't be read is told by a
            warning (SkippedRecords), and left out. What is damaged after that ends an epoch.
        ordered: keep the order in which the elements were written. Else they come as the files
            are read. With "skip", where several lengths of a file are damaged, its records between
            them may come early or late: the warning says "about" then.
        shuffle: elements to choose the next one from, as ``Dataset.shuffle``, in a new order in
            each epoch; 0 leaves it. Records are shuffled, before they are parsed and batched.
        seed: of that shuffle; also makes it the same from run to run.
        drop_remainder: leave out a last batch that isn't full.

    Raises:
        FileNotFoundError, NotADirectoryError: no such folder, no set of records in it, or one of
            its files is missing.
        DamagedRecords: a file has another size than it was written with; or "skip", and not one
            record can be read.
        ValueError, TypeError: arguments that don't fit.

    In an epoch: ``tf.errors.InvalidArgumentError``, where a record is damaged, and where elements
    of one batch differ in size.
    """
    records = _found(records)
    if errors not in ("raise", "skip"):
        raise ValueError(f'errors must be "raise" or "skip", found {errors!r}')
    if parallel != tf.data.AUTOTUNE:
        parallel = whole_number("parallel", parallel)
    shuffle = whole_number("shuffle", shuffle, least=0)
    if batch_size is not None:
        batch_size = whole_number("batch_size", batch_size)
    if errors == "skip":
        runs, count = _readable_runs(records)
    else:
        records.check_sizes()
        runs, count = [[(0, one, 0)] for one in records.counts], records.count
    shards = len(records.files)
    examples = Examples(records.signature)
    names = tf.constant([path.name for path in records.files])

    def of_file(path: tf.Tensor, shard: tf.Tensor, runs: tf.Tensor) -> tf.data.Dataset:
        numbers = tf.data.Dataset.range(shard, tf.int64.max, shards)
        if runs.shape[0] == 1:
            found = of_run(path, runs[0])
        else:
            found = tf.data.Dataset.from_tensor_slices(runs).flat_map(lambda run: of_run(path, run))
        return tf.data.Dataset.zip((numbers, found))

    def of_run(path: tf.Tensor, run: tf.Tensor) -> tf.data.Dataset:
        start, count, lost = run[0], run[1], run[2]
        # Nothing stands for what is lost, and for what is found to be missing only now.
        nothing = tf.data.Dataset.from_tensors("").repeat()
        found = records_from(path, start).ignore_errors().take(count)
        return found.concatenate(nothing).take(count + lost)

    def parse(numbers: tf.Tensor, found: tf.Tensor) -> Any:
        with tf.control_dependencies([_all_there(numbers, found, names)]):
            return examples.read(tf.identity(found))

    paths = [str(path) for path in records.files]
    files = tf.data.Dataset.from_tensor_slices((paths, np.arange(shards), _padded(runs)))
    # One of each file in turn: so they were written.
    dataset = files.interleave(
        of_file,
        cycle_length=shards,
        block_length=1,
        num_parallel_calls=min(parallel, shards),  # more is refused; AUTOTUNE is -1
        deterministic=ordered,
    )
    if count < records.count:
        dataset = dataset.filter(lambda _, record: tf.strings.length(record) > 0)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(count))
    if shuffle:
        dataset = dataset.shuffle(shuffle, seed)
    if batch_size:
        dataset = dataset.batch(batch_size, drop_remainder)
    return dataset.map(parse, num_parallel_calls=parallel, deterministic=ordered)


def check_records(records: Records | str | Path) -> RecordsReport:
    """Read all files of a set of records, and tell what can be read and which places are damaged.

    Args:
        records: what ``write_records`` returned, or the folder of the set named "records".

    Raises:
        FileNotFoundError, NotADirectoryError: no such folder, or no set of records in it.
        ValueError: the index can't be read.
        OSError: a file can't be opened.
    """
    records = _found(records)
    shards = len(records.files)
    return RecordsReport(
        tuple(
            examine(*file, shard, shards)
            for shard, file in enumerate(zip(records.files, records.counts, records.sizes))
        )
    )


def _found(records: Records | str | Path) -> Records:
    return records if isinstance(records, Records) else Records.read(records)


def _all_there(numbers: tf.Tensor, found: tf.Tensor, names: tf.Tensor) -> tf.Operation:
    """Raise, when it is run, where one of a batch's records is nothing; name it by its number."""
    there = found != ""
    lost = tf.reshape(numbers, [-1])[tf.argmax(tf.logical_not(tf.reshape(there, [-1])))]
    shards = tf.size(names, tf.int64)
    element, record = tf.strings.as_string(lost), tf.strings.as_string(lost // shards)
    words = ["Element ", element, " is lost: record ", record, " of ", names[lost % shards]]
    text = tf.strings.join([*words, " cannot be read. check_records tells what is damaged"])
    return tf.debugging.Assert(tf.reduce_all(there), [text])


def _readable_runs(records: Records) -> tuple[list[list[tuple[int, int, int]]], int]:
    """The runs of records that can be read in each file, and the number of these records."""
    report = check_records(records)
    if not report.readable:
        raise DamagedRecords(f"Not one record can be read in {records.folder}.\n{report}")
    if report.readable < report.written:
        damages = [f"{file.path.name}: {one}" for file in report.files for one in file.damages]
        warnings.warn(
            f"{report.written - report.readable} of {report.written} records are left out. "
            + "; ".join(damages),
            SkippedRecords,
            stacklevel=3,
        )
    return [[(run.start, run.records, run.lost) for run in file.runs] for file in report.files], (
        report.readable
    )


def _padded(runs: list[list[tuple[int, int, int]]]) -> np.ndarray:
    """One row for each file, with empty runs at its end: int64, shape (files, runs, 3)."""
    table = np.zeros((len(runs), max(map(len, runs)), 3), np.int64)
    for row, of_file in zip(table, runs):
        row[: len(of_file)] = np.reshape(of_file, (-1, 3))
    return table


def _check_ends(elements: Any) -> None:
    if not isinstance(elements, tf.data.Dataset):
        return
    if elements.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError("The dataset never ends. Give at_most, a number of elements.")


@contextmanager
def _drawing(elements: Any) -> Iterator[Iterator[Any]]:
    """Draw elements once; in the end, close what is a generator."""
    iterator = _iterator(elements)
    try:
        yield iterator
    finally:
        if isinstance(iterator, GeneratorType):
            iterator.close()


def _iterator(elements: Any) -> Iterator[Any]:
    made = elements() if callable(elements) else elements
    if hasattr(made, "__len__") and not hasattr(made, "__iter__"):  # such as Keras's PyDataset
        return (made[number] for number in range(len(made)))
    try:
        if not isinstance(made, (str, bytes, Mapping)):
            return iter(made)
    except TypeError:
        pass
    raise TypeError(
        f"Found {described(made)}, expected a generator function, a dataset or another iterable of "
        "elements."
    )


def _described(
    elements: Any, drawn: Iterator[Any], at_most: int | None
) -> tuple[Examples, Iterator[Any]]:
    """Examples of the signature that the first elements have, and all elements."""
    if isinstance(elements, tf.data.Dataset):
        return Examples(elements.element_spec), drawn
    # Copies: a generator may use an array again for its next element.
    first = [
        copy.deepcopy(element) for element in islice(drawn, min(LOOKED_AT, at_most or LOOKED_AT))
    ]
    return Examples(signature_of(lambda: first, LOOKED_AT)), chain(first, drawn)


def _record(examples: Examples, number: int, element: Any) -> bytes:
    try:
        return examples.write(element)
    except WrongElement as error:
        raise WrongElement(
            f"Element {number} doesn't fit the signature: {error}. No records were written."
        ) from None
