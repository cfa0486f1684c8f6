"""When a trained classifier counts as collapsed, on answers that are made by hand and on fits."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

from ssvae import SSVAEClassifier, load
from ssvae.evaluation.collapse import common, describe, nearest

RNG = np.random.default_rng(0)
CLASSES = ["a", "b", "c"]
INDEX = np.repeat([0, 1, 2], 10)
UNIFORM = np.full(3, 1 / 3)


def answers(counts, confidence=0.9) -> np.ndarray:
    """Return q(y | x) that gives so many rows to each class, all with one confidence."""
    count = len(counts)
    index = np.repeat(np.arange(count), counts)
    return (1 - confidence) / (count - 1) + (confidence - (1 - confidence) / (count - 1)) * np.eye(count)[index]


def plain(*counts) -> list[np.ndarray]:
    """Return the answers of two plain classifiers that agree: so many rows to each class, in their order."""
    return [np.repeat(np.arange(len(counts)), counts)] * 2


LEARNT = answers((10, 10, 10))


@pytest.mark.parametrize(
    ("counts", "prior", "by_mean"),
    [
        ((100, 100, 100), UNIFORM, (90, 100, 110)),
        ((250, 40, 10), UNIFORM, (200, 60, 40)),  # the pool is so: a plain classifier finds it, too
        ((294, 4, 2), [0.97, 0.02, 0.01], (100, 100, 100)),  # p(y) has learnt that the pool is so
        ((150, 140, 10), UNIFORM, (130, 130, 40)),
    ],
)
def test_healthy(counts, prior, by_mean):
    assert describe(LEARNT, INDEX, answers(counts), np.array(prior), plain(*by_mean), CLASSES) is None


def test_a_class_that_takes_nearly_all_rows():
    found = describe(LEARNT, INDEX, answers((5, 290, 5), 0.7), UNIFORM, plain(100, 120, 80), CLASSES)
    assert found.startswith("class 'b' takes 96.5% of the unlabelled rows, where p(y) has 33%")
    assert "plain classifiers 40% and 40%" in found
    assert "regularizers=[]" in found


def test_a_class_that_takes_more_than_it_should_by_far():
    found = describe(LEARNT, INDEX, answers((60, 231, 9)), UNIFORM, plain(100, 80, 120), CLASSES)
    assert found.startswith("class 'b' takes 76.9%")


def test_a_class_that_loses_its_rows():
    found = describe(LEARNT, INDEX, answers((150, 150, 0)), UNIFORM, plain(100, 120, 80), CLASSES)
    assert found.startswith("class 'c' keeps 0.2% of the unlabelled rows")


def test_few_unlabelled_rows_say_nothing_of_shares():
    assert describe(LEARNT, INDEX, answers((0, 40, 0)), UNIFORM, plain(15, 15, 10), CLASSES) is None


def test_answers_at_chance():
    flat = answers((100, 100, 100), 0.36)
    found = describe(LEARNT, INDEX, flat, UNIFORM, plain(100, 100, 100), CLASSES)
    assert "at chance: their mean confidence is 36% with 3 classes" in found
    two = answers((100, 100), 0.6)  # of an uncertain classifier
    assert describe(answers((10, 10)), plain(10, 10)[0], two, np.full(2, 0.5), plain(100, 100), CLASSES) is None


def test_labels_that_are_not_learnt():
    one = answers((0, 30, 0))
    found = describe(one, INDEX, answers((100, 100, 100)), UNIFORM, plain(100, 100, 100), CLASSES)
    assert found.startswith("the labels were not learnt: 67% of the labelled rows are misclassified")
    mostly = np.repeat([0, 1, 2], [24, 3, 3])  # 20 % wrong, as the most frequent class alone is
    assert "20%" in describe(answers((30, 0, 0)), mostly, LEARNT, UNIFORM, plain(10, 10, 10), CLASSES)


def test_answers_of_their_own():
    turned = np.roll(answers((100, 100, 100)), 100, axis=0)  # every row in another class than by the plain classifiers
    found = describe(LEARNT, INDEX, turned, UNIFORM, plain(100, 100, 100), CLASSES)
    assert "nothing in common with those of plain classifiers" in found
    other, same = np.roll(plain(100, 100, 100)[0], 100), plain(100, 100, 100)[0]
    assert describe(LEARNT, INDEX, turned, UNIFORM, [same, other], CLASSES) is None  # one of them agrees


def test_common_by_hand():
    a, b = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 2, 2])
    chance = np.array([2, 2, 2]) / 6
    expected = np.mean((np.array([2 / 3, 1 / 2, 1.0]) - chance) / (1 - chance))
    assert common(a, b, 4) == pytest.approx(expected)
    assert common(a, a, 3) == pytest.approx(1.0)
    assert common(np.zeros(6, int), b, 3) == pytest.approx(0.0)


def test_labels_that_are_half_learnt_are_no_collapse():
    half = np.concatenate([LEARNT[:16], np.roll(LEARNT[16:], 1, axis=1)])  # 14 of 30 wrong
    flat = answers((100, 100, 100), 0.36)
    assert describe(half, INDEX, flat, UNIFORM, plain(100, 100, 100), CLASSES) is None


def test_nearest_is_scikit_learns():
    labelled, rows = RNG.normal(size=(30, 4)) + np.repeat(np.eye(3, 4), 10, axis=0), RNG.normal(size=(20, 4))
    by_mean, by_row = nearest(labelled, INDEX, rows)
    np.testing.assert_array_equal(by_mean, NearestCentroid().fit(labelled, INDEX).predict(rows))
    np.testing.assert_array_equal(by_row, KNeighborsClassifier(1).fit(labelled, INDEX).predict(rows))


def test_a_missing_cell_stands_at_the_mean_of_its_column():
    labelled, rows = RNG.normal(size=(30, 4)), RNG.normal(size=(20, 4))
    rows[:5, 2] = np.nan
    filled = rows.copy()
    filled[:5, 2] = np.concatenate([labelled[:, 2], rows[5:, 2]]).mean()
    for found, expected in zip(nearest(labelled, INDEX, rows), nearest(labelled, INDEX, filled), strict=True):
        np.testing.assert_array_equal(found, expected)


def fit(X, y, regularizers) -> SSVAEClassifier:
    model = {"name": "m2", "latent": 2, "hidden": [8]}
    return SSVAEClassifier(
        model, regularizers=regularizers, likelihood="gaussian", epochs=210, learning_rate=1e-2, random_state=0
    ).fit(X, y)


def test_fits(tmp_path):
    X, truth = make_blobs(240, centers=[[-2, 0], [2, 0]], random_state=0)
    y = np.where(np.arange(240) < 20, truth, -1)
    assert fit(X, y, ["virtual_adversarial"]).collapse_ is None
    with pytest.warns(UserWarning, match="the labels were not learnt"):
        collapsed = fit(X, y, [{"name": "virtual_adversarial", "radius": 5.0, "weight": 1000.0}])
    assert collapsed.collapse_.startswith("the labels were not learnt")
    collapsed.save(tmp_path / "model")
    assert load(tmp_path / "model").collapse_ == collapsed.collapse_
