"""Checkpoints and progress."""

import numpy as np
import pytest

from ssvae.training.callbacks import Callback, State
from ssvae.training.checkpoint import Checkpoint
from ssvae.training.progress import Progress

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


def test_progress_writes_plain_lines_without_a_terminal(capsys):
    progress = Progress()
    assert isinstance(progress, Callback)
    progress.stage_begin("m2", 3, 0)
    for epoch in range(3):
        progress.advance("m2", epoch + 0.5)
        progress.epoch_end("m2", epoch, {"loss": 12.3456})
    progress.stage_end("m2", [])
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[-1] == "m2 epoch 3/3, loss 12.35, about 0 s left in this stage"
    assert len(lines) <= 2  # at most one in five seconds, and the last
    assert "\x1b" not in err


def test_progress_tells_the_seconds_that_are_left(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    progress = Progress()
    progress.stage_begin("m2", 10, 2)  # resumed after two epochs
    for now[0], epoch in ((106.0, 4), (108.0, 5), (112.0, 6), (113.0, 9)):
        progress.epoch_end("m2", epoch, {"loss": 1.0})
    said = [line.split(", ") for line in capsys.readouterr().err.splitlines()]
    assert [line[0] for line in said] == ["m2 epoch 5/10", "m2 epoch 7/10", "m2 epoch 10/10"]
    # 3 epochs took 6 s and 5 are to come; 5 took 12 s and 3 are to come
    assert [line[2] for line in said] == [f"about {left} s left in this stage" for left in (10, 7, 0)]


def test_progress_on_a_terminal_is_a_bar_that_ends(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    progress = Progress()
    progress.stage_begin("m2", 2, 1)
    progress.advance("m2", 1.5)
    progress.epoch_end("m2", 1, {"loss": 1.0})
    assert progress._bar.finished
    progress.interrupted()
    assert progress._bar is None
    progress.interrupted()
    assert "m2 epoch 2/2" in capsys.readouterr().err
