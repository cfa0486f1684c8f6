"""The one front door and the list of data sets."""

import subprocess
import sys

import pytest

from ssvae.datasets import DATASETS
from ssvae.datasets.load import describe, fetch_all, load_dataset


def test_digits_is_the_default():
    assert load_dataset().name == "digits"
    assert len(load_dataset(valid=100).x_valid) == 100


def test_a_file_goes_by_its_path(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,x\n2,y\n3,x\n4,y\n")
    data = load_dataset(data=tmp_path / "t.csv", target="b", test=0)
    assert data.name == "t"
    assert data.y.tolist() == ["x", "y", "x", "y"]


def test_a_name_and_a_file(tmp_path):
    with pytest.raises(ValueError, match="one of the two"):
        load_dataset("mnist", data=tmp_path)


def test_a_target_without_a_file():
    with pytest.raises(ValueError, match="column of a file"):
        load_dataset("digits", target="y")


def test_nearest_names_are_given():
    with pytest.raises(ValueError, match="did you mean 'mnist'"):
        load_dataset("mnits")
    with pytest.raises(ValueError, match="did you mean 'pool'"):
        load_dataset("mnist", poll=60000)
    with pytest.raises(ValueError, match="did you mean 'test'"):
        load_dataset(data="t.csv", tets=0.5)


def test_list_says_where_and_how_large(made):
    folder, _ = made("mnist")
    rows = {row["name"]: row for row in describe(folder)}
    assert list(rows) == DATASETS.names()
    assert rows["mnist"]["where"] == str(folder / "mnist")
    assert rows["digits"] == {
        "name": "digits", "rows": 1297, "test_rows": 500, "features": 64, "classes": 10, "where": "inside scikit-learn",
    }  # fmt: skip
    assert rows["cifar10"]["where"] == "not here (170 MB to download)"


def test_list_says_what_is_to_be_fetched_by_hand(tmp_path):
    rows = {row["name"]: row["where"] for row in describe(tmp_path)}
    assert rows["rcv1"] == "not here (6 MB to download, 182 MB to fetch by hand)"
    (tmp_path / "rcv1-v2.topics.qrels.gz").write_bytes(b"")
    assert {row["name"]: row["where"] for row in describe(tmp_path)}["rcv1"] == "not here (182 MB to fetch by hand)"


def test_digits_need_no_files():
    assert fetch_all("digits") == []


def test_listing_imports_nothing_heavy():
    code = (
        "import sys; from ssvae.datasets.load import describe; describe(); "
        "print([m for m in ('tensorflow', 'pandas', 'sklearn', 'scipy', 'PIL') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
