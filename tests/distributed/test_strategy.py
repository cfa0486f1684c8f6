"""One replica, two on the devices of a machine, and one in each of two processes take the same steps.

Those of a model without noise are held to numpy here, those of one replica with noise in
tests/training/test_steps_in_numpy.py. Devices and workers are fixed when TensorFlow starts, so that their fits run in
processes of their own:

    python tests/distributed/test_strategy.py STRATEGY DEVICES FOLDER
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, softmax

from ssvae import SSVAEClassifier
from ssvae.distributed import cluster, launch
from ssvae.distributed.strategy import ONE, ReplicaLayout, layout_of
from ssvae.training import stage_run
from ssvae.training.minibatch import share

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(mean, 0.3, (20, 3)) for mean in (-1, 1)]).astype(np.float32)
BITS = (RNG.random((40, 6)) < np.repeat([[0.2] * 6, [0.7] * 6], 20, axis=0)).astype(np.float32)
Y = np.where(np.arange(40) % 4 == 0, np.repeat([0, 1], 20), -1)
M1 = {"name": "m1", "latent": 2, "hidden": [4]}
M2 = {"name": "m2", "latent": 2, "hidden": [4]}
SBN = {"name": "sbn", "latent": [3, 2], "hidden": [], "classifier": "logistic_regression"}
# 7 unlabelled rows a step: two replicas have 3 and 4 of them. Of 1 labelled row one replica has none.
CASES = {
    "m2_all_terms": {
        "model": {**M2, "normalization": "batch"},
        "labeled_batch_size": 1,
        "regularizers": [
            "virtual_adversarial",
            {"name": "mutual_information", "sure": 0.5},
            "neighbours",
            "propagated_labels",
        ],
    },
    # Replicas have the rows on disk, the one device has them in memory.
    "m1_m2": {"model": {"name": "m1_m2", "latent": 2, "hidden": [4], "m1": {"hidden": [4]}}, "regularizers": []},
    "refined": {
        "model": M1,
        "inference": {"name": "gradient_refined", "steps": 2, "warm_start": 0.0, "refine_at": "fit"},
    },
    "nvil": {"model": SBN, "gradient": {"name": "nvil", "hidden": [4]}, "likelihood": "bernoulli"},
    # Every step takes all labelled rows, 5 and 6 of them, and the gradients are clipped at first. Workers have XLA.
    "supervised": {
        "model": {"name": "supervised", "hidden": []},
        "engine": "xla",
        "regularizers": [],
        "preprocessing": "identity",
        "labeled_batch_size": 11,
        "epochs": 20,
        "learning_rate": 0.1,
        "schedule": "constant",
        "clip_norm": 0.2,
        "alpha": 0.7,
        "weight_prior": 3.0,
        "bound_gradient_weight": 1.0,
    },
}
CLASSES, WEIGHT = np.where(np.arange(40) == 1, 0, Y), np.linspace(0.2, 3.0, 40)  # of "supervised": 11 labels


ON_DISK = ("m1_m2",)


def fit(strategy, settings, on_disk=False):
    """Return the losses [steps, 5] of a fit, and its weights at the beginning and at the end."""
    run, losses, first_weights = stage_run.StageRun._steps, [], []
    plan = {"epochs": 4, "batch_size": 7, "labeled_batch_size": 3, "random_state": 0}  # 20 steps or more

    def kept(self, first, last):
        first_weights.append(self.program.model.get_weights())
        losses.append(run(self, first, last))
        return losses[-1]

    stage_run.StageRun._steps = kept
    try:
        rows = BITS if settings.get("likelihood") == "bernoulli" else X
        with tempfile.TemporaryDirectory() as folder:
            if on_disk:
                np.save(f"{folder}/x.npy", rows)
            rows = f"{folder}/x.npy" if on_disk else rows
            y, weight = (CLASSES, WEIGHT) if settings["model"]["name"] == "supervised" else (Y, None)
            fitted = SSVAEClassifier(**{**plan, **settings}, strategy=strategy).fit(rows, y, sample_weight=weight)
    finally:
        stage_run.StageRun._steps = run
    return np.concatenate(losses), first_weights[0], fitted.model_.get_weights()


def fits(strategy):
    """Return losses and weights of every case."""
    found = {}
    for name, settings in CASES.items():
        engine = {} if strategy == "multiworker" else {"engine": "graph"}
        losses, *ends = fit(strategy, {**settings, **engine}, strategy != "one" and name in ON_DISK)
        start, weights = ([weight.tolist() for weight in end] for end in ends)
        found[name] = {"losses": losses.tolist(), "start": start, "weights": weights}
    return found


def main(strategy, devices, folder):
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * int(devices))
    try:
        found = fits(strategy)
    except ConnectionError:
        sys.exit(75)  # on a machine that was busy for too long, TensorFlow takes a worker for dead: once more
    (Path(folder) / f"{strategy}{cluster.read().number}.json").write_text(json.dumps(found))


@pytest.fixture(scope="module")
def losses(tmp_path_factory):
    """Losses and weights of every case, by where its replicas lived."""
    folder = tmp_path_factory.mktemp("distribution")
    mirrored, workers = (
        [sys.executable, __file__, *words, str(folder)] for words in (("mirrored", "2"), ("multiworker", "1"))
    )
    with open(folder / "said", "w") as said, subprocess.Popen(mirrored, stdout=said, stderr=said) as process:
        try:
            lines = []
            assert launch.launch(workers, workers, 2, 3, lines.append) == 0, "\n".join(lines)
            found = {"one0": fits("one")}
            assert process.wait(timeout=600) == 0, (folder / "said").read_text()
        finally:
            process.kill()
    return found | {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ["mirrored0", "multiworker0"])
def test_losses_of_every_step_do_not_depend_on_where_replicas_live(losses, name, case):
    here, there = losses["one0"][case], losses[name][case]
    assert len(here["losses"]) >= 20
    np.testing.assert_allclose(there["losses"], here["losses"], rtol=1e-5, atol=1e-6)
    for a, b in zip(there["weights"], here["weights"], strict=True):  # the statistics of rows among them
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def softmax_regression(kernel, bias, settings) -> tuple[list[float], list[np.ndarray]]:
    """Return the loss before each step of Adam, and the weights at the end, in double precision."""
    rows = np.flatnonzero(CLASSES >= 0)
    x, y, weight = X[rows].astype(float), np.eye(2)[CLASSES[rows]], WEIGHT[rows] / WEIGHT[rows].mean()
    weights, losses = [np.array(kernel, float), np.array(bias, float)], []
    first, second = ([np.zeros_like(w) for w in weights] for _ in range(2))
    precision, alpha = settings["weight_prior"] / len(rows), settings["alpha"]
    for step in range(1, settings["epochs"] + 1):
        logits = x @ weights[0] + weights[1]
        losses.append(-alpha * np.mean(weight * (y * log_softmax(logits, axis=1)).sum(axis=1)))
        losses[-1] += 0.5 * precision * (weights[0] ** 2).sum()
        error = alpha * weight[:, None] * (softmax(logits, axis=1) - y) / len(rows)
        gradients = [x.T @ error, error.sum(axis=0)]
        scale = min(1.0, settings["clip_norm"] / np.sqrt(sum((g**2).sum() for g in gradients)))
        gradients = [scale * gradients[0] + precision * weights[0], scale * gradients[1]]
        for i, gradient in enumerate(gradients):
            first[i] = 0.9 * first[i] + 0.1 * gradient
            second[i] = 0.999 * second[i] + 0.001 * gradient**2
            rate = settings["learning_rate"] * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            weights[i] = weights[i] - rate * first[i] / (np.sqrt(second[i]) + 1e-7)
    return losses, weights


@pytest.mark.slow
@pytest.mark.parametrize("name", ["one0", "mirrored0", "multiworker0"])
def test_steps_without_noise_are_those_of_softmax_regression_in_numpy(losses, name):
    found = losses[name]["supervised"]
    expected, weights = softmax_regression(*found["start"], CASES["supervised"])
    np.testing.assert_allclose(np.array(found["losses"])[:, 0], expected, rtol=1e-5)
    for a, b in zip(found["weights"], weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_workers_end_with_the_same_bits(losses, case):
    assert losses["multiworker0"][case] == losses["multiworker1"][case]


def test_shares_are_the_whole_batch():
    order = tf.reshape(tf.range(14), [2, 7])
    for count in (1, 2, 3, 8):
        parts = [share(order, number, count) for number in range(count)]
        np.testing.assert_array_equal(tf.concat([part for part, _ in parts], 1), order)
        np.testing.assert_array_equal(tf.concat([place for _, place in parts], 0), range(7))
        assert max(len(place) for _, place in parts) - min(len(place) for _, place in parts) <= 1


def test_one_device_needs_no_strategy(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert layout_of("one") is ONE
    if len(tf.config.list_logical_devices("GPU")) < 2:
        assert layout_of("auto") is ONE
        assert layout_of("mirrored") is ONE
    assert (ONE.count, ONE.first, ONE.across_processes, ONE.devices) == (1, True, False, (None,))
    assert ONE.any(True)
    assert ONE.from_first(b"state") == b"state"


def test_a_strategy_object_is_taken():
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    found = layout_of(strategy)
    assert found == ReplicaLayout(strategy)
    assert (found.count, found.numbers, found.first, found.across_processes) == (1, (0,), True, False)
    assert [tf.DeviceSpec.from_string(device).device_type for device in found.devices] == ["CPU"]


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        ("miror", r"unknown strategy 'miror', one of \['auto', .*did you mean 'mirrored'\?"),
        ("multiworker", r"needs TF_CONFIG, .*start them with `ssvae launch --workers 2 -- fit \.\.\.`"),
        (tf.distribute.get_strategy(), r"strategy must be one of \['auto', .* its replicas do not take their steps"),
    ],
)
def test_what_cannot_be_is_refused_before_any_training(monkeypatch, strategy, said):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(ValueError, match=said):
        SSVAEClassifier(strategy=strategy).fit(X, Y)


if __name__ == "__main__":
    main(*sys.argv[1:])
