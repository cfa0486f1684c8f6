"""A classifier that learns in no time, for tests of what stands around the real one."""

import json
import os
import signal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import ssvae

if "PYTEST_XDIST_WORKER" in os.environ:  # as many processes as cores: more threads would only wait for each other
    for pool in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(pool, "1")


def pytest_configure():
    """Answer Ctrl-C as Python does, for tests that send it: shells start background jobs with it ignored."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class NearestMean:
    """Class means of the labelled rows, with the face of SSVAEClassifier; medians for the model 'supervised'."""

    collapse_ = None

    def __init__(
        self,
        model="m1_m2",
        *,
        likelihood="auto",
        inference="amortized",
        alpha: float = 0.1,
        epochs="auto",
        unlabeled=-1,
        random_state=None,
        callbacks=None,
        verbose: int = 0,
        **_others,
    ):
        self.model, self.likelihood, self.inference = model, likelihood, inference
        self.alpha, self.epochs = alpha, epochs
        self.unlabeled, self.random_state, self.callbacks, self.verbose = unlabeled, random_state, callbacks, verbose

    def fit(self, X, y):
        labelled = y != self.unlabeled
        if not labelled.any():
            raise ValueError("no labelled row")
        for callback in self.callbacks or ():
            callback.stage_begin("m2", 3, 0)
        self.classes_ = np.unique(y[labelled])
        self.n_features_in_ = X.shape[1]
        alone = isinstance(self.model, dict) and self.model["name"] == "supervised"
        center = np.median if alone else np.mean
        self.means_ = np.stack([center(X[y == name], axis=0) for name in self.classes_])
        column = {"labelled_bound": -9.0, "unlabelled_bound": -9.5, "cross_entropy": 0.5, "seconds": 0.1}
        self.history_ = {"stage": ["m2"] * 3, "epoch": [0, 1, 2], "loss": [3.0, 2.0, 1.0]}
        self.history_ |= {name: [value] * 3 for name, value in column.items()}
        return self

    has_density = True
    likelihood_ = SimpleNamespace(in_order=False, binary=False, bits_levels=None)
    preprocessing_ = SimpleNamespace(identity=True)

    def predict_proba(self, X, via="auto"):
        distance = ((X[:, None] - self.means_) ** 2).sum(axis=2)
        weight = np.exp(-(distance - distance.min(axis=1, keepdims=True)))
        return weight / weight.sum(axis=1, keepdims=True)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def transform(self, X):
        return X[:, :5]

    def bound(self, X):
        return -10.0 - X.mean(axis=1)

    def reconstruct(self, X):
        return self.means_[self.predict_proba(X).argmax(axis=1)]

    def analogies(self, X, y=None):
        return np.broadcast_to(self.means_, (len(X), *self.means_.shape))

    def sample(self, n, y=None, random_state=None):
        return self.means_[np.searchsorted(self.classes_, y)]

    def save(self, folder):
        Path(folder).mkdir(parents=True)
        kept = {"classes": self.classes_.tolist(), "means": self.means_.tolist(), "history": self.history_}
        kept["features"] = self.n_features_in_
        (Path(folder) / "manifest.json").write_text(json.dumps(kept))


def load_nearest_mean(folder):
    kept = json.loads((Path(folder) / "manifest.json").read_text())
    classifier = NearestMean()
    classifier.classes_, classifier.means_ = np.array(kept["classes"]), np.array(kept["means"])
    classifier.history_, classifier.n_features_in_ = kept["history"], classifier.means_.shape[1]
    return classifier


@pytest.fixture(autouse=True)
def own_random_numbers(request, monkeypatch):
    """Give each test the same numbers of its module's RNG, whichever tests ran before it in this process."""
    if hasattr(request.module, "RNG"):
        monkeypatch.setattr(request.module, "RNG", np.random.default_rng(1))


@pytest.fixture
def quick_core(monkeypatch):
    """Put NearestMean in the place of SSVAEClassifier, and return it; shipped settings are not for its constructor."""
    monkeypatch.setattr("ssvae.cli.options.shipped_for", lambda found: [])
    monkeypatch.setattr("ssvae.experiments.cross_validation.classifiers", lambda index, seed: {})
    monkeypatch.setitem(vars(ssvae), "SSVAEClassifier", NearestMean)  # setattr would import the real one first
    monkeypatch.setitem(vars(ssvae), "load", load_nearest_mean)
    return NearestMean
