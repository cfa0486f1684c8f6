"""What the estimator cannot learn from, or cannot do, is said before anything is trained."""

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from ssvae import SSVAEClassifier
from ssvae.gradients.enumeration import Enumeration
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.likelihoods.gaussian import Gaussian
from ssvae.models.m2 import M2

X = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
Y = np.array([0, 1, 2] + [-1] * 9)
SMALL = {"name": "m2", "latent": 2, "hidden": [4]}


def classifier(**settings) -> SSVAEClassifier:
    return SSVAEClassifier(
        **{"model": SMALL, "epochs": 1, "batch_size": 6, "regularizers": (), "random_state": 0, **settings}
    )


def with_cell(row, column, value):
    x = X.copy()
    x[row, column] = value
    return x


@pytest.fixture(scope="module")
def fitted() -> SSVAEClassifier:
    return classifier().fit(X, Y)


@pytest.fixture
def nothing_trains(monkeypatch):
    def fail(*arguments, **settings):
        raise AssertionError("training began")

    monkeypatch.setattr("ssvae.estimator.classifier.fit_stages", fail)


@pytest.mark.usefixtures("nothing_trains")
@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X, np.full(12, -1), "y has no labelled row: all 12 are -1"),
        (X, np.where(Y == -1, -1, 4), "y has one class only, 4"),
        (with_cell(4, 2, -np.inf), Y, r"contains infinity \(inf\): 1 cells, the first in row 4, column 2"),
        (pd.DataFrame(with_cell(3, 1, np.inf), columns=["a", "b", "c"]), Y, "X: row 4, column 'b' is 'inf'"),
        (np.where(np.arange(36).reshape(12, 3) == 5, 1e300, X.astype(float)), Y, "too large for float32"),
        (X[:0], Y[:0], "0 sample"),
        (X[:, :0], Y, "0 feature"),
        (X[0], Y, "Expected 2D array"),
        (X, None, "requires y to be passed, but the target y is None: mark unlabelled rows with -1"),
        (X, Y[:5], "inconsistent numbers of samples"),
        (X.astype(str).astype(object) + "x", Y, "could not convert string to float"),
    ],
)
def test_bad_data(x, y, message):
    with pytest.raises(ValueError, match=message):
        classifier().fit(x, y)


