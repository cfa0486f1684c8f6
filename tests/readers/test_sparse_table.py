"""Sparse tables give what their dense copies give, and are made dense a few rows at a time only."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import sparse as scipy_sparse

from ssvae import SSVAEClassifier
from ssvae.readers.sparse_table import SparseTable
from ssvae.training.minibatch import _dense

RNG = np.random.default_rng(0)
TOPICS = RNG.dirichlet(np.full(12, 0.3), size=3)
Y = np.arange(60) % 3
X = np.stack([RNG.multinomial(15, TOPICS[y]) for y in Y]).astype(np.float32)
HIDDEN = np.where(np.arange(60) < 15, Y, -1)
SMALL = {"likelihood": "multinomial", "preprocessing": "identity", "epochs": 2, "random_state": 0}
MODELS = {
    "m1": {"name": "m1", "latent": 3, "hidden": [8], "classifier": "knn"},
    "m2": {"name": "m2", "latent": 3, "hidden": [8]},
    "m1_m2": {"name": "m1_m2", "latent": 3, "m1": {"hidden": [8]}, "m2": {"hidden": [8]}},
    "sbn": {"name": "sbn", "latent": [4], "classifier": "knn"},
}


@pytest.mark.parametrize("rows", [slice(3, 9), [5, 0, 5], np.arange(60) % 7 == 0], ids=["slice", "numbers", "mask"])
def test_rows_of_a_table_are_those_of_the_array(rows):
    table = SparseTable(scipy_sparse.csc_matrix(X))
    np.testing.assert_array_equal(np.asarray(table[rows]), X[rows])
    assert len(table[rows]) == len(X[rows])
    assert table.shape == X.shape


def test_what_a_table_knows_of_its_cells():
    table = SparseTable(scipy_sparse.csr_array(X - 1.0))
    assert (table.min(), table.max()) == (X.min() - 1.0, X.max() - 1.0)
    np.testing.assert_allclose(table.sum(axis=1), (X - 1.0).sum(axis=1))
    np.testing.assert_allclose(table.mean(axis=0), (X - 1.0).mean(axis=0), rtol=1e-6)


def test_batches_are_the_dense_rows():
    index = np.array([[4, 0, 4], [59, 31, 2]], np.int32)
    holes = X * (np.arange(60) != 31)[:, np.newaxis]  # row 31 has no cell at all
    parts = SparseTable(scipy_sparse.csr_array(holes)).arrays()
    found = _dense(type(parts)(*map(tf.constant, parts)), tf.constant(index), 12)
    np.testing.assert_array_equal(found, holes[index])


@pytest.mark.parametrize("model", MODELS)
def test_fits_and_predictions_are_those_of_the_dense_array(model):
    gradient = "nvil" if model == "sbn" else "pathwise"
    dense, kept = (
        SSVAEClassifier(MODELS[model], gradient=gradient, regularizers=[], **SMALL).fit(x, HIDDEN)
        for x in (X, scipy_sparse.csr_matrix(X))
    )
    np.testing.assert_array_equal(dense.history_["loss"], kept.history_["loss"])
    for x in (X, scipy_sparse.csc_array(X)):
        np.testing.assert_array_equal(kept.predict_proba(x), dense.predict_proba(X))
        np.testing.assert_array_equal(kept.transform(x), dense.transform(X))
        np.testing.assert_array_equal(kept.bound(x), dense.bound(X))
    assert kept.score(scipy_sparse.csr_matrix(X), Y) == dense.score(X, Y)


def test_nothing_makes_the_whole_table_dense(monkeypatch):
    largest = []
    whole = SparseTable.__array__

    def noted(table, *arguments, **settings):
        largest.append(len(table))
        return whole(table, *arguments, **settings)

    monkeypatch.setattr(SparseTable, "__array__", noted)
    many = scipy_sparse.csr_matrix(np.tile(X, (20, 6)))  # wider than what neighbours are looked for in
    fitted = SSVAEClassifier(MODELS["m2"], **SMALL).fit(many, np.tile(HIDDEN, 20))
    fitted.predict(many)
    fitted.bound(many)
    fitted.log_evidence(many, samples=2)
    assert max(largest) <= 512


def test_a_cell_that_is_no_number_is_named():
    bad = X.copy()
    bad[7, 2] = np.nan
    with pytest.raises(ValueError, match=r"contains NaN: 1 cells, the first in row 7, column 2"):
        SSVAEClassifier(MODELS["m1"], **SMALL).fit(scipy_sparse.csr_matrix(bad), HIDDEN)


def test_a_cell_too_large_for_float32_is_named():
    bad = X.astype(np.float64)
    bad[4, 1] = 1e300
    with pytest.raises(ValueError, match=r"1 cells, the first in row 4, column 1"):
        SSVAEClassifier(MODELS["m1"], **SMALL).fit(scipy_sparse.csr_matrix(bad), HIDDEN)


def test_a_cell_out_of_range_is_named():
    bad = X.copy()
    bad[9, 4] = -2.0
    with pytest.raises(ValueError, match=r"needs values in \[0, inf\], row 9, column 4 is -2"):
        SSVAEClassifier(MODELS["m1"], **SMALL).fit(scipy_sparse.csr_matrix(bad), HIDDEN)


@pytest.mark.parametrize("preprocessing", ["standardize", {"name": "pca", "components": 2}], ids=str)
def test_what_would_make_rows_dense_is_refused(preprocessing):
    with pytest.raises(ValueError, match=r"would make the sparse X dense: give preprocessing='identity'"):
        SSVAEClassifier("m1", preprocessing=preprocessing).fit(scipy_sparse.csr_matrix(X), HIDDEN)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("fault", ["order", "duplicates"])
def test_a_matrix_belongs_to_its_owner(dtype, fault):
    columns = np.array([2, 0, 1, 1] if fault == "duplicates" else [2, 0, 1, 0])
    matrix = scipy_sparse.csr_matrix((np.array([1, 2, 3, 4], dtype), columns, np.array([0, 2, 4])), shape=(2, 3))
    before = [part.copy() for part in (matrix.data, matrix.indices, matrix.indptr)]
    dense = matrix.toarray()
    assert (np.asarray(SparseTable(matrix)) == dense).all()
    for part, old in zip((matrix.data, matrix.indices, matrix.indptr), before, strict=True):
        assert part.tobytes() == old.tobytes()
