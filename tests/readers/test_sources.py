"""Every reader gives the rows of the array that was written, in any order, and damaged files say what is wrong."""

import tempfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from scipy import sparse

from ssvae.readers import READERS, blocked, parquet
from ssvae.readers.errors import DataError
from ssvae.readers.open import open_path, open_rows
from ssvae.readers.pixels import scaled_bytes
from ssvae.readers.read import read_table
from ssvae.readers.spilled_rows import SpilledRows

X = np.random.default_rng(0).integers(-3, 4, (50, 6)).astype(np.float32)


def write_hdf5(path, chunks=None):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=X, chunks=chunks, compression="gzip" if chunks else None)


def write_parquet(path):
    pd.DataFrame(X, columns=[*"abcdef"]).to_parquet(path, row_group_size=13)


def write_tfrecord(path):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in X:
            feature = {"x": tf.train.Feature(float_list=tf.train.FloatList(value=row))}
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())


WRITERS = {
    ".h5": lambda path: write_hdf5(path, (7, 4)),
    ".hdf5": write_hdf5,
    ".npy": lambda path: np.save(path, X),
    ".npz": lambda path: sparse.save_npz(path, sparse.csr_array(X), compressed=False),
    ".parquet": write_parquet,
    ".tfrecord": write_tfrecord,
    ".tfrecords": write_tfrecord,
}


