"""Small made files of every format, and a machine without cache, data folder or network."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import sys
import tarfile

import numpy as np
import pytest
from scipy.io import savemat

from ssvae.datasets import DATASETS, base

MADE_ROWS = 40  # training rows of every made file; 20 test rows


def idx(array):
    """Return an array of bytes as an idx .gz file."""
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape)
    return gzip.compress(head + array.tobytes())


def binary_matrix(array):
    """Return an array as a gzipped binary matrix of small NORB."""
    magic = {1: 0x1E3D4C55, 4: 0x1E3D4C54}[array.dtype.itemsize]
    lengths = [*array.shape, 1, 1][: max(3, array.ndim)]
    head = struct.pack(f"<{2 + len(lengths)}i", magic, array.ndim, *lengths)
    return gzip.compress(head + array.tobytes())


def mat(**arrays):
    """Return arrays as a .mat file."""
    stream = io.BytesIO()
    savemat(stream, arrays)
    return stream.getvalue()


def tar_gz(**members):
    """Return members, name by name, as a .tar.gz file."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def npz(**arrays):
    """Return arrays as a .npz file."""
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def amat(bits):
    """Return rows of bits as the text of a .amat file."""
    return "".join(" ".join(str(bit) for bit in row) + " \n" for row in bits).encode()


def _mnist(rng):
    """Return the four files of MNIST's format."""
    sizes = {"x": MADE_ROWS, "x_test": 20}
    images = {part: idx(rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)) for part, n in sizes.items()}
    labels = {"y": idx(np.arange(40, dtype=np.uint8) % 10), "y_test": idx(np.arange(20, dtype=np.uint8) % 10)}
    return images | labels


def _svhn(rng):
    """Return train, test and extra; label 10 is digit 0."""

    def part(rows):
        pixels = rng.integers(0, 256, (32, 32, 3, rows), dtype=np.uint8)
        return mat(X=pixels, y=(np.arange(rows, dtype=np.uint8) % 10 + 1)[:, None])

    return {"train": part(MADE_ROWS), "test": part(20), "extra": part(30)}


def _norb(rng):
    """Return data and category of both parts."""
    files = {}
    for data, category, rows in (("x", "y", MADE_ROWS), ("x_test", "y_test", 20)):
        files[data] = binary_matrix(rng.integers(0, 256, (rows, 2, 96, 96), dtype=np.uint8))
        files[category] = binary_matrix(np.arange(rows, dtype=np.int32) % 5)
    return files


def _cifar10(rng):
    """Return the archive, with 8 images a batch and 20 test images."""

    def batch(rows):
        labels = np.arange(rows, dtype=np.uint8)[:, None] % 8
        return np.hstack([labels, rng.integers(0, 256, (rows, 3072), dtype=np.uint8)]).tobytes()

    names = [f"cifar-10-batches-bin/data_batch_{n}.bin" for n in range(1, 6)]
    members = {name: batch(8) for name in names} | {"cifar-10-batches-bin/test_batch.bin": batch(20)}
    return {"archive": tar_gz(**members)}


def _binarized(rng):
    """Return the packed file (the three text files have their own test)."""
    arrays = {}
    for part, rows in (("train", MADE_ROWS), ("valid", 10), ("test", 20)):
        arrays[part] = np.packbits(rng.integers(0, 2, (rows, 784), dtype=np.uint8), axis=1)
        arrays[f"{part}_labels_recovered"] = np.sort(np.arange(rows, dtype=np.uint8) % 10)
    return {"packed": npz(**arrays)}


def feat(x, y):
    """Return counts and groups as the text of a .feat file, words in no order."""
    rows = (
        " ".join([str(group + 1), *(f"{n + 1}:{row[n]}" for n in np.flatnonzero(row)[::-1])])
        for row, group in zip(x, y, strict=True)
    )
    return "".join(row + "\n" for row in rows).encode()


