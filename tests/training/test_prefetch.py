"""Fits of rows on disk are those of the same rows in memory, bit by bit; what cannot be learnt from says so before.

What steps are given is held to the rows that were written, here; what they make of it is in test_steps_in_numpy.py.
"""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from ssvae import SSVAEClassifier
from ssvae.backend import aligned_arrays
from ssvae.estimator import components
from ssvae.readers.open import open_rows
from ssvae.readers.sparse_table import SparseTable
from ssvae.training import prefetch, shuffling, streams
from ssvae.training.callbacks import Callback
from ssvae.training.checkpoint import Checkpoint
from ssvae.training.minibatch import TrainingArrays, batches, tensors
from ssvae.training.prefetch import feed

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(mean, 0.3, (40, 3)) for mean in (-1, 1)]).astype(np.float32)
Y = np.where(np.arange(80) % 4 == 0, np.repeat([0, 1], 40), -1)


class Interrupt(Callback):
    """Ctrl-C in the middle of the second epoch."""

    def advance(self, stage, epochs):
        if epochs > 1.2:
            raise KeyboardInterrupt


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "STEPS_PER_CALL", 4)  # several windows an epoch
    np.save(tmp_path / "x.npy", X)
    return tmp_path / "x.npy"


def classifier(**settings):
    model = {"name": "m2", "latent": 2, "hidden": [4]}
    settings = {"model": model, "regularizers": (), "epochs": 3, "batch_size": 7, "engine": "graph", **settings}
    return SSVAEClassifier(random_state=0, **settings)


WRITERS = {
    "x.npy": np.save,
    "x.parquet": lambda path, x: pd.DataFrame(x, columns=[*"abc"]).to_parquet(path, row_group_size=9),
    "x.npz": lambda path, x: sparse.save_npz(path, sparse.csr_array(x), compressed=False),
}


@pytest.mark.parametrize("name", ["memory", "sparse", *WRITERS])
def test_steps_are_given_every_row_once_an_epoch_with_its_own_label_and_weight(tmp_path, monkeypatch, name):
    monkeypatch.setattr(shuffling, "WINDOW", 20 * 3 * 4)  # rows of row groups come in windows of 20
    x = X.copy()
    x[:, 0] = np.arange(80)  # rows say who they are
    if name in WRITERS:
        WRITERS[name](tmp_path / name, x)
    rows = {"memory": x, "sparse": SparseTable(x)}[name] if name not in WRITERS else open_rows(tmp_path / name)
    weight, nothing = np.linspace(0.5, 1.5, 80), np.zeros((80, 0))
    labelled, unlabelled = (np.flatnonzero(known).astype(np.int32) for known in (Y >= 0, Y < 0))
    own = streams.Streams(labelled, unlabelled, streams.blocks(rows, unlabelled))
    windows, seen = [(0, 4), (4, 4), (8, 4), (12, 3)], ([], [])  # an epoch: 15 steps of 4 of the 60 rows
    program = SimpleNamespace(tensors=lambda arrays: (tensors(arrays),))
    fed = feed(program, TrainingArrays(rows, Y, weight, nothing, nothing), own, (3, 4), 4, seed=0)
    for (_, count), ((data,), orders) in zip(windows, fed(windows), strict=True):
        for stream, known in enumerate((True, False)):
            batch = batches(data, orders[stream], 2, 3, known)
            given = np.array(batch.x)[:count].reshape(-1, 3)
            number = given[:, 0].astype(int)
            np.testing.assert_array_equal(given, x[number])
            y = np.eye(2)[Y[number]] if known else np.ones((len(number), 2))
            np.testing.assert_array_equal(np.array(batch.y)[:count].reshape(-1, 2), y)
            np.testing.assert_allclose(np.array(batch.weight)[:count].ravel(), weight[number], rtol=1e-6)
            seen[stream].extend(number)
    assert sorted(seen[0][:40]) == sorted([*labelled] * 2)  # two passes, and five rows of a third
    assert sorted(seen[1]) == [*unlabelled]


def test_a_fit_from_disk_is_that_in_memory(file):
    kept = classifier().fit(X, Y)
    for given in (file, np.load(file, mmap_mode="r")):
        streamed = classifier().fit(given, Y)
        assert streamed.history_["loss"] == kept.history_["loss"]
        np.testing.assert_array_equal(streamed.predict_proba(given), kept.predict_proba(X))
        np.testing.assert_array_equal(streamed.transform(file), kept.transform(X))
        assert streamed.score(file, Y) == kept.score(X, Y)


@pytest.mark.parametrize("model", ["m1", "m1_m2"])
def test_a_stage_on_latents_is_that_in_memory(file, model):
    own = {"name": model, "latent": 2, "hidden": [4]}
    kept, streamed = (classifier(model=own, epochs=2).fit(x, Y) for x in (X, file))
    assert streamed.history_["loss"] == kept.history_["loss"]
    np.testing.assert_array_equal(streamed.predict_proba(X), kept.predict_proba(X))


def test_rows_of_groups_are_shuffled_in_windows_and_a_fit_of_them_goes_on_exactly(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "STEPS_PER_CALL", 4)
    pd.DataFrame(X, columns=[*"abc"]).to_parquet(tmp_path / "x.parquet", row_group_size=9)
    kept, whole = (classifier().fit(x, Y) for x in (X, tmp_path / "x.parquet"))
    assert whole.history_["loss"] == kept.history_["loss"]  # one window holds all
    monkeypatch.setattr(shuffling, "WINDOW", 20 * 3 * 4)
    windows = classifier().fit(tmp_path / "x.parquet", Y)
    assert windows.history_["loss"] != kept.history_["loss"]
    with pytest.raises(KeyboardInterrupt):
        classifier(callbacks=[Checkpoint(tmp_path / "state"), Interrupt()]).fit(tmp_path / "x.parquet", Y)
    resumed = classifier(callbacks=[Checkpoint(tmp_path / "state")]).fit(tmp_path / "x.parquet", Y)
    assert resumed.history_["loss"] == windows.history_["loss"]


