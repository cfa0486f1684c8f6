"""The estimator within scikit-learn, Keras and TensorFlow: what they offer works, or is refused in one sentence."""

import keras
import numpy as np
import pandas as pd
import pytest
import sklearn
import tensorflow as tf
from sklearn.model_selection import GridSearchCV

import ssvae
from ssvae import SSVAEClassifier
from ssvae.inference.amortized import Amortized

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
Y = np.where(np.arange(40) < 20, X[:, 0] > 0, -1)
SMALL = {"name": "m2", "latent": 2, "hidden": [4]}


def classifier(**settings) -> SSVAEClassifier:
    return SSVAEClassifier(**{"model": SMALL, "epochs": 1, "regularizers": (), "random_state": 0, **settings})


@pytest.fixture(scope="module")
def fitted() -> SSVAEClassifier:
    return classifier().fit(X, Y)


@pytest.fixture
def nothing_trains(monkeypatch):
    def fail(*arguments, **settings):
        raise AssertionError("training began")

    monkeypatch.setattr("ssvae.estimator.classifier.fit_stages", fail)


def test_latents_come_as_a_frame_where_that_is_asked_for(fitted):
    frame = sklearn.base.clone(fitted).set_output(transform="pandas").fit(X, Y).transform(X)
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == ["z0", "z1"]
    np.testing.assert_array_equal(frame.to_numpy(), fitted.transform(X))
    with sklearn.config_context(transform_output="pandas"):
        assert fitted.transform(X[:2]).shape == (2, 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "columns"),
    [
        ({"name": "m1", "latent": 2, "hidden": [4]}, 2),
        ({"name": "m1_m2", "latent": 3, "hidden": [4], "m2": {"latent": 2}}, 3),
        ({"name": "hierarchical", "latent": [3, 2], "hidden": 4}, 5),
        ({"name": "sbn", "latent": [3, 2]}, 5),
    ],
)
def test_names_of_latents_are_as_many_as_their_columns_without_a_prediction(model, columns, monkeypatch):
    own = classifier(model=model).set_output(transform="pandas").fit((X > 0).astype(np.float32), Y)
    assert own.transform((X > 0).astype(np.float32)).shape == (40, columns)
    np.testing.assert_allclose(own.predict_proba((X > 0).astype(np.float32)).sum(axis=1), 1.0)
    monkeypatch.setattr("ssvae.prediction.over_rows", lambda *_, **__: pytest.fail("it predicted"))
    assert len(own.get_feature_names_out()) == columns


def test_arguments_of_components_have_names_with_underscores():
    own = SSVAEClassifier().set_params(model__latent=5, model__m1__hidden=[9], alpha=0.2)
    assert own.model == {"name": "m1_m2", "latent": 5, "m1": {"hidden": [9]}}
    assert own.get_params()["model__m1__hidden"] == [9]
    assert own.get_params(deep=False)["alpha"] == 0.2
    given = {"name": "m2", "latent": 2}
    assert SSVAEClassifier(given).set_params(model__latent=3).model == {"name": "m2", "latent": 3}
    assert given == {"name": "m2", "latent": 2}
    assert SSVAEClassifier(given).set_params(model__name="m1").model == {"name": "m1"}
    assert SSVAEClassifier(epochs={"m2": 3}).set_params(epochs__m2=5).epochs == {"m2": 5}
    changed = SSVAEClassifier(inference=Amortized()).set_params(inference__kl_warm_up=0.25)
    assert changed.inference == Amortized(kl_warm_up=0.25)
    assert SSVAEClassifier().set_params(preprocessing="pca", preprocessing__components=2).preprocessing == {
        "name": "pca",
        "components": 2,
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model__latnet", "unknown argument of model 'm1_m2': 'latnet'.*did you mean 'latent'"),
        ("alpha__latent", r"alpha is 0.1, which has no arguments to set by alpha__latent: give a dict"),
        ("modle__latent", "Invalid parameter 'modle'"),
    ],
)
def test_unknown_arguments_of_components_are_refused(name, message):
    with pytest.raises(ValueError, match=message):
        SSVAEClassifier().set_params(**{name: 5})


def test_a_grid_search_goes_over_the_arguments_of_a_model():
    search = GridSearchCV(classifier(), {"model__latent": [2, 3]}, cv=2).fit(X[:20], Y[:20])
    assert set(search.cv_results_["param_model__latent"]) == {2, 3}
    assert search.best_estimator_.model_.latent == search.best_params_["model__latent"]


