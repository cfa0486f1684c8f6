"""The safe mode: what predicts, what stays the generative model's, and what its folds may not see."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import ssvae
from ssvae import SSVAEClassifier
from ssvae.averaging import trees
from ssvae.estimator import safe_mode
from ssvae.estimator.components import Components
from ssvae.likelihoods import LIKELIHOODS
from ssvae.models import MODELS
from ssvae.preprocessing import PREPROCESSING
from ssvae.readers.spilled_rows import SpilledRows
from ssvae.training.schedule import TrainingSettings

RNG = np.random.default_rng(0)
Y = np.arange(80) % 2
TABLE = pd.DataFrame(
    {
        "a": np.where(RNG.random(80) < 0.2, np.nan, Y + RNG.normal(0, 0.5, 80)),
        "b": 100 * RNG.normal(size=80),
        "c": np.where(RNG.random(80) < 0.7, np.array(["left", "right"])[Y], "none"),
    }
)
KNOWN = np.where(np.arange(80) < 24, np.array(["no", "yes"], object)[Y], -1)
SMALL = {"hidden": [8], "latent": 3}
MODEL = {"name": "m1_m2", **SMALL, "m1": SMALL}
SETTINGS = {"epochs": 6, "random_state": 0, "regularizers": ()}


@pytest.fixture(scope="module", autouse=True)
def small_forests():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trees, "TREES", 20)
        yield


@pytest.fixture(scope="module")
def fitted():
    return SSVAEClassifier(MODEL, safe=True, **SETTINGS).fit(TABLE, KNOWN)


def test_the_average_predicts_and_the_model_stays_the_same(fitted):
    plain = SSVAEClassifier(MODEL, **SETTINGS).fit(TABLE, KNOWN)
    average, encoder = (fitted.predict_proba(TABLE, via=via) for via in ("auto", "encoder"))
    np.testing.assert_array_equal(encoder, plain.predict_proba(TABLE))
    np.testing.assert_array_equal(fitted.bound(TABLE), plain.bound(TABLE))
    np.testing.assert_array_equal(average, fitted.predict_proba(TABLE, via="average"))
    assert np.abs(average - encoder).max() > 0.05
    np.testing.assert_allclose(average.sum(axis=1), 1.0)
    assert (fitted.predict(TABLE) == fitted.classes_[average.argmax(axis=1)]).all()
    assert fitted.score(TABLE[24:], np.array(["no", "yes"])[Y[24:]]) > 0.7  # six epochs teach the model nothing
    alone = [fitted.predict_proba(TABLE[at : at + 1])[0] for at in range(3)]
    np.testing.assert_allclose(alone, average[:3], atol=1e-6)
    assert plain.safe_report_ == {}
    with pytest.raises(ValueError, match="via='average' needs the safe mode: fit with safe=True"):
        plain.predict_proba(TABLE, via="average")


def test_every_member_is_in_the_report(fitted):
    members = fitted.safe_report_["members"]
    assert {name.partition("/")[0] for name in members} == {"columns", "latents", "encoder"}
    assert fitted.safe_report_["rows"] == 24
    assert all(own["error_low"] <= own["error"] <= own["error_high"] for own in members.values())
    assert sum(own["weight"] for own in members.values()) == pytest.approx(1.0)
    assert members["encoder"]["uses_unlabelled"]
    assert members["latents/logistic_regression"]["uses_unlabelled"]
    assert not members["columns/random_forest"]["uses_unlabelled"]


def test_it_is_saved_and_pickled_whole(fitted, tmp_path):
    fitted.save(tmp_path / "saved")
    truth = fitted.predict_proba(TABLE)
    loaded = ssvae.load(tmp_path / "saved")
    assert loaded.safe
    assert loaded.safe_report_ == fitted.safe_report_
    np.testing.assert_array_equal(loaded.predict_proba(TABLE), truth)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(TABLE), truth)


def test_a_fold_does_not_see_its_labels_and_keeps_m1(monkeypatch):
    """Each labelled row is hidden once, in the fit that predicts it; M1's weights are those of the whole fit."""
    fits = []

    def spy(parts, rows, index, weight, settings, done=None):
        fits.append((index.copy(), settings.training.epochs, settings.callbacks, done))
        return fit_stages(parts, rows, index, weight, settings, done or {})

    fit_stages = safe_mode.fit_stages
    monkeypatch.setattr(safe_mode, "fit_stages", spy)
    classifier = SSVAEClassifier(MODEL, safe=True, **SETTINGS).fit(TABLE, KNOWN)
    first = classifier.model_.first.get_weights()
    assert len(fits) == 5
    hidden = np.array([index[:24] for index, *_ in fits]) == -1
    assert (hidden.sum(axis=0) == 1).all()
    for index, epochs, callbacks, done in fits:
        assert (index[:24] == np.where(index[:24] == -1, -1, Y[:24])).all()
        assert (index[24:] == -1).all()
        assert epochs == {"m1": 2, "m2": 2}
        assert callbacks == ()
        assert list(done) == ["m1"]
        assert all(np.array_equal(kept, own) for kept, own in zip(done["m1"], first, strict=True))


@pytest.mark.parametrize(("model", "names"), [("m1", {"columns", "latents"}), ("supervised", {"columns", "encoder"})])
def test_models_without_latents_or_classes_have_the_members_that_they_can(model, names):
    settings = {"model": {"name": model, "hidden": [8]}, "epochs": 2, "random_state": 0, "regularizers": ()}
    found = SSVAEClassifier(**settings, safe=True).fit(TABLE, KNOWN)
    assert {name.partition("/")[0] for name in found.safe_report_["members"]} == names
    assert found.predict_proba(TABLE).shape == (80, 2)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"labelled": 1001}, False),
        ({"epochs": 3}, False),
        ({"preprocessing": "identity"}, False),
        ({"model": {"name": "supervised"}}, False),
        ({"on_disk": True}, False),
        ({"safe": True, "epochs": 3}, True),
        ({"safe": False}, False),
    ],
    ids=str,
)
def test_auto_is_for_tables_with_few_labels_and_the_default_epochs(changed, expected):
    given = {"safe": "auto", "labelled": 1000, "epochs": "auto", "preprocessing": "standardize", "on_disk": False}
    given |= {"model": {"name": "m2", **SMALL}, **changed}
    rows, likelihood = np.zeros((1200, 2), np.float32), LIKELIHOODS.build("gaussian")
    model = MODELS.build(given["model"], features=2, classes=2, likelihood=likelihood)
    parts = Components(likelihood, PREPROCESSING.build(given["preprocessing"]), model, None)
    index, training = np.where(np.arange(1200) < given["labelled"], 0, -1), TrainingSettings(epochs=given["epochs"])
    read = SpilledRows(iter([rows])) if given["on_disk"] else rows
    assert safe_mode.wanted(given["safe"], parts, read, index, training) is expected


def test_sparse_rows_are_refused_before_training():
    with pytest.raises(ValueError, match="safe=True is for dense tables, and X is sparse: give safe=False"):
        SSVAEClassifier("m2", likelihood="bernoulli", safe=True).fit(sparse.csr_array(np.eye(6)), [0, 1, 0, 1, -1, -1])
