"""Fits in other processes: where TensorFlow would hang it is said, and elsewhere results are the same."""

import multiprocessing
import os
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor
from sklearn.model_selection import GridSearchCV

from ssvae import SSVAEClassifier

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(mean, 0.3, (20, 3)) for mean in (-1, 1)]).astype(np.float32)
Y = np.where(np.arange(40) % 4 == 0, np.repeat([0, 1], 20), -1)
LONGEST = 400  # seconds of four small fits, of which two processes that import TensorFlow take most
LABELS = np.repeat([0, 1], 20)


def classifier() -> SSVAEClassifier:
    model = {"name": "m2", "latent": 2, "hidden": [4]}
    return SSVAEClassifier(model, epochs=2, batch_size=10, regularizers=(), engine="graph", random_state=0)


def _probabilities(fitted):
    return fitted.predict_proba(X), classifier().fit(X, Y).predict_proba(X)


@pytest.fixture(scope="module")
def fitted():
    return classifier().fit(X, Y)


def forked(work) -> str:
    """Return what a forked process says of its work."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads: this is what is looked at
        child = os.fork()
    if not child:
        try:
            work()
            os.write(write, b"done")
        except RuntimeError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    said = os.read(read, 10_000).decode()
    os.waitpid(child, 0)
    return said


def test_a_process_forked_after_tensorflow_ran_refuses_instead_of_waiting_forever(fitted):
    for call in (lambda: classifier().fit(X, Y), lambda: fitted.predict(X), lambda: fitted.transform(X)):
        said = forked(call)
        assert "was forked after TensorFlow had run in its parent" in said
        assert 'multiprocessing.get_context("spawn")' in said
    fitted.predict(X)  # and here nothing has changed


@pytest.mark.slow
def test_spawned_processes_give_the_same(fitted):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        there = pool.apply(_probabilities, (fitted,))
    for found in there:
        np.testing.assert_array_equal(found, fitted.predict_proba(X))


@pytest.mark.slow
def test_a_grid_search_on_two_processes_ends_with_the_scores_of_one():
    def search(jobs: int) -> np.ndarray:
        grid = GridSearchCV(classifier(), {"alpha": [0.1, 10.0]}, n_jobs=jobs, cv=2, refit=False, error_score="raise")
        return grid.fit(X, LABELS).cv_results_["mean_test_score"]

    with ThreadPoolExecutor(1) as thread:
        together = thread.submit(search, 2)
        try:
            np.testing.assert_array_equal(together.result(LONGEST), search(1))
        except TimeoutError:
            get_reusable_executor().shutdown(kill_workers=True)  # which ends the thread, too
            raise
