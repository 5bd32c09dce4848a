"""Which batches a model was trained on, epoch by epoch: counted, where a loss can't tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

Batches = list[list[Any]]


def first_number(x: Any) -> list[float | int]:
    """Return the first number of each row of a batch: of its first part where it has several.

    x: what a dataset delivers as the input of a batch: an array or tensor of shape (rows, ...),
    or a tuple or dict of them.
    """
    parts = keras.tree.flatten(x)
    rows = keras.ops.convert_to_numpy(parts[0])
    return [_plain(row.flat[0]) for row in rows]


class TrainingLog(keras.callbacks.Callback):
    """A callback for `fit` that notes the batches of each epoch, and of each validation.

        log = TrainingLog()
        model.compile(loss="mse", run_eagerly=True)
        model.fit(dataset, epochs=4, steps_per_epoch=6, callbacks=[log])
        figures.show(Elements(log.epochs))

    of: what is noted of a batch: a function of its input x that returns a list. The first number
        of each row (`first_number`), where nothing is given.

    `epochs` is a dict from "epoch 1" to the batches that it trained on, in order; `validations`
    one from "after epoch 1" to the batches that it was validated on. A further `fit` begins both
    anew. `counts` is the number of batches of each epoch.

    Raises ValueError as `fit` begins where the model wasn't compiled with `run_eagerly=True`: a
    graph has no batches to look at.
    """

    def __init__(self, of: Callable[[Any], list[Any]] = first_number) -> None:
        super().__init__()
        self._of = of
        self.epochs: dict[str, Batches] = {}
        self.validations: dict[str, Batches] = {}

    @property
    def counts(self) -> list[int]:
        """How many batches each epoch trained on."""
        return [len(batches) for batches in self.epochs.values()]

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Forget an earlier training, and begin to note."""
        if not self.model.run_eagerly:
            raise ValueError(
                "TrainingLog looks at each batch, and this model runs as a graph: compile it with "
                "run_eagerly=True."
            )
        self.epochs, self.validations = {}, {}
        self._fit, self._validating = self.model.history, False
        # An attribute of the model goes before its class's method. `fit` has made its functions by
        # now, from the methods that were there.
        self.model.train_step = self._train_step
        self.model.test_step = self._test_step
        self._make_functions()

    def on_train_end(self, logs: dict | None = None) -> None:
        """Leave the model as it was."""
        del self.model.train_step, self.model.test_step
        self._make_functions()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Begin a row, which stays empty where the epoch has no batch."""
        self.epochs[f"epoch {epoch + 1}"] = []

    def on_test_begin(self, logs: dict | None = None) -> None:
        """Begin a row of the validation."""
        self._validating = True
        self.validations[f"after epoch {len(self.epochs)}"] = []

    def on_test_end(self, logs: dict | None = None) -> None:
        """End the row of the validation."""
        self._validating = False

    def _make_functions(self) -> None:
        self.model.make_train_function(force=True)
        self.model.make_test_function(force=True)

    def _train_step(self, data: Any) -> Any:
        # An error ends `fit` without on_train_end. What comes after it is another fit's.
        if self.model.history is self._fit:
            self._note(self.epochs, data)
        return type(self.model).train_step(self.model, data)

    def _test_step(self, data: Any) -> Any:
        if self.model.history is self._fit and self._validating:
            self._note(self.validations, data)
        return type(self.model).test_step(self.model, data)

    def _note(self, rows: dict[str, Batches], data: Any) -> None:
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        rows[list(rows)[-1]].append(list(self._of(x)))


def _plain(number: np.generic) -> float | int:
    value = number.item()
    return int(value) if isinstance(value, float) and value.is_integer() else value
