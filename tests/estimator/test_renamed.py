"""The old name of an argument: accepted from Python, YAML and --set, with a FutureWarning."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

from ssvae import SSVAEClassifier
from ssvae.estimator import arguments
from ssvae.gradients.enumeration import Enumeration
from ssvae.gradients.pathwise import Pathwise
from ssvae.inference.amortized import Amortized
from ssvae.objective import Objective
from ssvae.settings.files import assignment, load, read
from ssvae.settings.schema import resolve

X = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
Y = np.array([0, 1, 2] + [-1] * 9)
OLD = "pull is deprecated and will be removed two minor versions later: use bound_gradient_weight"


M2 = {"name": "m2", "latent": 2, "hidden": [4]}
NETWORK = {"name": "supervised", "hidden": [4]}


def classifier(model=M2, **settings) -> SSVAEClassifier:
    return SSVAEClassifier(model, epochs=1, batch_size=6, regularizers=(), random_state=0, **settings)


def test_the_old_name_is_a_future_warning_and_does_the_same():
    new = classifier(bound_gradient_weight=0.5).fit(X, Y)
    with pytest.warns(FutureWarning, match=OLD):
        old = classifier(pull=0.5).fit(X, Y)
    assert old.objective_ == new.objective_
    assert old.objective_.bound_gradient_weight == 0.5
    np.testing.assert_array_equal(old.predict_proba(X), new.predict_proba(X))
    assert arguments.stored(old) == arguments.stored(new)
    assert "pull" not in arguments.stored(old)


def test_scikit_learn_sees_an_argument_like_any_other():
    old = classifier(pull=0.5)
    assert clone(old).get_params(deep=False)["pull"] == 0.5
    assert classifier().get_params(deep=False)["pull"] == "deprecated"
    assert classifier().set_params(pull=0.5).pull == 0.5
    with pytest.raises(ValueError, match="bound_gradient_weight must be in"), pytest.warns(FutureWarning, match=OLD):
        classifier(pull=2.0).fit(X, Y)


def test_a_saved_classifier_has_the_new_name(tmp_path):
    with pytest.warns(FutureWarning, match=OLD):
        classifier(pull=0.5).fit(X, Y).save(tmp_path / "model")
    from ssvae import load

    loaded = load(tmp_path / "model")
    assert (loaded.bound_gradient_weight, loaded.pull) == (0.5, "deprecated")


def test_the_objective_takes_the_old_name():
    with pytest.warns(FutureWarning, match=OLD):
        old = Objective(Amortized(), Pathwise(), Enumeration(), pull=0.5)
    assert old == Objective(Amortized(), Pathwise(), Enumeration(), bound_gradient_weight=0.5)


def test_both_names_are_refused():
    with pytest.raises(ValueError, match="pull is the old name of bound_gradient_weight: give one"):
        classifier(pull=1.0, bound_gradient_weight=0.5).fit(X, Y)
    with pytest.raises(ValueError, match="pull is the old name of bound_gradient_weight: give one"):
        Objective(Amortized(), Pathwise(), Enumeration(), bound_gradient_weight=0.5, pull=1.0)


@pytest.mark.parametrize(
    "use",
    [
        lambda: classifier(pull=0.5).fit(X, Y),
        lambda: Objective(Amortized(), Pathwise(), Enumeration(), pull=0.5),
        lambda: resolve(read("classifier: {pull: 0.5}", "my.yaml")),
    ],
)
def test_the_warning_is_at_the_line_of_the_user(use):
    with pytest.warns(FutureWarning, match="pull is deprecated") as seen:
        use()
    assert [Path(w.filename) for w in seen if "is deprecated and" in str(w.message)] == [Path(__file__)]


def test_settings_take_the_old_name_and_keep_the_new_one():
    with pytest.warns(FutureWarning, match=r"my.yaml: classifier.pull is deprecated .*: use bound_gradient_weight"):
        config = resolve(read("classifier: {pull: 0.5}", "my.yaml"))
    assert config["classifier"]["bound_gradient_weight"] == 0.5
    assert "pull" not in config["classifier"]
    with pytest.warns(FutureWarning, match="--set classifier.pull=0.7"):
        config = resolve(load("mnist_m2"), assignment("classifier.pull=0.7"))
    assert config["classifier"]["bound_gradient_weight"] == 0.7


def test_settings_under_both_names_are_refused():
    both = read("classifier: {pull: 0.5, bound_gradient_weight: 0.5}", "my.yaml")
    with pytest.raises(
        ValueError, match=r"my.yaml: classifier.pull is the old name of classifier.bound_gradient_weight"
    ):
        resolve(both)


def test_a_wrong_value_under_the_old_name_is_found_in_its_line():
    text = "classifier:\n  alpha: 0.2\n  pull: high\n"
    message = r"my.yaml, line 3: classifier.bound_gradient_weight must be a number"
    with pytest.raises(ValueError, match=message), pytest.warns(FutureWarning):
        resolve(read(text, "my.yaml"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"clip_norm": 0.0}, "clip_norm must be > 0"),
        ({"clip_norm": "none"}, "clip_norm must be a number"),
        ({"weight_prior": -1.0}, "weight_prior must be >= 0"),
    ],
)
def test_the_norm_of_a_step_and_the_prior_of_the_weights(settings, message):
    with pytest.raises(ValueError, match=message):
        classifier(**settings).fit(X, Y)


def test_the_norm_of_a_step_and_the_prior_of_the_weights_reach_the_training():
    plain = classifier(NETWORK).fit(X, Y)
    clipped, free = classifier(NETWORK, clip_norm=1e-3).fit(X, Y), classifier(NETWORK, weight_prior=0.0).fit(X, Y)
    weights = [np.concatenate([w.ravel() for w in c.model_.get_weights()]) for c in (plain, clipped, free)]
    assert free.objective_.weight_prior == 0.0
    assert all(np.abs(other - weights[0]).max() > 0.0 for other in weights[1:])


def test_components_in_saved_arguments_are_read_without_a_warning():
    written = {"pull": 0.5, "regularizers": ["mutual_information", {"name": "neighbours", "peers": 5}]}
    found = arguments.read(written)
    assert found["bound_gradient_weight"] == 0.5
    assert found["regularizers"] == ["mutual_information", {"name": "neighbours", "neighbours": 5}]