@pytest.mark.usefixtures("nothing_trains")
@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (keras.callbacks.ReduceLROnPlateau(), "ReduceLROnPlateau works through Keras' own training loop.*schedule"),
        (keras.callbacks.LearningRateScheduler(lambda _, rate: rate), "LearningRateScheduler.*give learning_rate"),
        (keras.callbacks.TensorBoard(), "TensorBoard works through.*CSVLogger"),
        (keras.callbacks.BackupAndRestore("folder"), r"BackupAndRestore.*ssvae\.callbacks\.Checkpoint"),
        (keras.callbacks.ProgbarLogger(), "ProgbarLogger.*verbose=1"),
        ("tensorboard", r"callbacks holds 'tensorboard': give objects of ssvae\.callbacks\.Callback"),
        (ssvae.callbacks.Progress, "callbacks holds <class"),
    ],
)
def test_callbacks_that_cannot_work_are_refused_before_training(callback, message):
    with pytest.raises(ValueError, match=message):
        classifier(callbacks=[callback]).fit(X, Y)


def test_callbacks_of_keras_that_only_look_and_stop_work(tmp_path):
    log = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    stop = keras.callbacks.EarlyStopping(monitor="loss", patience=1, restore_best_weights=True)
    own = classifier(epochs=3, callbacks=[log, stop]).fit(X, Y)
    assert len(pd.read_csv(tmp_path / "log.csv")) == own.n_iter_


@pytest.mark.parametrize("policy", ["mixed_float16", "float64"])
def test_the_global_precision_of_keras_changes_nothing(fitted, policy):
    try:
        keras.mixed_precision.set_global_policy(policy)
        keras.config.set_floatx("float64")
        there = sklearn.base.clone(fitted).fit(X, Y)
    finally:
        keras.mixed_precision.set_global_policy("float32")
        keras.config.set_floatx("float32")
    np.testing.assert_array_equal(there.predict_proba(X), fitted.predict_proba(X))
    assert {weight.dtype for weight in there.model_.weights} == {"float32"}


def test_inside_of_a_graph_one_sentence_says_so(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    for call in (
        lambda: classifier().fit(X, Y).predict_proba(X),
        lambda: fitted.predict_proba(X),
        lambda: fitted.sample(2),
        lambda: ssvae.load(tmp_path / "model").predict(X),
    ):
        with pytest.raises(RuntimeError, match=r"cannot be used inside tf\.function"):
            tf.function(call, autograph=False)()
        with tf.Graph().as_default(), pytest.raises(RuntimeError, match=r"cannot be used inside tf\.function"):
            call()


@pytest.mark.usefixtures("nothing_trains")
@pytest.mark.parametrize(
    "x",
    [
        (row for row in X),
        iter(X),
        {"a": X[:, 0]},
        {1.0, 2.0},
        None,
        tf.data.Dataset.from_tensor_slices(X).batch(10),
        tf.sparse.from_dense(X),
        tf.ragged.constant([[1.0], [1.0, 2.0]]),
    ],
    ids=lambda x: type(x).__name__,
)
def test_what_is_no_table_is_named(x):
    with pytest.raises(TypeError, match=rf"X is {type(x).__name__}, and a table \[N, D\] is needed"):
        classifier().fit(x, Y)


@pytest.mark.usefixtures("nothing_trains")
@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([(0, 1)] * 40, r"one label a row, \[N\], and is an array \[40, 2\]"),
        ([(0, 1)] * 39 + [(0,)], "one label a row"),
        ((label for label in Y), "is a single generator"),
        (tf.data.Dataset.from_tensor_slices(Y), "is a single _?[A-Za-z]*Dataset"),
    ],
)
def test_what_is_no_column_of_labels_is_named(y, message):
    with pytest.raises(ValueError, match=message):
        classifier().fit(X, y)


@pytest.mark.usefixtures("nothing_trains")
def test_dates_text_and_hidden_cells_are_no_numbers():
    with pytest.raises(ValueError, match="X holds dates or durations"):
        classifier().fit(np.full((40, 2), "2020-01-01", "M8[s]"), Y)
    with pytest.raises(ValueError, match=r"string to float: 'p' \(row 1, column 2\); text columns are taken from a Da"):
        classifier().fit([[1.0, 2.0, 3.0], [4.0, "5", "p"]] * 20, Y)
    with pytest.raises(ValueError, match="contains NaN: 1 cells, the first in row 2, column 1; fill in or drop"):
        classifier(likelihood="gaussian").fit(np.ma.masked_array(X, np.arange(X.size).reshape(X.shape) == 7), Y)
