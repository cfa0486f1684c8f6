"""What every data set of the table keeps to, on small made files of its format."""

import numpy as np
import pytest

from ssvae.datasets import DATASETS
from ssvae.datasets.load import about, load_dataset
from ssvae.readers.sparse_table import SparseTable

COUNTS = ("newsgroups", "rcv1")  # of words, which are no grey levels: named columns, whole numbers >= 0
FOLDERS = {"newsgroups": "20news"}  # where the files' folder has another name than the data set: its authors' one


@pytest.mark.parametrize("name", DATASETS.names())
class TestContract:
    def test_x_is_float32_in_the_unit_interval_or_counts(self, name, made):
        folder, options = made(name)
        data = load_dataset(name, folder=folder, **options)
        features = options.get("vocabulary", about(name).features)
        for x in (data.x, data.x_valid, data.x_test):
            assert x.dtype == np.float32
            assert x.ndim == 2
            assert x.shape[1] == features
            assert np.isfinite(x).all()
            assert 0 <= x.min() < x.max()
            assert (x == np.round(x)).all() if name in COUNTS else x.max() <= 1
        if name in COUNTS:
            assert len(set(data.feature_names)) == features
            assert (data.x.sum(axis=1) > 0).all()
        else:
            assert np.prod(data.image_shape) == features

    def test_every_row_has_an_integer_label(self, name, made):
        folder, options = made(name)
        data = load_dataset(name, folder=folder, **options)
        for x, y in ((data.x, data.y), (data.x_valid, data.y_valid), (data.x_test, data.y_test)):
            assert y.dtype == np.int64
            assert y.shape == (len(x),)
            assert y.min() >= -1
            assert y.max() < about(name).classes
        assert data.name == name

    def test_the_same_call_gives_the_same_rows(self, name, made):
        folder, options = made(name)
        first, second = (load_dataset(name, folder=folder, **options) for _ in range(2))
        for a, b in zip(first, second, strict=True):
            assert np.array_equal(a, b) if isinstance(a, np.ndarray | SparseTable) else a == b

    def test_files_are_named_checked_and_addressed(self, name, made):
        del made
        for file in about(name).files:
            kind, _, digits = file.checksum.partition(":")
            assert len(digits) == {"md5": 32, "sha256": 64, "git-sha1": 40, "": 0}[kind]
            assert file.dataset == FOLDERS.get(name, name)
            assert file.megabytes > 0
            assert all(address.startswith("http") for address in file.addresses)
            assert all(address.endswith(file.name) or address in file.mirrors for address in file.addresses)
            assert file.addresses

    def test_an_unknown_option_is_refused_by_name(self, name, made):
        del made
        with pytest.raises(ValueError, match=r"unknown option of data set .* 'polo'"):
            load_dataset(name, polo=1)


def test_rows_keep_their_order_and_scale(made, formats, place):
    del made
    images = np.arange(4 * 784, dtype=np.uint64).reshape(4, 28, 28).astype(np.uint8)
    labels = np.array([3, 1, 4, 1], np.uint8)
    files = {"x": formats["idx"](images), "y": formats["idx"](labels)}
    folder = place("mnist", files | {"x_test": files["x"], "y_test": files["y"]})
    data = load_dataset("mnist", folder=folder, pool=4)
    np.testing.assert_allclose(data.x, images.reshape(4, -1) / 255, rtol=1e-6)
    assert data.y.tolist() == [3, 1, 4, 1]
    assert data.x_valid is None
    assert data.y_valid is None
