"""Whether a model trained on two sources has the same weights."""

from __future__ import annotations

import gc
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from course_utils.feeding.arguments import whole_number
from course_utils.feeding.values import described
from course_utils.measuring.parity_fingerprint import canonical, gaps
from course_utils.measuring.parity_report import Difference, Gap, Parity
from course_utils.measuring.parity_source import (
    NEW,
    OLD,
    Source,
    check_source,
    is_dataset,
    is_py_dataset,
)


def trained_parity(
    make_model: Callable[[], Any],
    old: Any,
    new: Any,
    epochs: int = 2,
    seed: int = 0,
    *,
    limit: int = 10_000,
) -> Parity:
    """Train a fresh model on each of two sources with one seed, and compare the weights.

        trained_parity(make_model, lambda: Photos(paths), lambda: wrapped(Photos(paths)))

    Where a weight differs, a third model is trained, on the old one again: if that one differs from
    the first as well, the training isn't reproducible here, whatever it is fed with, and the report
    tells by how much. Weights are named by their layer's place and kind, and compared in their
    order: Keras's names count up from model to model.

    `keras.utils.set_random_seed(seed)` is called before a source is made, before a model is made,
    and before its `fit`. So it leaves Python's, NumPy's, TensorFlow's and Keras's global random
    numbers where the last training left them: seed again what goes on with them.

    Args:
        make_model: a function without arguments that returns a new, compiled Keras model.
        old: as for `parity`. What keeps a state from one training to the next, such as a PyDataset
            that reshuffles or a dataset that shuffles, must be given as a function that makes it
            anew, or the second training begins where the first one ended. A function that returns
            another iterable is asked for a fresh one in each epoch.
        new: likewise.
        epochs: how many each model is trained, 1 or more.
        seed: 0 to 2**32 - 1, NumPy's range.
        limit: batches of an epoch of what has no known end; each epoch begins anew.

    Raises TypeError and ValueError, in a sentence, for a wrong argument and for models that differ
    in their weights' shapes. What `fit` raises passes, with a note of which one it was training on.
    """
    epochs, limit = whole_number("epochs", epochs), whole_number("limit", limit)
    seed = whole_number("seed", seed, least=0)
    if hasattr(make_model, "fit") or not callable(make_model):
        raise TypeError(
            f"make_model is {described(make_model)}, and a function that returns a new, compiled "
            "model each time was expected: both trainings begin with one."
        )
    for given, name in ((old, OLD), (new, NEW)):
        check_source(given, name)
    train = partial(_trained, make_model, epochs=epochs, seed=seed, limit=limit)
    before, after = train(old, OLD), train(new, NEW)
    if before.model is after.model:
        raise ValueError("make_model returned the same model twice. Make a new one in it.")
    differences = _counts(before.batches, after.batches)
    gap, weights = _compared(before.weights, after.weights)
    differences += weights[:1]
    length = f"{epochs} epoch{'s' * (epochs > 1)}"
    many, notes = len(before.weights), before.notes()
    if not differences:
        summary = f"Same: after {length} all {many} weights have the same bytes."
    else:
        summary = f"Not the same: after {length} {len(weights)} of {many} weights differ."
    if weights:
        control = train(old, f"{OLD} once more")
        notes = (_told(*_compared(before.weights, control.weights), old), *notes)
    return Parity(
        same=not differences,
        summary=summary,
        counts=tuple(zip(before.batches, after.batches)),
        differences=tuple(differences),
        gaps={"All weights": gap} if weights else {},
        notes=notes,
    )


@dataclass(frozen=True)
class _Trained:
    """A model after its training.

    weights: by name, in their order. batches: how many it was trained on, for each epoch. moved:
    whether a weight has changed; None where the model had none before its first batch.
    """

    model: Any
    weights: dict[str, np.ndarray]
    batches: list[int]
    moved: bool | None

    def notes(self) -> tuple[str, ...]:
        """What makes the comparison worthless."""
        values = self.weights.values()
        if not all(np.isfinite(value.astype(np.float64)).all() for value in values):
            return ("Some weights are no finite numbers any more: such a training proves nothing.",)
        if self.moved is False:
            return ("Training left each weight as it was: it proves nothing.",)
        return ()


def _trained(
    make_model: Callable[[], Any], given: Any, name: str, *, epochs: int, seed: int, limit: int
) -> _Trained:
    """Make a model and train it, all from one seed."""
    import keras

    keras.utils.set_random_seed(seed)
    source = Source(given, name)
    keras.utils.set_random_seed(seed)
    model = make_model()
    if not isinstance(model, keras.Model):
        raise TypeError(f"make_model returned {described(model)}, and a Keras model was expected.")
    first = _weights(model) if model.built else {}
    batches: list[int] = []
    counter = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: batches.append(0),
        on_train_batch_end=lambda batch, logs: batches.__setitem__(-1, batch + 1),
    )
    keras.utils.set_random_seed(seed)
    try:
        _fit(model, source, epochs, limit, shuffle=False, verbose=0, callbacks=[counter])
    except Exception as error:
        error.add_note(f"while trained_parity trained on {name}")
        raise
    weights = _weights(model)
    if not weights:
        raise ValueError("The model has no weights, so there is nothing to compare.")
    moved = any(value.tobytes() != weights[key].tobytes() for key, value in first.items())
    return _Trained(model, weights, batches, moved if first else None)


