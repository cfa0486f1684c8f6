"""X and y belong to the caller: whatever holds them, their bytes are the same after fit and after every prediction."""

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from ssvae import SSVAEClassifier

RNG = np.random.default_rng(0)
DENSE = RNG.integers(0, 3, (40, 6)).astype(np.float64)
Y = np.where(np.arange(40) < 12, np.arange(40) % 2, -1)
SMALL = {"likelihood": "gaussian", "preprocessing": "identity", "epochs": 1, "random_state": 0}


def csr(dtype, fault):
    """Return a CSR matrix whose cells are out of order, or some of them stored in two parts."""
    matrix = sparse.csr_matrix(DENSE.astype(dtype))
    if fault == "order":
        for begin, end in zip(matrix.indptr, matrix.indptr[1:], strict=False):
            matrix.indices[begin:end] = matrix.indices[begin:end][::-1].copy()
            matrix.data[begin:end] = matrix.data[begin:end][::-1].copy()
        return sparse.csr_matrix((matrix.data, matrix.indices, matrix.indptr), matrix.shape)
    parts = np.repeat(matrix.data, 2) - np.tile([1, 0], len(matrix.data)).astype(dtype)
    parts[1::2] = 1
    return sparse.csr_matrix((parts, np.repeat(matrix.indices, 2), matrix.indptr * 2), matrix.shape)


def memmap(tmp_path):
    np.save(tmp_path / "x.npy", DENSE.astype(np.float32))
    return np.load(tmp_path / "x.npy", mmap_mode="r+")


def hdf5(tmp_path):
    file = h5py.File(tmp_path / "x.h5", "w")
    file["x"] = DENSE
    return file["x"]


CONTAINERS = {
    **{f"dense {d}": lambda _, d=d: DENSE.astype(d) for d in ("f4", "f8", "i8", "u1", ">f8")},
    "columns first": lambda _: np.asfortranarray(DENSE),
    "every second row": lambda _: np.repeat(DENSE, 2, axis=0)[::2],
    "frame": lambda _: pd.DataFrame(DENSE, columns=list("abcdef")).to_numpy(),
    "list": lambda _: DENSE.tolist(),
    **{f"csr {d} {f}": lambda _, d=d, f=f: csr(d, f) for d in ("f4", "f8") for f in ("order", "duplicates")},
    "csc": lambda _: sparse.csc_array(DENSE),
    "coo": lambda _: sparse.coo_array(DENSE),
    "lil": lambda _: sparse.lil_array(DENSE),
    "memmap": memmap,
    "hdf5": hdf5,
}


def content(x):
    """Return all that a container holds, as bytes."""
    if sparse.issparse(x):
        return [part.tobytes() for part in vars(x).values() if isinstance(part, np.ndarray)] + [x.toarray().tobytes()]
    return [np.asarray(x[:]).tobytes()]


@pytest.fixture(scope="module")
def fitted():
    return SSVAEClassifier({"name": "m2", "latent": 2, "hidden": [5]}, **SMALL).fit(DENSE, Y)


@pytest.mark.parametrize("container", CONTAINERS)
def test_predictions(fitted, container, tmp_path):
    x = CONTAINERS[container](tmp_path)
    before, labels = content(x), Y.copy()
    np.testing.assert_allclose(fitted.predict_proba(x), fitted.predict_proba(DENSE), atol=1e-6)
    np.testing.assert_allclose(fitted.bound(x), fitted.bound(DENSE), rtol=1e-5)
    fitted.transform(x)
    fitted.score(x, labels)
    assert content(x) == before
    assert (labels == Y).all()


@pytest.mark.parametrize(("container", "preprocessing"), [("csr f8 order", "identity"), ("dense f4", "standardize")])
def test_fit(container, preprocessing, tmp_path):
    x, y = CONTAINERS[container](tmp_path), Y.copy()
    before = content(x)
    SSVAEClassifier({"name": "m2", "latent": 2, "hidden": [5]}, **{**SMALL, "preprocessing": preprocessing}).fit(x, y)
    assert content(x) == before
    assert (y == Y).all()


FRAMES = {
    "numbers": {"a": DENSE[:, 0], "b": DENSE[:, 1]},
    "nullable": {"a": pd.array(DENSE[:, 0].astype(int), dtype="Int64"), "b": pd.array(DENSE[:, 1], dtype="Float64")},
    "objects": {"a": DENSE[:, 0].astype(object), "b": DENSE[:, 1]},
    "categories": {"a": pd.Categorical(DENSE[:, 0].astype(int).astype(str)), "b": DENSE[:, 1]},
    "text": {"a": DENSE[:, 0].astype(int).astype(str).astype(object), "b": DENSE[:, 1] > 1},
}


@pytest.mark.parametrize("columns", FRAMES)
def test_frames_and_labels(columns):
    x, y = pd.DataFrame(FRAMES[columns], index=range(90, 50, -1)), pd.Series(pd.array(Y, dtype="Int64"))
    y[Y == -1] = pd.NA
    weight = np.ones(40)
    before, labels = x.copy(deep=True), y.copy(deep=True)
    fitted = SSVAEClassifier({"name": "supervised", "hidden": [5]}, regularizers=(), **SMALL)
    fitted.fit(x, y, weight).predict_proba(x)
    fitted.score(x, y)
    pd.testing.assert_frame_equal(x, before, check_exact=True)
    pd.testing.assert_series_equal(y, labels, check_exact=True)
    assert (weight == 1).all()


@pytest.mark.parametrize(
    "kind", [lambda x: np.ma.masked_array(x), lambda x: x.astype(object), lambda x: sparse.dok_array(x)]
)
def test_other_containers(fitted, kind):
    x = kind(DENSE.copy())
    np.testing.assert_allclose(fitted.predict_proba(x), fitted.predict_proba(DENSE), atol=1e-6)
    held = x.toarray() if sparse.issparse(x) else np.asarray(x)
    assert (held == DENSE).all()