def _newsgroups(rng):
    """Return the packed file (the three text files have their own test); no row is without a word."""
    arrays = {"vocab": np.array([f"word{n}" for n in range(2000)])}
    for part, rows in (("train", MADE_ROWS), ("test", 20)):
        x = (rng.poisson(0.01, (rows, 2000)) + np.eye(rows, 2000, dtype=int)).astype(np.int32)
        arrays[f"{part}_indptr"] = np.append(0, (x > 0).sum(axis=1).cumsum())
        arrays[f"{part}_indices"], arrays[f"{part}_data"] = np.nonzero(x)[1].astype(np.int16), x[x > 0]
        arrays[f"{part}_labels"] = np.sort(np.arange(rows, dtype=np.uint8) % 20 + 1)
    return {"packed": npz(**arrays)}


def stories(first, documents):
    """Return documents (lists of words) as a token file, numbered from `first`, ten words a line."""
    text = ""
    for number, words in enumerate(documents, first):
        lines = [" ".join(words[at : at + 10]) for at in range(0, len(words), 10)]
        text += "\n".join([f".I {number}", ".W", *lines]) + "\n\n"
    return gzip.compress(text.encode())


def _rcv1(rng):
    """Return a training part, two test parts and the topics: one of the four in turn, every ninth story has two."""

    def part(first, rows):
        return stories(first, [[f"stem{n}" for n in rng.integers(0, 60, 25)] for _ in range(rows)])

    names = ("CCAT", "ECAT", "GCAT", "MCAT")
    numbers = [*range(100, 100 + MADE_ROWS), *range(200, 220)]
    topics = [f"{names[n % 4]} {n} 1\nC15 {n} 1\n" + f"{names[(n + 1) % 4]} {n} 1\n" * (n % 9 == 0) for n in numbers]
    parts = {"train": part(100, MADE_ROWS), "test0": part(200, 10), "test1": part(210, 10)}
    return parts | {"topics": gzip.compress("".join(topics).encode())}


MAKERS = {  # name -> (files by role, options that fit the small files)
    "mnist": (_mnist, {"pool": 30}),
    "fashion_mnist": (_mnist, {"pool": 30}),
    "svhn": (_svhn, {"valid": 10}),
    "norb": (_norb, {"valid": 10}),
    "cifar10": (_cifar10, {"valid": 10}),
    "binarized_mnist": (_binarized, {}),
    "newsgroups": (_newsgroups, {"valid": 10}),
    "rcv1": (_rcv1, {"vocabulary": 50, "rows": 30, "valid": 10, "test_rows": 15}),
}


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch, tmp_path):
    """Hide the real cache and data folder."""
    monkeypatch.setattr(base, "cache_folder", lambda dataset: tmp_path / "cache" / dataset)
    monkeypatch.delenv("SSVAE_DATA_DIR", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def place(monkeypatch, tmp_path):
    """Return place(name, files): write files by role, make the loader expect them, and return the data folder."""

    def write(name, files):
        module = sys.modules[DATASETS.get(name).__module__]
        known = dict(module.FILES)
        for role, content in files.items():
            path = tmp_path / "data" / known[role].dataset / known[role].name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            known[role] = known[role]._replace(checksum="sha256:" + hashlib.sha256(content).hexdigest())
        # Without an address nothing of a test can reach the network, whatever it looks for.
        monkeypatch.setattr(module, "FILES", {role: file._replace(mirrors=()) for role, file in known.items()})
        return tmp_path / "data"

    return write


@pytest.fixture
def made(place):
    """Return made(name) -> (folder, options): the small made files of a data set, complete."""

    def make(name):
        if name == "digits":
            return None, {"valid": 100}
        maker, options = MAKERS[name]
        return place(name, maker(np.random.default_rng(0))), options

    return make


@pytest.fixture
def formats():
    """Return the writers of the formats."""
    return {function.__name__: function for function in (idx, binary_matrix, mat, tar_gz, npz, amat, feat, stories)}
