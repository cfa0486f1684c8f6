"""Files of named arrays, written and read here and by safetensors itself."""

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from ssvae.backend import array_files

ARRAYS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3).T, "b": np.array(7, np.int64), "c": np.zeros((0, 2))}
NOTES = {"of": "a test", "by": "β"}


def same(found) -> None:
    assert sorted(found) == sorted(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_arrays_and_notes_come_back(tmp_path):
    array_files.write(tmp_path / "file", ARRAYS, NOTES)
    found = array_files.read(tmp_path / "file")
    same(found.arrays)
    assert found.notes == NOTES
    same(load_file(tmp_path / "file"))
    same(array_files.unpack(array_files.pack(ARRAYS)))
    with safe_open(tmp_path / "file", "np") as file:
        assert {**file.metadata(), "sha256": ""} == {**NOTES, "sha256": ""}


def test_a_file_without_a_checksum_is_read_only_where_that_is_asked_for(tmp_path):
    save_file({"a": np.ones(3)}, tmp_path / "file", NOTES)
    with pytest.raises(ValueError, match="checksum mismatch"):
        array_files.read(tmp_path / "file")
    found = array_files.read(tmp_path / "file", checked=False)
    assert (found.arrays["a"].tolist(), found.notes) == ([1.0] * 3, NOTES)


@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("change", ["value", "shape", "name", "note"])
def test_whatever_changes_the_checksum_notices(tmp_path, change, checked):
    array_files.write(tmp_path / "file", ARRAYS, NOTES)
    with safe_open(tmp_path / "file", "np") as file:
        notes = dict(file.metadata())
    arrays = load_file(tmp_path / "file")
    if change == "value":
        arrays["a"][0, 0] += 1.0
    elif change == "shape":
        arrays["a"] = arrays["a"].reshape(2, 3)
    elif change == "name":
        arrays["d"] = arrays.pop("b")
    else:
        notes["by"] = "another"
    save_file(arrays, tmp_path / "file", notes)
    with pytest.raises(ValueError, match="checksum mismatch"):
        array_files.read(tmp_path / "file", checked)


def test_bytes_of_something_else_are_a_value_error(tmp_path):
    (tmp_path / "file").write_bytes(b"no arrays")
    with pytest.raises(ValueError, match="header"):
        array_files.read(tmp_path / "file")
    with pytest.raises(ValueError, match="header"):
        array_files.unpack(b"no arrays")
    with pytest.raises(FileNotFoundError):
        array_files.read(tmp_path / "nothing")
