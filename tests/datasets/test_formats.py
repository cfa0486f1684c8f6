"""What each loader makes of its own format, and of damaged files of it."""

import gzip

import numpy as np
import pytest

from ssvae.datasets.idx import read_idx
from ssvae.datasets.load import load_dataset
from ssvae.datasets.norb import read_matrix
from ssvae.readers.errors import DataError


def test_svhn_pixels_and_digit_zero(formats, place):
    pixels = np.zeros((32, 32, 3, 3), np.uint8)
    pixels[1, 2, 0, 2] = 255  # row 1, column 2, red, of the last image
    part = formats["mat"](X=pixels, y=np.array([[10], [1], [9]], np.uint8))
    data = load_dataset("svhn", folder=place("svhn", {"train": part, "test": part}), valid=0)
    assert data.y.tolist() == [0, 1, 9]
    image = data.x[2].reshape(data.image_shape)
    assert image[1, 2, 0] == 1
    assert image.sum() == 1
    assert data.x_valid is None


def test_svhn_extra_rows_are_learnt_from_and_never_chosen_on(made):
    folder, _ = made("svhn")
    without, with_extra = (load_dataset("svhn", folder=folder, valid=10, extra=extra) for extra in (False, True))
    assert len(with_extra.x) == len(without.x) + 30
    np.testing.assert_array_equal(with_extra.x_valid, without.x_valid)


def test_norb_halves_the_images_and_puts_the_cameras_side_by_side(formats, place):
    images = np.zeros((5, 2, 96, 96), np.uint8)
    images[0, 0, 0, 0] = 255  # left camera, a quarter of the first mean
    images[0, 1, 94:, 94:] = 255  # right camera, the whole last mean
    parts = {"x": formats["binary_matrix"](images), "y": formats["binary_matrix"](np.arange(5, dtype=np.int32))}
    folder = place("norb", parts | {f"{role}_test": content for role, content in parts.items()})
    first = load_dataset("norb", folder=folder, valid=0).x[0].reshape(48, 96)
    assert first[0, 0] == pytest.approx(0.25)
    assert first[47, 95] == pytest.approx(1)
    assert first.sum() == pytest.approx(1.25)


def test_norb_chooses_on_training_rows(made):
    folder, options = made("norb")
    data = load_dataset("norb", folder=folder, **options)
    assert np.bincount(data.y_valid).tolist() == [2] * 5
    assert len(data.x) == 30
    test = set(map(bytes, data.x_test))
    assert not test & set(map(bytes, data.x_valid))


def test_cifar10_planes_become_channels(formats, place):
    record = np.zeros((2, 3073), np.uint8)
    record[:, 0] = 7
    record[0, 1 + 1024 + 33] = 255  # green plane, row 1, column 1
    names = [f"cifar-10-batches-bin/{part}.bin" for part in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch")]
    archive = formats["tar_gz"](**dict.fromkeys(names, record.tobytes()), **{"../../evil": b"never unpacked"})
    data = load_dataset("cifar10", folder=place("cifar10", {"archive": archive}), valid=0)
    assert data.x.shape == (10, 3072)
    assert data.x[0].reshape(32, 32, 3)[1, 1, 1] == 1
    assert set(data.y) == {7}


def test_cifar10_of_the_python_version_is_refused(formats, place):
    folder = place("cifar10", {"archive": formats["tar_gz"](**{"cifar-10-batches-py/data_batch_1": b"pickle"})})
    with pytest.raises(DataError, match="binary version"):
        load_dataset("cifar10", folder=folder)


def test_binarized_text_and_packed_hold_the_same_rows(formats, place, made):
    folder, _ = made("binarized_mnist")
    packed = load_dataset("binarized_mnist", folder=folder)
    test_in_file_order = np.unpackbits(
        np.load(next(folder.rglob("*.npz")))["test"], axis=1, count=784
    )  # the loader shuffles test rows, so the text is written from the file
    parts = {"train": packed.x.astype(int), "valid": packed.x_valid.astype(int), "test": test_in_file_order}
    next(folder.rglob("*.npz")).unlink()
    text = load_dataset(
        "binarized_mnist", folder=place("binarized_mnist", {k: formats["amat"](v) for k, v in parts.items()})
    )
    for a, b in ((packed.x, text.x), (packed.x_valid, text.x_valid), (packed.x_test, text.x_test)):
        np.testing.assert_array_equal(a, b)
    assert set(text.y) == {-1}
    assert packed.y_test.tolist() != sorted(packed.y_test)


@pytest.mark.parametrize(
    "content",
    [b"", b"no gzip", gzip.compress(b""), gzip.compress(b"\0\0\x08\x01\0\0\0\x05abc")],
    ids=["nothing", "no gzip", "empty", "too few"],
)
def test_damaged_idx(tmp_path, content):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz"):
        read_idx(path)


def test_truncated_gzip(tmp_path, formats):
    path = tmp_path / "images.gz"
    path.write_bytes(formats["idx"](np.random.default_rng(0).integers(0, 256, (9, 28, 28), dtype=np.uint8))[:-100])
    with pytest.raises(DataError, match="truncated"):
        read_idx(path)


@pytest.mark.parametrize("cut", [0, 3, 7, 15, -1])
def test_damaged_binary_matrix(tmp_path, formats, cut):
    whole = gzip.decompress(formats["binary_matrix"](np.arange(6, dtype=np.int32)))
    path = tmp_path / "cat.mat.gz"
    path.write_bytes(gzip.compress(whole[:cut]))
    with pytest.raises(DataError, match=r"cat\.mat\.gz"):
        read_matrix(path)


@pytest.mark.parametrize(
    ("name", "role"),
    [("svhn", "train"), ("norb", "x"), ("cifar10", "archive"), ("binarized_mnist", "packed"), ("mnist", "y")],
)
@pytest.mark.parametrize("keep", [0, 30])
def test_a_truncated_file_that_passes_its_checksum_is_still_refused(made, place, name, role, keep):
    folder, options = made(name)
    path = next(p for p in folder.rglob("*") if p.is_file() and p.name == _name(name, role))
    place(name, {role: path.read_bytes()[:keep]})
    with pytest.raises(DataError, match=path.name):
        load_dataset(name, folder=folder, **options)


def test_labels_of_another_number_than_images(formats, made, place):
    folder, _ = made("mnist")
    place("mnist", {"y": formats["idx"](np.zeros(39, np.uint8))})
    with pytest.raises(DataError, match="40 rows but 39 labels"):
        load_dataset("mnist", folder=folder, pool=30)


@pytest.mark.parametrize("pool", [0, -1, 41])
def test_a_pool_that_is_not_there(made, pool):
    folder, _ = made("mnist")
    with pytest.raises(DataError, match=f"pool={pool}"):
        load_dataset("mnist", folder=folder, pool=pool)


def _name(name, role):
    import sys

    from ssvae.datasets import DATASETS

    return sys.modules[DATASETS.get(name).__module__].FILES[role].name