def _fit(model: Any, source: Source, epochs: int, limit: int, **options: Any) -> None:
    data = source.given
    with warnings.catch_warnings():
        # So `fit` ends an epoch whose length it doesn't know. The batches are counted here.
        warnings.filterwarnings("ignore", message="Your input ran out of data")
        if is_dataset(data):
            ends = int(data.cardinality()) >= 0
            model.fit(data if ends else data.take(limit), epochs=epochs, **options)
        elif source.is_py_dataset and data.num_batches is not None:
            model.fit(data, epochs=epochs, **options)
        elif epochs > 1 and getattr(getattr(model, "optimizer", None), "use_ema", False):
            raise ValueError(
                "The optimizer has use_ema=True and averages the weights at the end of each fit, "
                "and a function is trained on with one fit for each epoch. Give a dataset or a "
                "PyDataset that ends."
            )
        else:
            for epoch in range(epochs):
                # A generator ends with its epoch. `fit` takes nothing else than a generator.
                batches = islice(map(_as_tuple, source.elements(epoch)), limit)
                once = (batch for batch in batches)
                model.fit(once, initial_epoch=epoch, epochs=epoch + 1, **options)
                source.end(epoch)
            # Here `fit` leaves TensorFlow's iterators in reference cycles. To end one takes as long
            # as its autotuner pauses, which is the longer the older it is: up to a minute.
            del once, batches
            gc.collect()


def _counts(old: list[int], new: list[int]) -> list[Difference]:
    for epoch, pair in enumerate(zip(old, new)):
        if pair == (0, 0):
            raise ValueError(
                f"Neither {OLD} nor {NEW} gave a batch in epoch {epoch}, so there is nothing to "
                "compare. Does a function return what was used up before?"
            )
        if pair[0] != pair[1]:
            batches = f"{pair[0]:,} batch{'es' * (pair[0] != 1)}"
            return [Difference("count", f"{batches} in {OLD}, {pair[1]:,} in {NEW}", epoch)]
    return []


def _as_tuple(batch: Any) -> Any:
    # Keras makes a tuple of a PyDataset's list, and refuses that of a generator.
    return tuple(batch) if isinstance(batch, list) else batch


def _weights(model: Any) -> dict[str, np.ndarray]:
    """The weights by the place and kind of their layer: Keras's own names count its layers up."""
    found: dict[str, np.ndarray] = {}
    seen: set[int] = set()
    for place, layer in enumerate(model.layers):
        kind = type(layer).__name__
        snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind).lower()
        own = re.fullmatch(rf"{snake}(_\d+)?", layer.name) is None
        for weight in layer.weights:
            name = f"layer {place} ({layer.name if own else kind}), {weight.name}"
            found[_free(name, found)] = np.asarray(weight)
            seen.add(id(weight))
    for weight in model.weights:
        if id(weight) not in seen:
            found[_free(weight.name, found)] = np.asarray(weight)
    return found


def _free(name: str, taken: dict[str, Any]) -> str:
    if name not in taken:
        return name
    return next(f"{name} {n}" for n in range(2, len(taken) + 3) if f"{name} {n}" not in taken)


def _compared(
    before: dict[str, np.ndarray], after: dict[str, np.ndarray]
) -> tuple[Gap, list[Difference]]:
    """The gap over all weights, and those that differ, the farthest first."""
    shapes = [{name: value.shape for name, value in one.items()} for one in (before, after)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"make_model returned models of different weights: first {_listed(shapes[0])}; then "
            f"{_listed(shapes[1])}. It must return the same layers each time."
        )
    found: list[tuple[float, Difference]] = []
    total = Gap()
    for name, value in before.items():
        far = gaps(value, after[name])
        largest = total.add(far)
        if canonical(value).tobytes() != canonical(after[name]).tobytes():
            what = f"the largest difference is {largest:.3g}, at [{_at(far)}]"
            found.append((largest, Difference("weights", what, place=name)))
    found.sort(key=lambda pair: -pair[0])
    return total, [difference for _, difference in found]


def _at(far: np.ndarray) -> str:
    return ", ".join(map(str, np.unravel_index(far.argmax(), far.shape)))


def _listed(shapes: dict[str, tuple[int, ...]]) -> str:
    return "; ".join(f"{name} {shape}" for name, shape in shapes.items())


def _told(off: Gap, differ: list[Difference], old: Any) -> str:
    """What the control says, which was trained on the old one a second time."""
    if not differ:
        return (
            f"Control: trained on {OLD} twice, the weights have the same bytes. So the difference "
            "comes from what the two give."
        )
    told = f"Control: trained on {OLD} twice, they differ as well, by up to {off.largest:.3g}: "
    if callable(old) and not is_py_dataset(old):
        return f"{told}training itself isn't reproducible here, and nothing follows."
    return (
        f"{told}training itself isn't reproducible here, or {OLD} goes on where its last epoch "
        "ended. Give a function that makes it anew."
    )
