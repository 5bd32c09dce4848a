import keras
import numpy as np
import pytest
import tensorflow as tf

from course_utils.measuring.elements import Elements
from course_utils.measuring.training import TrainingLog, first_number


@pytest.fixture
def model():
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    return model


def numbers(count, batch_size=2):
    x = np.arange(count, dtype=np.float32)[:, None]
    return tf.data.Dataset.from_tensor_slices((x, x)).batch(batch_size)


def fit(model, data, log, **options):
    return model.fit(data, callbacks=[log], verbose=0, shuffle=False, **options)


def test_the_batches_of_each_epoch(model):
    log = TrainingLog()
    fit(model, numbers(5), log, epochs=2)
    assert log.epochs == {"epoch 1": [[0, 1], [2, 3], [4]], "epoch 2": [[0, 1], [2, 3], [4]]}
    assert log.counts == [3, 3]
    assert log.validations == {}
    assert Elements(log.epochs).describe()


def test_an_epoch_without_a_batch_is_a_row(model):
    log = TrainingLog()
    unknown = numbers(4).filter(lambda x, y: True)
    with pytest.warns(UserWarning, match="ran out of data"):
        fit(model, unknown, log, epochs=3, steps_per_epoch=2)
    assert log.counts == [2, 0, 2]


def test_validation_has_rows_of_its_own(model):
    log = TrainingLog()
    fit(model, numbers(4), log, epochs=2, validation_data=numbers(6), validation_steps=1)
    assert log.counts == [2, 2]
    assert log.validations == {"after epoch 1": [[0, 1]], "after epoch 2": [[0, 1]]}


def test_evaluate_after_training_is_not_noted(model):
    log = TrainingLog()
    fit(model, numbers(4), log)
    model.evaluate(numbers(2), callbacks=[TrainingLog()], verbose=0)
    assert log.validations == {}


def test_a_second_training_begins_anew(model):
    log = TrainingLog()
    fit(model, numbers(4), log, epochs=2)
    fit(model, numbers(2), log)
    assert log.epochs == {"epoch 1": [[0, 1]]}


def test_the_model_trains_as_without_it():
    weights = []
    for callbacks in ([], [TrainingLog()]):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.layers.Dense(1)])
        model.compile("sgd", "mse", run_eagerly=True)
        history = model.fit(numbers(6), epochs=2, callbacks=callbacks, verbose=0, shuffle=False)
        weights.append([*map(float, np.concatenate([w.ravel() for w in model.get_weights()]))])
        weights[-1] += history.history["loss"]
        assert "train_step" not in vars(model)
        assert "test_step" not in vars(model)
    assert weights[0] == weights[1]


def test_an_error_leaves_a_model_that_can_be_trained(model):
    log = TrainingLog()
    wrong = numbers(4).apply(tf.data.experimental.assert_cardinality(3))
    with pytest.raises(tf.errors.FailedPreconditionError):
        fit(model, wrong, log)
    assert log.counts == [2]
    model.fit(numbers(6), verbose=0, shuffle=False)
    model.evaluate(numbers(2), verbose=0)
    assert log.counts == [2]
    assert log.validations == {}
    other = TrainingLog()
    fit(model, numbers(4), other)
    assert other.counts == [2]
    assert log.counts == [2]


def test_a_model_in_a_graph_is_refused():
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"compile it with run_eagerly=True\.$"):
        fit(model, numbers(4), TrainingLog())
    assert "train_step" not in vars(model)


def test_what_is_noted_may_be_told(model):
    log = TrainingLog(of=lambda x: [len(x)])
    fit(model, numbers(5), log)
    assert log.epochs == {"epoch 1": [[2], [2], [1]]}


@pytest.mark.parametrize(
    ("x", "numbers"),
    [
        (np.arange(12, dtype=np.float32).reshape(2, 3, 2), [0, 6]),
        (np.array([0.5, 2.0]), [0.5, 2]),
        (tf.constant([[7, 8], [9, 10]], tf.uint8), [7, 9]),
        ((np.array([[1], [2]]), np.array([[3], [4]])), [1, 2]),
        ({"b": np.array([[1], [2]]), "a": np.array([[3], [4]])}, [3, 4]),
        (np.zeros((0, 3)), []),
    ],
)
def test_the_first_number_of_each_row(x, numbers):
    assert first_number(x) == numbers
    assert [type(number) for number in first_number(x)] == [type(n) for n in numbers]