@pytest.mark.usefixtures("nothing_trains")
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"regularizers": "neighbours"}, r"regularizers must be a list, \[\] for none, got 'neighbours'"),
        ({"model": {"name": "m2", "latent": 0}}, "latent and hidden must be at least 1"),
        ({"model": {"name": "m2", "hidden": [5, -1]}}, "latent and hidden must be at least 1"),
        ({"model": {"name": "sbn", "latent": [2.5]}}, r"latent must be an integer or a list of integers, got \[2.5\]"),
        ({"model": {"name": "m2", "kwargs": 1}}, "unknown argument of model 'm2': 'kwargs'"),
        ({"model": "m22"}, r"unknown model 'm22', one of \[.*'m2'.*\]; did you mean 'm(2|1_m2)'\?"),
        ({"model": {"name": "m2", "latnet": 5}}, "unknown argument of model 'm2': 'latnet'.*did you mean 'latent'"),
        ({"model": {"latent": 5}}, "unknown model None"),
        ({"likelihood": "bernouli"}, "unknown likelihood 'bernouli'.*did you mean 'bernoulli'"),
        ({"preprocessing": "standardise"}, "unknown preprocessing.*did you mean 'standardize'"),
        ({"inference": "amortised"}, "unknown inference.*did you mean 'amortized'"),
        ({"gradient": "pathwize"}, "unknown gradient.*did you mean 'pathwise'"),
        ({"class_gradient": "enumerate"}, "unknown gradient.*did you mean 'enumeration'"),
        ({"class_gradient": {"name": "topm", "count": 1.5}}, "count of gradient 'topm' must be an integer, got 1.5"),
        ({"class_gradient": {"name": "auto", "most": "ten"}}, "most of gradient 'auto' must be an integer, got 'ten'"),
        ({"class_gradient": {"name": "auto", "draws": 0}}, "'topm' needs draws >= 1"),
        (
            {"inference": {"name": "mc_likelihood", "shared": []}},
            r"shared of inference 'mc_likelihood' must be true or false, got \[\]",
        ),
        ({"model": {"name": "m2", "latent": True}}, "latent of model 'm2' must be an integer, got True"),
        (
            {"regularizers": [{"name": "neighbours", "weight": None}]},
            "weight of regularizer 'neighbours' must be a num",
        ),
        ({"epochs": 0}, "epochs must be > 0"),
        ({"epochs": "many"}, "epochs must be a whole number, 'auto' or a mapping, got 'many'"),
        ({"epochs": float("inf")}, "epochs must be a whole number"),
        ({"learning_rate": "auto"}, "learning_rate must be a number or a mapping, got 'auto'"),
        ({"alpha": None}, "alpha must be a number, got None"),
        ({"alpha": float("inf")}, "alpha must be >= 0"),
        ({"early_stopping": 5}, "early_stopping must be a mapping or null, got 5"),
        ({"random_state": -1}, "random_state must be an int >= 0, a numpy RandomState or None, got -1"),
        ({"unlabeled": [-1]}, r"unlabeled must be one value .*, got \[-1\]"),
        (
            {"model": None},
            r"model must be one of \[.*'m2'.*\], a dict with such a name, or an object of a subclass of .*base.Model",
        ),
        (
            {"likelihood": Bernoulli},
            "likelihood must be one of .* an object of a subclass of .*Likelihood, got <class",
        ),
        (
            {"model": {**SMALL, "likelihood": [1]}},
            r"likelihood of a model is set by fit: leave it out, got \[1\]",
        ),
        ({"model": {"name": ["m2"]}}, r"unknown model \['m2'\]"),
        ({"batch_size": -1}, "batch_size must be > 0"),
        ({"learning_rate": 0.0}, "learning_rate must be > 0"),
        ({"alpha": -0.1}, "alpha must be >= 0, got -0.1"),
        ({"alpha": float("nan")}, "alpha must be >= 0"),
        ({"model": {"name": "m1_m2", "m1": -1}}, "m1 of 'm1_m2' must be a dict of arguments of M1, or an M1, got -1"),
        ({"model": {"name": "m1", "classifier": None}}, "classifier of a model must be a name, or a dict .*, got None"),
        ({"model": {"name": "m1", "classifier": "svn"}}, "unknown classifier 'svn'"),
        ({"strategy": np.array([0.5, 0.5])}, "unknown strategy"),
        ({"strategy": "two"}, "unknown strategy 'two', one of .*'auto'"),
        ({"likelihood": "bernoulli", "preprocessing": "identity"}, r"needs values in \[0, 1\], row \d+, column \d+ is"),
        ({"likelihood": "bernoulli"}, r"needs values in \[0, 1\]"),
        ({"model": M2(5, 3, Gaussian(), latent=2, hidden=[4])}, "made for features=5, the data have 3"),
        ({"model": M2(3, 2, Gaussian(), latent=2, hidden=[4])}, "made for classes=2, the data have 3"),
        (
            {"model": M2(3, 3, Gaussian(), latent=2, hidden=[4]), "likelihood": "student_t"},
            "'student_t' is not that of the model, Gaussian",
        ),
        ({"model": {**SMALL, "prior": [0.5, 0.5]}}, "prior needs 3 positive numbers"),
        ({"model": {**SMALL, "prior": None}}, "prior must be 'uniform', 'learned' or 3 numbers, got None"),
        ({"model": {**SMALL, "prior": ["a", "b", "c"]}}, "prior must be 'uniform', 'learned' or 3 numbers"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        classifier(**settings).fit(X, Y)


def test_pieces_that_do_not_fit_each_other_name_both():
    with pytest.raises(ValueError, match=r"'pathwise' needs reparameterised latents; 'y' is .*: use"):
        classifier(class_gradient="pathwise").fit(X, Y)
    with pytest.raises(ValueError, match=r"'nvil' learns baselines.*this M2 has none: give the model by name"):
        classifier(model=M2(3, 3, Gaussian(), latent=2, hidden=[4]), gradient="nvil").fit(X, Y)
    with pytest.raises(ValueError, match="'enumeration' needs categorical"):
        classifier(gradient=Enumeration()).fit(X, Y)
    with pytest.raises(ValueError, match=r"epochs has no entry for stage 'm2', only for .*'m1'"):
        classifier(model={"name": "m1_m2", "latent": 2, "hidden": [4], "m1": {"hidden": [4]}}, epochs={"m1": 1}).fit(
            X, Y
        )


@pytest.mark.parametrize("method", ["predict", "predict_proba", "transform", "bound", "reconstruct", "analogies"])
def test_bad_rows_after_fit(fitted, method):
    call = getattr(fitted, method)
    with pytest.raises(ValueError, match="X has 2 features, but SSVAEClassifier is expecting 3"):
        call(X[:, :2])
    with pytest.raises(ValueError, match="contains NaN: 1 cells, the first in row 2, column 0"):
        call(with_cell(2, 0, np.nan))
    with pytest.raises(ValueError, match="0 sample"):
        call(X[:0])


def test_unknown_labels_after_fit(fitted):
    for call in (
        lambda: fitted.score(X[:3], [0, 1, 7]),
        lambda: fitted.analogies(X[:1], [7]),
        lambda: fitted.sample(2, y=7),
    ):
        with pytest.raises(ValueError, match=r"unknown label 7: fit did not see it, the classes are \[0, 1, 2\]"):
            call()
    with pytest.raises(ValueError, match="no labelled row"):
        fitted.score(X, np.full(12, -1))
    with pytest.raises(ValueError, match=r"via must be one of .*, got 'vote'"):
        fitted.predict_proba(X, via="vote")


def test_what_a_model_cannot_do_names_one_that_can():
    own = classifier(model={"name": "supervised", "hidden": [4]}).fit(X, Y)
    for method, words in (
        ("transform", "no latents"),
        ("bound", "generative model"),
        ("analogies", "generative model"),
    ):
        with pytest.raises(ValueError, match=f"{words}.*'m2'"):
            getattr(own, method)(X)
    with pytest.raises(
        ValueError, match="sample needs a generative model: fit 'm1', 'm2' or any other than 'supervised'"
    ):
        own.sample(3)


def test_a_fit_that_fails_leaves_the_columns_as_they_were():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    fitted = classifier().fit(frame, Y)
    before = fitted.predict_proba(frame)
    with pytest.raises(ValueError, match="no labelled row"):
        fitted.fit(frame[["c", "b", "a"]], np.full(12, -1))
    np.testing.assert_array_equal(fitted.predict_proba(frame), before)
    assert fitted.feature_names_in_.tolist() == ["a", "b", "c"]


def test_masks_of_object_arrays_and_of_lists_of_rows_hide_cells():
    mask = X > 0.5
    expected = classifier().fit(np.where(mask, np.nan, X), Y).predict_proba(np.where(mask, np.nan, X))
    wrong = np.where(mask, 1e6, X)
    for hidden in (
        np.ma.array(wrong.astype(object), mask=mask),
        [np.ma.array(row, mask=own) for row, own in zip(wrong, mask, strict=True)],
    ):
        np.testing.assert_allclose(classifier().fit(hidden, Y).predict_proba(hidden), expected, rtol=1e-5)


def test_rows_to_predict_are_in_the_range_of_the_likelihood():
    inside = (X - X.min()) / (X.max() - X.min())
    fitted = classifier(likelihood="bernoulli").fit(inside, Y)
    for call in (fitted.predict, fitted.bound):
        with pytest.raises(ValueError, match=r"likelihood Bernoulli needs values in \[0, 1\], row \d+, column \d is"):
            call(255.0 * inside)


def test_lengths_that_differ_are_named(fitted):
    with pytest.raises(ValueError, match="y has 12 labels, and X has 5 rows"):
        fitted.score(X[:5], Y)
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[12, 3\]"):
        fitted.score(X, Y, np.ones(3))
    with pytest.raises(ValueError, match="n must be"):
        fitted.sample(-1)
    with pytest.raises(ValueError, match="n must be"):
        fitted.sample(2.5)
    with pytest.raises(ValueError, match="y has 2 classes for n=3 rows"):
        fitted.sample(3, y=[0, 1])
    with pytest.raises(ValueError, match="divide all weights by the largest"):
        classifier().fit(X, Y, np.full(12, 1e38))
    with pytest.raises(ValueError, match="Complex data not supported"):
        fitted.predict(X + 1j)


def test_nothing_is_saved_before_fit(tmp_path):
    with pytest.raises(NotFittedError):
        classifier().save(tmp_path / "model")


@pytest.mark.usefixtures("nothing_trains")
def test_hooks_of_batches_are_never_called_and_that_is_said():
    class Counts(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    with pytest.warns(UserWarning, match="Counts: on_train_batch_end is never called"), pytest.raises(AssertionError):
        classifier(callbacks=[Counts()]).fit(X, Y)
    with pytest.raises(ValueError, match="save_freq=1: give 'epoch'"):
        classifier(callbacks=[keras.callbacks.ModelCheckpoint("m.keras", save_freq=1)]).fit(X, Y)


@pytest.mark.usefixtures("nothing_trains")
@pytest.mark.filterwarnings("ignore:.*pull:FutureWarning")
def test_a_former_name_with_an_array():
    with pytest.raises(ValueError, match="bound_gradient_weight must be a number"):
        classifier(pull=np.array([0.5, 0.5])).fit(X, Y)
