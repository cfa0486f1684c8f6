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


SMALL = {"hidden": [8], "latent": 2}
DEFAULT = SSVAEClassifier(random_state=0)
ALL_LABELLED = SSVAEClassifier({"name": "m2", **SMALL}, unlabeled=None, random_state=0)


@pytest.mark.slow
@parametrize_with_checks([DEFAULT, ALL_LABELLED], expected_failed_checks=exceptions)
def test_sklearn(estimator, check):
    """Default networks are trained to the end where predictions must be good, elsewhere small ones for two epochs."""
    name = check.func.__name__
    if name == "check_classifiers_train":
        estimator = clone(estimator).set_params(safe=False)  # which has tests of its own
    else:
        small = {"name": "m1_m2", **SMALL, "m1": SMALL} if estimator.model == "m1_m2" else estimator.model
        estimator = clone(estimator).set_params(model=small, epochs=2)
        if "fit2d_1" not in name:  # of one row and one column regularizers make something, too
            estimator.set_params(regularizers=())
    check(estimator)