def test_a_sparse_fit_from_disk_is_that_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "STEPS_PER_CALL", 4)
    counts = sparse.csr_array(RNG.poisson(0.5, (80, 12)).astype(np.float32))
    sparse.save_npz(tmp_path / "x.npz", counts, compressed=False)
    kept, streamed = (
        classifier(likelihood="multinomial", preprocessing="identity").fit(x, Y) for x in (counts, tmp_path / "x.npz")
    )
    assert streamed.history_["loss"] == kept.history_["loss"]


def test_an_interrupted_fit_from_disk_goes_on_exactly(file, tmp_path):
    whole = classifier().fit(file, Y)
    with pytest.raises(KeyboardInterrupt):
        classifier(callbacks=[Checkpoint(tmp_path / "state"), Interrupt()]).fit(file, Y)
    resumed = classifier(callbacks=[Checkpoint(tmp_path / "state")]).fit(file, Y)
    assert resumed.history_["loss"] == whole.history_["loss"]


def test_what_compares_all_rows_reads_a_small_file_and_leaves_a_large_one_on_disk(file, monkeypatch):
    settings = {"regularizers": ["mutual_information", "neighbours"], "epochs": 1}
    kept, streamed = (classifier(**settings).fit(x, Y) for x in (X, file))
    assert streamed.history_["loss"] == kept.history_["loss"]
    monkeypatch.setattr(components, "RESIDENT", X.nbytes - 1)
    with monkeypatch.context() as reading:
        reading.setattr("ssvae.readers.base.BYTES", 12 * 8)  # a few rows at a time
        assert classifier(**settings).fit(file, Y).history_["loss"] == kept.history_["loss"]


@pytest.mark.parametrize(
    ("cell", "settings", "words"),
    [
        (np.nan, {"likelihood": "gaussian"}, "contains NaN: the first in row 70, column 1"),
        (np.inf, {}, r"contains infinity \(inf\): the first in row 70, column 1"),
        (-9.0, {"likelihood": "multinomial", "preprocessing": "identity"}, "row 0, column"),
    ],
    ids=["NaN", "infinity", "negative counts"],
)
def test_the_first_bad_row_is_named_before_training(file, monkeypatch, cell, settings, words):
    monkeypatch.setattr("ssvae.readers.base.BYTES", 12 * 8)
    x = X.copy()
    x[70:, 1] = cell
    np.save(file, x)
    with pytest.raises(ValueError, match=words):
        classifier(**settings).fit(file, Y)


def test_labels_and_widths_that_do_not_fit(file, tmp_path):
    with pytest.raises(ValueError, match=r"y has 79 labels, and .*x\.npy has 80 rows"):
        classifier().fit(file, Y[1:])
    fitted = classifier(epochs=1).fit(file, Y)
    np.save(tmp_path / "wide.npy", np.zeros((5, 4), np.float32))
    with pytest.raises(ValueError, match="4 features"):
        fitted.predict(tmp_path / "wide.npy")


def test_columns_are_found_by_their_names(tmp_path):
    frame = pd.DataFrame(X, columns=[*"abc"]).assign(job=np.where(Y < 0, "cook", "smith"))
    frame.to_parquet(tmp_path / "x.parquet")
    fitted = classifier(epochs=1).fit(tmp_path / "x.parquet", Y)
    assert fitted.feature_names_in_.tolist() == ["a", "b", "c", "job=cook", "job=smith"]
    frame[["job", "c", "a", "b"]].assign(z=1.0)[Y < 0].to_parquet(tmp_path / "other.parquet")
    with pytest.warns(UserWarning, match=r"columns that fit did not see, which are left out: \['z'\]"):
        found = fitted.predict_proba(tmp_path / "other.parquet")
    np.testing.assert_array_equal(found, fitted.predict_proba(tmp_path / "x.parquet")[Y < 0])
    frame[["a", "b", "job"]].to_parquet(tmp_path / "less.parquet")
    with pytest.raises(ValueError, match="has no column 'c', which the model was fitted on"):
        fitted.predict(tmp_path / "less.parquet")
    assert not hasattr(fitted.fit(X, Y), "feature_names_in_")


@pytest.mark.parametrize("settings", [{}, {"likelihood": "gaussian", "engine": "xla"}], ids=["as they are", "scaled"])
def test_a_fit_that_gathers_the_rows_of_each_window_is_that_of_all_rows(monkeypatch, settings):
    monkeypatch.setattr(streams, "STEPS_PER_CALL", 4)
    grey = aligned_arrays.empty((81, 3))[1:]  # begins where no tensor can share its memory
    grey[:] = np.round((X - X.min()) / np.ptp(X) * 255) / 255
    made = []
    monkeypatch.setattr(prefetch.GatheredFeed, "begin", lambda self: made.append(self))
    losses = []
    for large in (2**25, 0):
        monkeypatch.setattr(prefetch, "LARGE", large)
        fitted = classifier(regularizers=("neighbours", "propagated_labels"), **settings).fit(grey, Y)
        losses.append([*fitted.history_["loss"], *fitted.predict_proba(grey)[:, 0]])
    assert losses[0] == losses[1]
    assert len(made) == ("likelihood" not in settings)  # standardised rows are aligned
