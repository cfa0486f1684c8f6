"""Real files, where SSVAE_DATA_DIR has them."""

import os
from pathlib import Path

import numpy as np
import pytest

from ssvae.datasets.base import find_file
from ssvae.datasets.binarized_mnist import FILES as BINARIZED
from ssvae.datasets.load import load_dataset
from ssvae.datasets.mnist import FILES

FOLDER = os.environ.get("SSVAE_DATA_DIR")  # read here: the tests' bare machine takes the variable away


def here(*files):
    return bool(FOLDER) and Path(FOLDER).is_dir() and all(find_file(file, FOLDER) for file in files)


@pytest.mark.skipif(not here(*FILES.values()), reason="SSVAE_DATA_DIR names no folder with MNIST's four files")
def test_mnist_protocol():
    data = load_dataset("mnist", folder=FOLDER)
    assert data.x.shape == (50_000, 784)
    assert data.x_valid.shape == data.x_test.shape == (10_000, 784)
    assert data.y[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.y_test[:5].tolist() == [7, 2, 1, 0, 4]
    assert data.x.max() == 1
    assert np.bincount(data.y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.mark.skipif(not here(BINARIZED["packed"]), reason="SSVAE_DATA_DIR names no folder with binarised MNIST (.npz)")
def test_binarized_mnist():
    data = load_dataset("binarized_mnist", folder=FOLDER)
    assert data.x.shape == (50_000, 784)
    assert set(np.unique(data.x)) == {0, 1}
    assert np.bincount(data.y_test, minlength=10).sum() == 10_000
