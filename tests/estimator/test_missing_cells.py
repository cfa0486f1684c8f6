"""Tables with missing cells and columns of several kinds, from fit to imputation."""

import warnings

import numpy as np
import pandas as pd
import pytest

import ssvae
from ssvae import SSVAEClassifier
from ssvae.estimator import column_kinds
from ssvae.estimator.components import Components
from ssvae.estimator.data_frames import as_numbers
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.likelihoods.gaussian import Gaussian
from ssvae.likelihoods.mixed import Mixed

RNG = np.random.default_rng(0)
N = 120
CLASS = np.arange(N) % 2
FRAME = pd.DataFrame(
    {
        "width": RNG.normal(3 * CLASS, 1.0),
        "colour": np.where(RNG.uniform(size=N) < 0.9, np.where(CLASS, "red", "blue"), "green"),
        "old": (RNG.uniform(size=N) < 0.3).astype(float),
        "height": RNG.normal(100, 7, N),
    }
)
GAPS = FRAME.astype(object).where(RNG.uniform(size=FRAME.shape) > 0.2, None)
GAPS = GAPS.assign(**{name: GAPS[name].astype(float) for name in ("width", "old", "height")})
Y = np.where(np.arange(N) < 30, CLASS, -1)


def classifier(**settings):
    model = {"name": "m2", "latent": 2, "hidden": [12]}
    chosen = {"model": model, "epochs": 60, "engine": "graph", "regularizers": [], "random_state": 0, **settings}
    return SSVAEClassifier(**chosen)


@pytest.fixture(scope="module")
def fitted():
    return classifier().fit(GAPS, Y)


def test_columns_have_the_likelihood_of_their_kind(fitted):
    kinds = ("gaussian", *("categorical",) * 3, "bernoulli", "gaussian")
    assert fitted.likelihood_ == Mixed(kinds, (3,), gaps=(0, 4, 5))
    assert list(fitted.feature_names_in_) == ["width", "colour=blue", "colour=green", "colour=red", "old", "height"]


def test_rows_with_gaps_are_classified(fitted):
    rest = np.arange(30, N)
    assert (fitted.predict(GAPS)[rest] == CLASS[rest]).mean() > 0.85
    assert np.isfinite(fitted.bound(GAPS)).all()
    nothing = GAPS.iloc[:1].assign(width=np.nan, colour=None, old=np.nan, height=np.nan)
    assert fitted.bound(nothing)[0] == pytest.approx(0.0, abs=2.0)  # of a row without cells, log p(x) is 0
    assert fitted.bound(nothing)[0] <= 0


def test_imputed_cells_and_no_others_change(fitted):
    filled, gone = fitted.impute(GAPS), GAPS["width"].isna()
    assert not filled.isna().any(axis=None)
    assert list(filled.dtypes) == list(GAPS.dtypes)
    pd.testing.assert_frame_equal(filled.where(GAPS.notna()), GAPS.where(GAPS.notna()))
    assert set(filled["colour"]) <= {"red", "green", "blue"}
    assert (filled["colour"] == FRAME["colour"])[GAPS["colour"].isna()].mean() > 0.6
    by_model, by_mean = (
        np.square(values - FRAME["width"])[gone].mean() for values in (filled["width"], GAPS["width"].mean())
    )
    assert by_model < 0.8 * by_mean  # the colour tells the class, and the class the width


def test_it_is_saved_with_its_gaps(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    there = ssvae.load(tmp_path / "model")
    np.testing.assert_array_equal(there.predict_proba(GAPS), fitted.predict_proba(GAPS))
    pd.testing.assert_frame_equal(there.impute(GAPS), fitted.impute(GAPS))
    encoded = as_numbers(GAPS, list(there.feature_names_in_), there.columns_)
    del there.feature_names_in_
    np.testing.assert_allclose(there.impute(encoded.to_numpy())[:, 0], fitted.impute(GAPS)["width"])


def test_gaps_that_fit_did_not_see_are_said():
    own = classifier(epochs=1).fit(GAPS.assign(height=FRAME["height"]), Y)
    with pytest.warns(UserWarning, match=r"columns \['height'\] have missing cells, and had none in fit"):
        own.predict(GAPS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        own.predict(GAPS.assign(height=FRAME["height"]))


def test_grey_levels_are_known_by_their_levels_and_not_by_their_range():
    levels, real = RNG.integers(0, 256, (50, 6)) / 255, RNG.uniform(size=(50, 6))
    assert column_kinds.likelihood(levels.astype(np.float32), (0.0, 1.0), None) == "bernoulli"
    assert column_kinds.likelihood((levels > 0.5).astype(np.float32), (0.0, 1.0), None) == "bernoulli"
    assert column_kinds.likelihood(real, (0.0, 1.0), None) == "gaussian"
    late = np.concatenate([np.round(real), np.round(real), real])  # whose first rows are 0 and 1 alone
    assert column_kinds.likelihood(late, (0.0, 1.0), None) == "gaussian"
    for x, kind in ((levels, Bernoulli), (real, Gaussian)):
        assert isinstance(Components.build(classifier(), x, (0.0, 1.0), 2, ssvae.load)[0].likelihood, kind)


@pytest.mark.parametrize(
    ("names", "cells", "sizes"),
    [
        (["a=p", "a=q", "b"], [[1, 0, 0.5], [0, 1, 1.5]], [2]),
        (["a=p", "a=q", "b"], [[1, 1, 0.5], [0, 1, 1.5]], []),  # two values in one row
        (["a=p", "b=q", "c"], [[1, 0, 0.5], [0, 1, 1.5]], []),  # one value each: a column that says nothing
        (["a=p", "a=q", "b"], [[2, 0, 0.5], [0, 1, 1.5]], []),
        (["a=p", "a=q", "b=p", "b=q"], [[1, 0, 0, 1], [0, 0, 1, 0]], [2, 2]),
    ],
)
def test_columns_called_alike_are_one_variable_if_they_are_one_hot(names, cells, sizes):
    found = column_kinds.likelihood(np.array(cells), (0.0, float(np.max(cells))), names)
    assert found == "gaussian" or found["sizes"] == sizes
