"""What the loaders of word counts make of their formats, and of damaged files of them."""

import gzip

import numpy as np
import pytest

from ssvae.datasets.load import load_dataset
from ssvae.readers.errors import DataError

WORDS = ["zebra", "apple", "zebra", "zebra", "mango", "apple"]


def test_newsgroups_text_and_packed_hold_the_same_rows(made, place, formats):
    folder, options = made("newsgroups")
    packed = load_dataset("newsgroups", folder=folder, **options)
    with np.load(next(folder.rglob("*.npz"))) as arrays:
        parts = {}
        for part in ("train", "test"):
            starts, x = arrays[f"{part}_indptr"], np.zeros((len(arrays[f"{part}_labels"]), 2000), int)
            for row in range(len(x)):
                at = slice(starts[row], starts[row + 1])
                x[row, arrays[f"{part}_indices"][at]] = arrays[f"{part}_data"][at]
            parts[part] = formats["feat"](x, arrays[f"{part}_labels"].astype(int) - 1)
        parts["words"] = "".join(f"{word} 7\n" for word in arrays["vocab"]).encode()
    next(folder.rglob("*.npz")).unlink()
    text = load_dataset("newsgroups", folder=place("newsgroups", parts), **options)
    for one, other in zip(packed, text, strict=True):
        np.testing.assert_array_equal(one, other)
    assert packed.feature_names[:2] == ("word0", "word1")
    assert packed.y_test.tolist() != sorted(packed.y_test)


def test_newsgroups_without_a_word_are_tested_but_not_learnt_from(place, formats):
    x = np.eye(5, 4, dtype=int)  # the last row is empty
    part = formats["feat"](x, np.arange(5))
    folder = place("newsgroups", {"train": part + b"\n", "test": part, "words": b"a 1\nb 1\nc 1\nd 1\n"})
    data = load_dataset("newsgroups", folder=folder, valid=0)
    assert sorted(data.y) == [0, 1, 2, 3]
    assert sorted(data.y_test) == [0, 1, 2, 3, 4]
    assert data.x_valid is None
    assert (np.asarray(data.x).argmax(axis=1) == data.y).all()


@pytest.mark.parametrize("part", [b"", b"3 5:1\n", b"21 1:1\n", b"1 0:1\n", b"1 two:1\n", b"1 1\n", b"\xff\xfe"])
def test_damaged_newsgroups_are_refused(place, part):
    folder = place("newsgroups", {"train": part, "test": part, "words": b"a 1\nb 1\n"})
    with pytest.raises(DataError, match=r"train\.feat"):
        load_dataset("newsgroups", folder=folder)


def test_rcv1_counts_the_most_frequent_words_of_the_training_file(place, formats):
    train = formats["stories"](7, [WORDS, ["mango", "kiwi"], ["kiwi"], ["plum"]])
    test = formats["stories"](20, [["zebra", "unknown", "apple"], []])
    topics = b"CCAT 7 1\nC15 7 1\nMCAT 8 1\nGCAT 8 1\nECAT 20 1\n"
    folder = place("rcv1", {"train": train, "test0": test, "test1": test, "topics": gzip.compress(topics)})
    data = load_dataset("rcv1", folder=folder, vocabulary=3, rows=3, valid=0, test_rows=2)
    assert data.feature_names == ("zebra", "apple", "kiwi")  # "kiwi" and "mango" are as frequent: by the alphabet
    assert np.asarray(data.x).tolist() == [[3, 2, 0], [0, 0, 1], [0, 0, 1]]
    assert data.y.tolist() == [0, -1, -1]
    assert np.asarray(data.x_test).tolist() == [[1, 1, 0], [0, 0, 0]]
    assert data.y_test.tolist() == [1, -1]
    small = load_dataset("rcv1", folder=folder, vocabulary=1, rows=4, valid=0, test_rows=1)
    assert np.asarray(small.x).tolist() == [[3]]  # the others have no word that is counted


def test_rcv1_is_read_unzipped_too(made):
    folder, options = made("rcv1")
    zipped = load_dataset("rcv1", folder=folder, **options)
    for path in list(folder.rglob("*.gz")):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    for one, other in zip(zipped, load_dataset("rcv1", folder=folder, **options), strict=True):
        np.testing.assert_array_equal(one, other)


def test_rcv1_needs_only_the_test_parts_that_it_reads(made):
    folder, options = made("rcv1")
    next(folder.rglob("*pt1.dat.gz")).unlink()
    assert len(load_dataset("rcv1", folder=folder, **{**options, "test_rows": 10}).x_test) == 10
    with pytest.raises(DataError, match=r"lyrl2004_tokens_test_pt1\.dat\.gz"):
        load_dataset("rcv1", folder=folder, **options)


@pytest.mark.parametrize(
    "content",
    [b"", b"no gzip", gzip.compress(b""), gzip.compress(b"words first\n")],
    ids=["nothing", "no gzip", "empty", "no number"],
)
def test_damaged_rcv1_is_refused(made, place, content):
    _, options = made("rcv1")
    with pytest.raises(DataError, match=r"lyrl2004_tokens_train\.dat\.gz"):
        load_dataset("rcv1", folder=place("rcv1", {"train": content}), **options)


def test_rcv1_cut_off_in_the_middle_is_refused(made, place):
    folder, options = made("rcv1")
    whole = next(folder.rglob("*train.dat.gz")).read_bytes()
    with pytest.raises(DataError, match="truncated"):
        load_dataset("rcv1", folder=place("rcv1", {"train": whole[:-50]}), **options)


@pytest.mark.parametrize("wrong", [{"vocabulary": 61}, {"vocabulary": 0}, {"rows": 0}, {"valid": 40}, {"test_rows": 0}])
def test_rcv1_numbers_beyond_what_there_is(made, wrong):
    folder, options = made("rcv1")
    (name,) = wrong
    with pytest.raises(DataError, match=f"{name}={wrong[name]}"):
        load_dataset("rcv1", folder=folder, **{**options, "rows": 20, **wrong})


def test_rcv1_names_its_addresses_where_it_is_missing(tmp_path):
    with pytest.raises(DataError, match=r"no checksum .*/a12-token-files/lyrl2004_tokens_train\.dat\.gz") as caught:
        load_dataset("rcv1", folder=tmp_path)
    assert "unverified" in str(caught.value)
