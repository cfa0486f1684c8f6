"""scikit-learn's own checks of an estimator."""

import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from ssvae import SSVAEClassifier

SGD = {
    f"check_sample_weight_equivalence_on_{kind}_data": "minibatches: a weight of 2 is not two rows"
    for kind in ("dense", "sparse")
}
BY_NAME = {"check_dataframe_column_names_consistency": "columns in another order are taken by their names"}
MARKER = {"check_classifiers_classes": "its classes are -1 and 1, and -1 means unlabelled"}


def exceptions(estimator) -> dict[str, str]:
    return {**SGD, **BY_NAME} if estimator.unlabeled is None else {**SGD, **BY_NAME, **MARKER}


# The first one trains an M2 with all regularizers as its second stage; the other one is M2 on rows, and nothing beside.
@pytest.mark.slow
@parametrize_with_checks(
    [SSVAEClassifier(random_state=0), SSVAEClassifier("m2", unlabeled=None, regularizers=(), random_state=0)],
    expected_failed_checks=exceptions,
)
def test_sklearn(estimator, check):
    if check.func.__name__ != "check_classifiers_train":  # it alone asks for good predictions
        estimator = clone(estimator).set_params(epochs=2)
    check(estimator)
