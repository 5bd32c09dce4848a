import gc
import itertools
import re
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from course_utils.measuring.parity import trained_parity

X = np.random.default_rng(0).random((20, 3)).astype(np.float32)
Y = X.sum(axis=1)
SIGNATURE = (tf.TensorSpec((None, 3), tf.float32), tf.TensorSpec((None,), tf.float32))


def batches(order=None):
    order = np.arange(20) if order is None else order
    for start in range(0, 20, 8):
        rows = order[start : start + 8]
        yield X[rows], Y[rows]


def reversed_batches():
    return batches(np.arange(20)[::-1])


def dataset():
    return tf.data.Dataset.from_generator(batches, output_signature=SIGNATURE)


class Photos(keras.utils.PyDataset):
    """Reshuffles with NumPy's global random numbers."""

    def __init__(self):
        super().__init__()
        self.order = np.arange(20)

    def __len__(self):
        return 3

    def __getitem__(self, at):
        rows = self.order[8 * at : 8 * at + 8]
        return X[rows], Y[rows]

    def on_epoch_end(self):
        self.order = np.random.permutation(20)


class Ordered(Photos):
    def on_epoch_end(self):
        pass


def wrapped():
    """Photos as a dataset that calls on_epoch_end as fit does."""
    sequence, passes = Photos(), itertools.count()

    def generate():
        if next(passes) == 0:
            sequence.on_epoch_end()
        yield from sequence
        sequence.on_epoch_end()

    return tf.data.Dataset.from_generator(generate, output_signature=SIGNATURE)


def make_model(optimizer="sgd", dropout=0.0):
    layers = [keras.Input((3,)), keras.layers.Dense(4, activation="relu")]
    layers += [keras.layers.Dropout(dropout)] * bool(dropout)
    model = keras.Sequential([*layers, keras.layers.Dense(1, name="head")])
    model.compile(optimizer, "mse")
    return model


SAME = "Same: after 2 epochs all 4 weights have the same bytes."
CONTROL = (
    "Control: trained on the old one twice, the weights have the same bytes. So the difference "
    "comes from what the two give."
)


# The same weights


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (batches, lambda: [*batches()]),
        ([*batches()], dataset()),
        (Ordered, dataset),
        (Ordered(), dataset()),
        (batches, lambda: ([x, y] for x, y in batches())),
        (Photos, wrapped),
    ],
)
def test_the_same_elements_make_the_same_weights(old, new):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # such as that the input ran out of data
        result = trained_parity(make_model, old, new)
    assert repr(result) == SAME
    assert result
    assert result.counts == ((3, 3), (3, 3))


def test_dropout_and_another_optimizer_are_reproducible():
    result = trained_parity(lambda: make_model("adam", dropout=0.5), batches, dataset, seed=7)
    assert repr(result) == SAME


def test_the_seed_decides():
    seen = []

    def noted():
        seen.append(make_model())
        return seen[-1]

    trained_parity(noted, batches, batches, epochs=1, seed=1)
    trained_parity(noted, batches, batches, epochs=1, seed=2)
    first = [model.get_weights()[0].tolist() for model in seen]
    assert first[0] == first[1] != first[2] == first[3]


def test_what_has_no_known_end_is_trained_up_to_the_limit():
    def endless():
        while True:
            yield from batches()

    class Endless(Ordered):
        num_batches = None

        def __getitem__(self, at):
            return super().__getitem__(at % 3)

    forever = dataset().repeat()
    for old, new in ((endless, forever), (Endless(), endless)):
        result = trained_parity(make_model, old, new, limit=4)
        assert result.same
        assert result.counts == ((4, 4), (4, 4))


def test_no_iterator_is_left_to_the_garbage_collector():
    """To end one that is old takes up to a minute."""
    gc.collect()
    gc.disable()
    try:
        trained_parity(make_model, batches, dataset)
        left = [each for each in gc.get_objects() if type(each).__name__ == "OwnedIterator"]
    finally:
        gc.enable()
    assert left == []


