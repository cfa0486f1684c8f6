"""Every reader gives the rows of the array that was written, in any order, and damaged files say what is wrong."""

import h5py
import numpy as np
import pytest
from scipy import sparse

from ssvae.datasets.base import DataError
from ssvae.sources import SOURCES
from ssvae.sources.front import opened

X = np.random.default_rng(0).integers(-3, 4, (50, 6)).astype(np.float32)


def written(folder, form):
    path = folder / f"x{form}"
    if form == ".npy":
        np.save(path, X)
    elif form == ".npz":
        sparse.save_npz(path, sparse.csr_array(X), compressed=False)
    else:
        with h5py.File(path, "w") as file:
            file.create_dataset("x", data=X, chunks=(7, 6))
    return path


@pytest.mark.parametrize("form", SOURCES.names())
@pytest.mark.parametrize(
    "rows", [slice(3, 40), slice(0), [7, 3, 4, 4, 49, 0]], ids=["slice", "none", "in any order and twice"]
)
def test_rows_are_those_of_the_array(tmp_path, form, rows):
    source = opened(written(tmp_path, form))
    assert source.shape == X.shape
    np.testing.assert_array_equal(np.asarray(source[rows]), X[rows])
    odd = np.arange(50) % 2 == 1
    np.testing.assert_array_equal(np.asarray(source.part(odd)[:5]), X[odd][:5])
    assert (source.min(), source.max()) == (X.min(), X.max())


def test_passes_over_a_source_hold_a_few_rows_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr("ssvae.sources.base.BYTES", 7 * 6 * 4)
    source = opened(written(tmp_path, ".npy")).mapped(lambda rows: rows[:, :2] + 1.0)
    chunks = list(source.chunks())
    assert [len(rows) for _, rows in chunks] == [7] * 7 + [1]
    np.testing.assert_array_equal(np.concatenate([rows for _, rows in chunks]), X[:, :2] + 1.0)


def test_a_slice_of_a_map_is_read_from_its_own_place(tmp_path):
    x = np.load(written(tmp_path, ".npy"), mmap_mode="r")
    np.testing.assert_array_equal(opened(x[20:33])[:], X[20:33])
    assert opened(x[::2]) is not None
    assert opened(x.T).shape == (6, 50)  # as it is: its rows do not lie one by one
    np.testing.assert_array_equal(np.asarray(opened(x[::2])), X[::2])


def test_a_dataset_of_an_open_file(tmp_path):
    with h5py.File(written(tmp_path, ".h5"), "r") as file:
        np.testing.assert_array_equal(opened(file["x"])[[5, 2]], X[[5, 2]])


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([["a", "b"]]), "holds <U1"),
        (np.zeros((0, 3)), "one row at least"),
        (np.zeros(5), r"\[5\]; numbers \[N, D\]"),
        (np.asfortranarray(X), "column by column"),
    ],
    ids=["strings", "no rows", "one axis", "by columns"],
)
def test_an_array_that_is_no_table_of_numbers(tmp_path, array, words):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(DataError, match=words):
        opened(tmp_path / "x.npy")


@pytest.mark.parametrize("form", SOURCES.names())
def test_a_file_that_was_cut_off(tmp_path, form):
    path = written(tmp_path, form)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"x\.(npy|npz|h5|hdf5)"):
        opened(path)


@pytest.mark.parametrize("form", SOURCES.names())
def test_a_file_that_vanishes_when_it_has_been_opened(tmp_path, form):
    path = written(tmp_path, form)
    source = opened(path)
    path.unlink()
    with pytest.raises(DataError, match="can no longer be read"):
        source[:5]


def test_a_file_that_shrinks_when_it_has_been_opened(tmp_path):
    path = written(tmp_path, ".npy")
    source = opened(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="ends before row 49"):
        source[:]


@pytest.mark.parametrize(
    ("save", "words"),
    [
        (lambda path: np.savez(path, x=X), "not those of a sparse matrix"),
        (lambda path: sparse.save_npz(path, sparse.csr_array(X)), "is zipped"),
        (lambda path: sparse.save_npz(path, sparse.csc_array(X), compressed=False), "not compressed by rows"),
    ],
    ids=["arrays", "zipped", "by columns"],
)
def test_another_npz_file(tmp_path, save, words):
    save(tmp_path / "x.npz")
    with pytest.raises(DataError, match=words):
        opened(tmp_path / "x.npz")


def test_a_missing_an_empty_and_an_unknown_file(tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        opened(tmp_path / "x.npy")
    (tmp_path / "x.npy").touch()
    with pytest.raises(DataError, match="0 bytes"):
        opened(str(tmp_path / "x.npy"))
    (tmp_path / "x.txt").write_text("1")
    with pytest.raises(ValueError, match=r"\.npy"):
        opened(tmp_path / "x.txt")