def written(folder, form):
    path = folder / f"x{form}"
    WRITERS[form](path)
    return path


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Row groups of 13 rows are unpacked 5 at a time, and three such blocks are kept."""
    monkeypatch.setattr(parquet, "BLOCK", 5 * 6 * 4)
    monkeypatch.setattr(blocked, "KEPT", 3 * 5 * 6 * 4)


@pytest.mark.parametrize("form", READERS.names())
@pytest.mark.parametrize(
    "rows", [slice(3, 40), slice(0), [7, 3, 4, 4, 49, 0]], ids=["slice", "none", "in any order and twice"]
)
def test_rows_are_those_of_the_array(tmp_path, form, rows):
    source = open_rows(written(tmp_path, form))
    assert source.shape == X.shape
    np.testing.assert_array_equal(np.asarray(source[rows]), X[rows])
    odd = np.arange(50) % 2 == 1
    np.testing.assert_array_equal(np.asarray(source.subset(odd)[:5]), X[odd][:5])
    assert (source.min(), source.max()) == (X.min(), X.max())
    np.testing.assert_array_equal(np.asarray(source[rows]), X[rows])  # again, with what has been kept


def test_passes_over_a_source_hold_a_few_rows_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr("ssvae.readers.base.BYTES", 7 * 6 * 4)
    source = open_rows(written(tmp_path, ".npy")).mapped(lambda rows: rows[:, :2] + 1.0)
    chunks = list(source.chunks())
    assert [len(rows) for _, rows in chunks] == [7] * 7 + [1]
    np.testing.assert_array_equal(np.concatenate([rows for _, rows in chunks]), X[:, :2] + 1.0)


def test_a_slice_of_a_map_is_read_from_its_own_place(tmp_path):
    x = np.load(written(tmp_path, ".npy"), mmap_mode="r")
    np.testing.assert_array_equal(open_rows(x[20:33])[:], X[20:33])
    assert open_rows(x[::2]) is not None
    assert open_rows(x.T).shape == (6, 50)  # as it is: its rows do not lie one by one
    np.testing.assert_array_equal(np.asarray(open_rows(x[::2])), X[::2])


def test_a_dataset_of_an_open_file(tmp_path):
    with h5py.File(written(tmp_path, ".h5"), "r") as file:
        np.testing.assert_array_equal(open_rows(file["x"])[[5, 2]], X[[5, 2]])


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
        open_rows(tmp_path / "x.npy")


@pytest.mark.parametrize("form", READERS.names())
def test_a_file_that_was_cut_off(tmp_path, form):
    path = written(tmp_path, form)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"x\.[a-z0-9]+ "):
        open_rows(path)


@pytest.mark.parametrize("form", [".csv", ".h5", ".npy", ".parquet", "in chunks.h5"])
def test_numbers_that_float32_does_not_hold_stay_as_they_are(tmp_path, form):
    x = 1.7e9 + np.arange(40.0).reshape(20, 2)
    path = tmp_path / f"x{form}"
    frame = pd.DataFrame(x, columns=["a", "b"])
    if form == ".npy":
        np.save(path, x)
    elif form == ".parquet":
        frame.to_parquet(path)
    elif form == ".csv":
        frame.to_csv(path, index=False)
    else:
        with h5py.File(path, "w") as file:
            file.create_dataset("x", data=x, chunks=(7, 2) if "chunks" in form else None)
    if form != ".csv":
        found = open_path(path)
        assert found.dtype == found[3:9].dtype == np.float64
        np.testing.assert_array_equal(found.subset(np.arange(3, 9))[:], x[3:9])
    whole = read_table(path).x
    np.testing.assert_array_equal(whole, x)
    assert whole.dtype == np.float64


@pytest.mark.parametrize("form", [form for form in READERS.names() if form != ".parquet"])  # held open by its reader
def test_a_file_that_vanishes_when_it_has_been_opened(tmp_path, form):
    path = written(tmp_path, form)
    source = open_rows(path)
    path.unlink()
    with pytest.raises(DataError, match="can no longer be read"):
        source[:5]


def test_a_file_that_shrinks_when_it_has_been_opened(tmp_path):
    path = written(tmp_path, ".npy")
    source = open_rows(path)
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
        open_rows(tmp_path / "x.npz")


def test_a_missing_an_empty_and_an_unknown_file(tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        open_rows(tmp_path / "x.npy")
    (tmp_path / "x.npy").touch()
    with pytest.raises(DataError, match="0 bytes"):
        open_rows(str(tmp_path / "x.npy"))
    (tmp_path / "x.txt").write_text("1")
    with pytest.raises(ValueError, match=r"\.npy"):
        open_rows(tmp_path / "x.txt")


def test_blocks_are_read_in_the_order_of_the_file_and_few_are_kept(tmp_path, monkeypatch):
    source = open_rows(written(tmp_path, ".parquet"))
    np.testing.assert_array_equal(source.block_starts, [0, 13, 26, 39, 50])
    np.testing.assert_array_equal(source.begins, [0, 5, 10, 13, 18, 23, 26, 31, 36, 39, 44, 49, 50])
    unpacked, read = [], source.blocks
    monkeypatch.setattr(source, "blocks", lambda file, n: (unpacked.append(own[0]) or own for own in read(file, n)))
    for rows, new in (([14, 1], [0, 3]), ([15, 0], []), ([33], [6, 7]), ([37], [8]), ([14, 4], [3, 0])):
        np.testing.assert_array_equal(source[rows], X[rows])
        assert sorted(unpacked) == sorted(new)  # of a row group, all blocks up to the one that is asked for
        assert len(source.kept) <= 3
        unpacked.clear()


def test_a_part_of_a_source_knows_its_blocks(tmp_path):
    part = open_rows(written(tmp_path, ".h5")).subset(np.array([0, 6, 7, 20, 49]))
    np.testing.assert_array_equal(part.block_starts, [0, 2, 3, 4, 5])
    np.testing.assert_array_equal(part[:], X[[0, 6, 7, 20, 49]])
    np.testing.assert_array_equal(part.mapped(np.abs).block_starts, part.block_starts)


@pytest.mark.parametrize("chunks", [None, (3, 4, 4, 2)], ids=["plain", "in chunks"])
def test_images_of_bytes_are_divided_by_255(tmp_path, chunks):
    images = np.random.default_rng(0).integers(0, 256, (10, 4, 4, 2), dtype=np.uint8)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("images", data=images, chunks=chunks)
    np.save(tmp_path / "x.npy", images)
    for name in ("x.h5", "x.npy"):
        source = open_rows(tmp_path / name)
        assert (source.shape, source.image_shape) == ((10, 32), (4, 4, 2))
        np.testing.assert_array_equal(source[[3, 1]], scaled_bytes(images[[3, 1]]))


def test_columns_of_text_are_those_in_memory(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": rng.integers(0, 90, 50),
            "job": rng.choice(["cook", "farmer", "=x"], 50),
            "paid": rng.random(50) < 0.5,
            "class": rng.choice([*"ab"], 50),
            "cut": pd.Categorical(rng.choice([*"uv"], 50)),
        }
    )
    frame.to_parquet(tmp_path / "x.parquet", row_group_size=13)
    whole = read_table(tmp_path / "x.parquet", "class", test=0)
    source = open_path(tmp_path / "x.parquet", "class")
    assert source.feature_names == whole.feature_names
    np.testing.assert_array_equal(source[:], whole.x)
    np.testing.assert_array_equal(source.labels("class"), whole.y)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ({"a": [1.0] * 17 + [np.inf]}, "row 18, column 'a' is 'inf'"),
        ({"a": pd.to_datetime(["2020-01-01"])}, "holds dates"),
        ({"a": [[1, 2], [3, 4]]}, "column 'a' holds list<"),
        ({"a": []}, "0 rows"),
    ],
    ids=["infinite", "dates", "lists", "no rows"],
)
def test_a_table_that_is_none_of_numbers_and_categories(tmp_path, frame, words):
    pd.DataFrame(frame).to_parquet(tmp_path / "x.parquet", row_group_size=7)
    with pytest.raises(DataError, match=words):
        open_rows(tmp_path / "x.parquet")[:]


def record(**features):
    kinds = {float: ("float_list", tf.train.FloatList), int: ("int64_list", tf.train.Int64List)}
    kinds |= {bytes: ("bytes_list", tf.train.BytesList)}
    made = {}
    for name, values in features.items():
        key, form = kinds[type(values[0])]
        made[name] = tf.train.Feature(**{key: form(value=values)})
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()


def write_records(path, *records):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for own in records:
            writer.write(own)
    return path


def test_records_of_bytes_and_of_whole_numbers_and_their_labels(tmp_path):
    path = write_records(tmp_path / "x.tfrecord", record(x=[b"\x00\xff"], y=[b"cat"]), record(x=[b"\xff\x00"]))
    np.testing.assert_array_equal(open_rows(path)[:], [[0, 1], [1, 0]])
    assert open_rows(path).labels(None).tolist() == ["cat", None]
    path = write_records(tmp_path / "n.tfrecord", record(x=[3, 4], label=[1]), record(x=[5, 6], label=[0]))
    np.testing.assert_array_equal(open_rows(path)[:], [[3, 4], [5, 6]])
    assert open_rows(path).labels("label").tolist() == [1, 0]
    assert open_rows(path).labels(None) is None
    with pytest.raises(DataError, match=r"feature of labels 'lable', .* did you mean 'label'"):
        open_rows(path).labels("lable")


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([record(z=[1.0])], r"features \['x', 'z'\]|features \['z'\]"),
        ([b"nothing"], "holds no records"),
        ([record(x=[1.0, 2.0]), record(x=[1.0])], "another form than its first"),
        ([record(x=[b"ab"]), record(x=[b"abc"])], "another form than its first|record of 3 bytes"),
    ],
    ids=["no x", "no example", "widths", "bytes"],
)
def test_records_of_another_form(tmp_path, records, words):
    with pytest.raises(DataError, match=words):
        open_rows(write_records(tmp_path / "x.tfrecord", *records))[:]


def test_a_record_whose_checksum_is_wrong(tmp_path):
    path = written(tmp_path, ".tfrecord")
    damaged = bytearray(path.read_bytes())
    damaged[200] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(DataError, match="cannot be read as TFRecord"):
        open_rows(path)


def test_labels_of_every_form(tmp_path):
    y = np.arange(50) % 3
    np.save(tmp_path / "y.npy", y)
    for form in (".npy", ".npz"):
        source = open_rows(written(tmp_path, form))
        assert source.labels(None) is None
        np.testing.assert_array_equal(source.labels(str(tmp_path / "y.npy")), y)
        with pytest.raises(DataError, match=r"give a \.npy file of them as target, not 'class'"):
            source.labels("class")
    for form in (".h5", ".hdf5"):
        path = written(tmp_path, form)
        with h5py.File(path, "a") as file:
            file["y"], file["words"] = y, [f"class {n}" for n in y]
        np.testing.assert_array_equal(open_rows(path).labels(None), y)
        assert open_rows(path).labels("words")[1] == "class 1"
        with pytest.raises(DataError, match="unknown dataset of labels 'word'"):
            open_rows(path).labels("word")


def test_rows_that_were_spilled(tmp_path, monkeypatch):
    source = SpilledRows(X[at : at + 20] for at in range(0, 50, 20))
    np.testing.assert_array_equal(source[[49, 0, 20]], X[[49, 0, 20]])
    assert not list(tmp_path.iterdir())
    full = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: full)
    with pytest.raises(DataError, match=r"no room for .* TMPDIR"):
        SpilledRows([X])