# Other weights


def test_other_elements_make_other_weights():
    result = trained_parity(make_model, batches, reversed_batches)
    lines = repr(result).splitlines()
    number = r"[0-9.e-]+"
    assert lines[0] == "Not the same: after 2 epochs 4 of 4 weights differ."
    assert re.fullmatch(
        rf"layer [01] \((Dense|head)\), (kernel|bias): the largest difference is {number}, at "
        r"\[[\d, ]+\]\.",
        lines[1],
    )
    assert re.fullmatch(
        rf"All weights: the largest difference is {number}, the mean over all 21 values {number}\.",
        lines[2],
    )
    assert lines[3:] == [CONTROL]
    assert not result
    gap = result.gaps["All weights"]
    assert 0 < gap.mean < gap.largest < 1
    assert [each.kind for each in result.differences] == ["weights"]


def test_names_do_not_depend_on_how_many_models_were_made():
    places = []
    for _ in range(2):
        make_model()
        result = trained_parity(make_model, batches, reversed_batches, epochs=1)
        places.append((result.differences[0].place, result.differences[0].what))
    assert places[0] == places[1]


def test_weights_of_nested_and_own_layers_have_names():
    def nested():
        inner = keras.Sequential([keras.layers.Dense(2), keras.layers.Dense(2)])
        model = keras.Sequential([keras.Input((3,)), inner, keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        return model

    class Scaled(keras.Model):
        def __init__(self):
            super().__init__()
            self.scale = self.add_weight(name="scale", shape=(), initializer="ones")

        def call(self, x):
            return keras.ops.sum(x, axis=1, keepdims=True) * self.scale / 2

    def own():
        model = Scaled()
        model.compile("sgd", "mse")
        return model

    assert trained_parity(nested, batches, batches, epochs=1).summary == (
        "Same: after 1 epoch all 6 weights have the same bytes."
    )
    result = trained_parity(own, batches, reversed_batches, epochs=1)
    assert result.differences[0].place == "scale"


def test_training_that_is_not_reproducible_is_told():
    seeds = itertools.count()

    def unseeded():
        model = make_model()
        rng = np.random.default_rng(next(seeds))
        model.set_weights([rng.random(weight.shape) for weight in model.get_weights()])
        return model

    last = repr(trained_parity(unseeded, batches, batches)).splitlines()[-1]
    assert re.fullmatch(
        r"Control: trained on the old one twice, they differ as well, by up to [0-9.]+: training "
        r"itself isn't reproducible here, and nothing follows\.",
        last,
    )


def test_an_object_that_goes_on_where_it_ended_is_told():
    class Own(Photos):
        numbers = np.random.default_rng(0)

        def on_epoch_end(self):
            self.order = self.numbers.permutation(20)

    last = repr(trained_parity(make_model, Own(), dataset())).splitlines()[-1]
    assert last.endswith(
        ": training itself isn't reproducible here, or the old one goes on where its last epoch "
        "ended. Give a function that makes it anew."
    )


def test_fewer_batches_are_told():
    spent = []

    def once():
        """A generator that is used up after its first epoch."""
        if not spent:
            spent.append(batches())
        return map(tuple, spent[0])

    short = trained_parity(make_model, dataset, lambda: dataset().take(2), epochs=1)
    assert str(short.differences[0]) == "Epoch 0: 3 batches in the old one, 2 in the new one."
    assert short.counts == ((3, 2),)
    one_shot = tf.data.Dataset.from_generator(once, output_signature=SIGNATURE)
    result = trained_parity(make_model, dataset, one_shot)
    assert str(result.differences[0]) == "Epoch 1: 3 batches in the old one, 0 in the new one."


# What proves nothing


def test_a_training_without_an_effect_proves_nothing():
    def frozen():
        model = make_model(keras.optimizers.SGD(0.0))
        return model

    result = trained_parity(frozen, batches, reversed_batches)
    assert repr(result).splitlines() == [
        SAME,
        "Training left each weight as it was: it proves nothing.",
    ]


def test_weights_that_are_no_numbers_prove_nothing():
    result = trained_parity(lambda: make_model(keras.optimizers.SGD(1e30)), batches, batches)
    assert repr(result).splitlines() == [
        SAME,
        "Some weights are no finite numbers any more: such a training proves nothing.",
    ]


def test_an_epoch_without_a_batch_proves_nothing():
    empty = dataset().take(0)
    with pytest.raises(ValueError, match=r"^Neither the old one nor the new one gave a batch in "
                       r"epoch 0, so there is nothing to compare\."):  # fmt: skip
        trained_parity(make_model, empty.filter(lambda x, y: True), empty.filter(lambda x, y: True))


# What is refused


def test_models_that_cannot_be_compared():
    one = make_model()
    for no_function in (one, None):
        with pytest.raises(TypeError, match=r"and a function that returns a new, compiled model"):
            trained_parity(no_function, batches, batches)
    with pytest.raises(ValueError, match=r"^make_model returned the same model twice\. Make a new"):
        trained_parity(lambda: one, batches, batches)
    with pytest.raises(TypeError, match=r"^make_model returned None, and a Keras model was expec"):
        trained_parity(lambda: None, batches, batches)
    sizes = itertools.count(1)

    def growing():
        first = keras.layers.Dense(next(sizes), use_bias=False)
        model = keras.Sequential([first, keras.layers.Dense(1, use_bias=False)])
        model.compile("sgd", "mse")
        return model

    sentence = (
        "make_model returned models of different weights: first layer 0 (Dense), kernel (3, 1); "
        "layer 1 (Dense), kernel (1, 1); then layer 0 (Dense), kernel (3, 2); layer 1 (Dense), "
        "kernel (2, 1). It must return the same layers each time."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        trained_parity(growing, batches, batches)

    def empty():
        model = keras.Sequential([keras.Input((3,)), keras.layers.Flatten()])
        model.compile(loss="mse")
        return model

    with pytest.raises(ValueError, match=r"^The model has no weights, so there is nothing to"):
        trained_parity(empty, lambda: [(X[:8], X[:8])], batches)


def test_averaged_weights_need_a_dataset():
    averaged = lambda: make_model(keras.optimizers.SGD(0.1, use_ema=True))  # noqa: E731
    with pytest.raises(ValueError, match=r"^The optimizer has use_ema=True and averages .* Give a "
                       r"dataset or a PyDataset that ends\."):  # fmt: skip
        trained_parity(averaged, batches, dataset)
    assert repr(trained_parity(averaged, Ordered, dataset)) == SAME


def test_sources_are_looked_at_before_anything_is_trained():
    def never():
        raise AssertionError("a model was made")

    with pytest.raises(TypeError, match=r"^The new one is a generator, which gives its elements o"):
        trained_parity(never, batches, batches())
    with pytest.raises(ValueError, match=r"^epochs must be 1 or more, found 0$"):
        trained_parity(never, batches, batches, epochs=0)
    with pytest.raises(ValueError, match=r"^seed must be 0 or more, found -1$"):
        trained_parity(never, batches, batches, seed=-1)


def test_what_fit_raises_passes_with_a_note():
    with pytest.raises(ValueError, match="compile") as caught:
        trained_parity(lambda: keras.Sequential([keras.layers.Dense(1)]), batches, batches)
    assert caught.value.__notes__[-1] == "while trained_parity trained on the old one"
    wide = [(np.zeros((8, 5), np.float32), np.zeros(8, np.float32))]
    with pytest.raises(ValueError, match="shape") as caught:
        trained_parity(make_model, batches, wide)
    assert caught.value.__notes__[-1] == "while trained_parity trained on the new one"
