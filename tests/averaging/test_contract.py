"""Contract tests of the members: probabilities of every class, the same from arrays; and each against its truth."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from scipy.stats import multivariate_normal
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from ssvae.averaging import MEMBERS, trees
from ssvae.averaging.base import AllRows, TrainingRows

RNG = np.random.default_rng(0)
CENTRES = np.array([[1.5, 0.0, 0.0], [-1.5, 0.5, 0.0], [0.0, -1.5, 1.0]])


def rows(classes: int, labelled: int = 24, columns: int = 3) -> TrainingRows:
    y = np.arange(120) % classes
    x = (CENTRES[y] + RNG.normal(0, 0.8, (120, 3)))[:, :columns]
    return TrainingRows(x[:labelled], y[:labelled], AllRows(x), classes, seed=3)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("name", MEMBERS.names())
def test_members(name, columns, classes):
    own = rows(classes, columns=columns)
    member = MEMBERS.get(name)().fit(own)
    found = member.probabilities(own.every.x)
    assert found.shape == (120, classes)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-6)
    assert (found[:24].argmax(axis=1) == own.index).mean() > 1 / classes
    again = type(member).from_arrays(member.arrays())
    np.testing.assert_array_equal(again.probabilities(own.every.x), found)
    with pytest.raises(ValueError, match="is restored from arrays"):
        type(member).from_arrays({"other": np.ones(2)})


@pytest.mark.parametrize("name", MEMBERS.names())
def test_only_those_that_say_so_use_rows_without_label(name):
    own = rows(3)
    fewer = TrainingRows(own.x, own.index, AllRows(own.every.x[24:] + [2.0, 0.0, 0.0]), 3, own.seed)
    shifted = AllRows(own.every.x)
    shifted.variance = fewer.every.variance  # the scale of the kernel
    first = MEMBERS.get(name)().fit(TrainingRows(own.x, own.index, shifted, 3, own.seed))
    same = np.array_equal(first.probabilities(own.x), MEMBERS.get(name)().fit(fewer).probabilities(own.x))
    assert same == (not MEMBERS.get(name).uses_unlabelled)


@pytest.mark.parametrize(
    ("name", "kind"), [("random_forest", RandomForestClassifier), ("extra_trees", ExtraTreesClassifier)]
)
def test_forests_are_those_of_scikit_learn(name, kind):
    own = rows(3)
    truth = kind(trees.TREES, random_state=own.seed).fit(own.x, own.index).predict_proba(own.every.x)
    np.testing.assert_allclose(MEMBERS.get(name)().fit(own).probabilities(own.every.x), truth, atol=1e-6)


def test_a_forest_that_would_never_end_is_refused():
    arrays = MEMBERS.get("extra_trees")().fit(rows(2)).arrays()
    arrays["left"] = arrays["left"].copy()
    arrays["left"][1] = 0
    with pytest.raises(ValueError, match="before their parents"):
        MEMBERS.get("extra_trees").from_arrays(arrays)


@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_regression_is_that_of_scikit_learn(classes):
    own = rows(classes)
    truth = LogisticRegression(max_iter=1000).fit(own.x, own.index).predict_proba(own.every.x)
    np.testing.assert_allclose(
        MEMBERS.get("logistic_regression")().fit(own).probabilities(own.every.x), truth, atol=1e-9
    )


def test_kernel_logistic_regression_minimises_its_penalised_loss():
    """In the weights of the kernels: Σ −log p + ½ tr(αᵀKα) / 10, by another optimiser."""
    own = rows(3, labelled=12)
    distances = ((own.x[:, None] - own.x[None]) ** 2).sum(axis=2)
    kernel = np.exp(-distances / (3 * own.every.x.var()))

    def loss(parameters):
        alpha, intercept = parameters[:-3].reshape(12, 3), parameters[-3:]
        logits = log_softmax(kernel @ alpha + intercept, axis=1)
        return -logits[np.arange(12), own.index].sum() + 0.5 * np.trace(alpha.T @ kernel @ alpha) / 10.0

    best = minimize(loss, np.zeros(39), method="L-BFGS-B", options={"maxiter": 2000, "maxfun": 200_000}).x
    truth = softmax(kernel @ best[:-3].reshape(12, 3) + best[-3:], axis=1)
    np.testing.assert_allclose(
        MEMBERS.get("kernel_logistic_regression")().fit(own).probabilities(own.x), truth, atol=5e-3
    )


def test_the_mixture_of_gaussians_finds_the_true_posterior_with_the_help_of_rows_without_label():
    """Four labels in two classes that lie side by side across the longer axis of their common covariance."""
    rng, covariance, y = np.random.default_rng(0), np.array([[1.0, 0.8], [0.8, 1.0]]), np.arange(2000) % 2
    means = np.array([[0.7, -0.7], [-0.7, 0.7]])
    x = means[y] + rng.multivariate_normal([0, 0], covariance, 2000)
    density = np.stack([multivariate_normal(mean, covariance).pdf(x) for mean in means], axis=1)
    truth = density / density.sum(axis=1, keepdims=True)
    found, alone = (
        MEMBERS.get("gaussian_mixture")().fit(TrainingRows(x[:4], y[:4], AllRows(every), 2, 0)).probabilities(x)
        for every in (x, x[:4])
    )
    assert np.abs(found - truth).mean() < 0.02
    assert np.abs(alone - truth).mean() > 0.1
