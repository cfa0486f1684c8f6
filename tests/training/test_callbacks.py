"""Checkpoints."""

import numpy as np
import pytest

from ssvae.training.callbacks import State
from ssvae.training.checkpoint import Checkpoint

ARRAYS = [np.arange(6, dtype=np.float32).reshape(2, 3), np.array(7, np.int64)]
HISTORY = {"stage": ["m2"], "epoch": [1], "loss": [0.5]}


FIT = {"alpha": 0.1, "hidden": (4,), "seed": 1}


def kept(folder) -> Checkpoint:
    checkpoint = Checkpoint(folder)
    assert checkpoint.resume(FIT) is None
    checkpoint.save({"m1": [np.ones((2, 2), np.float32)]}, State("m2", 4, ARRAYS), HISTORY, force=True)
    return checkpoint


def test_state_comes_back_bit_for_bit(tmp_path):
    kept(tmp_path / "new" / "folder")
    found = Checkpoint(tmp_path / "new" / "folder").resume(FIT)
    assert found.history == HISTORY
    assert list(found.done) == ["m1"]
    np.testing.assert_array_equal(found.done["m1"][0], np.ones((2, 2)))
    assert found.state[:2] == ("m2", 4)
    for now, then in zip(found.state.arrays, ARRAYS, strict=True):
        np.testing.assert_array_equal(now, then)
        assert (now.dtype, now.shape) == (then.dtype, then.shape)
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["state.safetensors"]


def test_state_of_another_fit_is_refused(tmp_path):
    kept(tmp_path)
    words = r"state.safetensors was made by another fit: alpha was 0.1 and is now 0.2; resume with what it was, or"
    with pytest.raises(ValueError, match=words):
        Checkpoint(tmp_path).resume({**FIT, "alpha": 0.2})
    more = dict.fromkeys(["seed", "hidden", "epochs", "batch_size", "latent", "zeta"], 9)  # the first is named
    with pytest.raises(ValueError, match="batch_size was None and is now 9"):
        Checkpoint(tmp_path).resume({**FIT, **more})


def test_restart_leaves_the_state_of_another_fit_alone_until_the_first_write(tmp_path):
    before = kept(tmp_path).path.read_bytes()
    checkpoint = Checkpoint(tmp_path, restart=True)
    assert checkpoint.resume({**FIT, "seed": 2}) is None
    assert checkpoint.path.read_bytes() == before
    checkpoint.save({}, State("m2", 1, ARRAYS), HISTORY, force=True)
    assert Checkpoint(tmp_path).resume({**FIT, "seed": 2}).state.epoch == 1


def test_the_former_name_of_restart(tmp_path):
    with pytest.warns(FutureWarning, match="anew of Checkpoint is deprecated .*: use restart"):
        assert Checkpoint(tmp_path, anew=True).restart
    with pytest.raises(ValueError, match="give one"):
        Checkpoint(tmp_path, restart=True, anew=False)


@pytest.mark.parametrize("damage", ["empty", "truncated", "header", "no metadata", "text", "a bit", "folder"])
def test_damaged_state_is_refused(tmp_path, damage):
    path = kept(tmp_path).path
    data = path.read_bytes()
    if damage == "no metadata":
        from safetensors.numpy import save

        path.write_bytes(save({"now/0": ARRAYS[0]}))
    elif damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        new = {"empty": b"", "truncated": data[:-5], "header": b"\xff" + data[1:], "text": b"weights"}
        new["a bit"] = data[:-6] + bytes([data[-6] ^ 1]) + data[-5:]  # of a weight
        path.write_bytes(new[damage])
    with pytest.raises(ValueError, match=r"state.safetensors cannot be read \(.*\): remove it to start again"):
        Checkpoint(tmp_path).resume(FIT)


def test_writes_are_apart(tmp_path, monkeypatch):
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    now = [100.0]
    checkpoint = Checkpoint(tmp_path, every=10)
    checkpoint.resume(FIT)
    for now[0], epoch in ((100.0, 1), (105.0, 2), (111.0, 3), (112.0, 4)):
        checkpoint.save({}, State("m2", epoch, ARRAYS), {})
    assert Checkpoint(tmp_path).resume(FIT).state.epoch == 3
    checkpoint.save({}, State("m2", 4, ARRAYS), {}, force=True)
    assert Checkpoint(tmp_path).resume(FIT).state.epoch == 4
