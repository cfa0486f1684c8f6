"""How often fit passes over X before the first step, and that it hashes rows only where their hash is compared."""

import hashlib

import numpy as np
import pytest

from ssvae import SSVAEClassifier
from ssvae.likelihoods.gaussian import Gaussian
from ssvae.preprocessing.standardize import Standardize
from ssvae.readers.base import RowSource
from ssvae.training.callbacks import Callback
from ssvae.training.checkpoint import Checkpoint

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (500, 6)) / np.float32(255)
Y = np.where(np.arange(500) < 20, np.arange(500) % 2, -1)


class Counted(RowSource):
    """Rows in memory that count how often each is read."""

    name = "counted"

    def __init__(self, x):
        self.x, self.shape, self.reads = x, x.shape, np.zeros(len(x), int)

    def take(self, rows):
        np.add.at(self.reads, rows, 1)
        return self.x[rows]


class CountedStandardize(Standardize):
    """Counts the rows that it transforms."""

    rows = 0

    def transform(self, x):
        self.rows += len(x)
        return super().transform(x)


class Begun(Exception):
    pass


class Stop(Callback):
    """Ends the fit where the first stage begins."""

    def stage_begin(self, stage, epochs, done):
        raise Begun


def begin(x, callbacks=(), **settings):
    with pytest.raises(Begun):
        SSVAEClassifier("m2", callbacks=[*callbacks, Stop()], random_state=0, **settings).fit(x, Y)


@pytest.mark.parametrize(
    ("settings", "passes"),
    [
        ({"regularizers": []}, 1),  # finite, and in [0, 1]
        ({"likelihood": "gaussian", "regularizers": []}, 3),  # finite; means; standard deviations
        ({"likelihood": "gaussian", "preprocessing": "identity", "regularizers": []}, 1),
        ({}, 2),  # finite; into memory, because regularizers compare all rows
        ({"likelihood": "gaussian"}, 2),
    ],
)
def test_rows_on_disk_are_read_as_often_as_needed(settings, passes):
    source = Counted(X)
    begin(source, **settings)
    assert source.reads.min() == source.reads[100:].max() == passes


def test_a_checkpoint_reads_them_once_more(tmp_path):
    source = Counted(X)
    begin(source, [Checkpoint(tmp_path)], regularizers=[])
    assert source.reads.min() == source.reads[100:].max() == 2


def test_rows_in_memory_are_transformed_once():
    preprocessing = CountedStandardize()
    begin(X, preprocessing=preprocessing, likelihood=Gaussian(), regularizers=[])
    assert preprocessing.rows == len(X)


def test_rows_are_hashed_where_a_checkpoint_compares_them(tmp_path, monkeypatch):
    hashed, sha256 = [], hashlib.sha256
    monkeypatch.setattr("ssvae.estimator.fitting.hashlib.sha256", lambda *data: hashed.append(1) or sha256(*data))
    begin(X, regularizers=[])
    assert not hashed
    begin(X, [Checkpoint(tmp_path)], regularizers=[])
    assert hashed
