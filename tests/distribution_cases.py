"""Fits of small models whose losses of each step do not depend on where their replicas live.

python tests/distribution_cases.py STRATEGY DEVICES OUT.json
"""

import json
import sys
import time

import numpy as np

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(mean, 0.3, (20, 3)) for mean in (-1, 1)]).astype(np.float32)
BITS = (RNG.random((40, 6)) < np.repeat([[0.2] * 6, [0.7] * 6], 20, axis=0)).astype(np.float32)
Y = np.where(np.arange(40) % 4 == 0, np.repeat([0, 1], 20), -1)
M1 = {"name": "m1", "latent": 2, "hidden": [4]}
M2 = {"name": "m2", "latent": 2, "hidden": [4]}
SBN = {"name": "sbn", "latent": [3, 2], "hidden": [], "classifier": "logistic_regression"}
# 7 unlabelled rows a step: two replicas have 3 and 4 of them. Of 1 labelled row one replica has none.
CASES = {
    "m2": {"model": M2, "regularizers": [], "engine": "xla", "labeled_batch_size": 1},
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
    "m1_m2": {"model": {"name": "m1_m2", "latent": 2, "hidden": [4], "m1": {"hidden": [4]}}, "regularizers": []},
    "refined": {"model": M1, "inference": {"name": "gradient_refined", "steps": 2, "warm_start": 0.0}},
    "nvil": {"model": SBN, "gradient": {"name": "nvil", "hidden": [4]}, "likelihood": "bernoulli"},
}


def fit(strategy, settings):
    """Return the losses [steps, 5] of a fit, and its final weights."""
    from ssvae import SSVAEClassifier, training

    run, losses = training._Run._steps, []
    plan = {"epochs": 4, "batch_size": 7, "labeled_batch_size": 3, "random_state": 0}  # 20 steps or more

    def kept(self, first, last):
        losses.append(run(self, first, last))
        return losses[-1]

    training._Run._steps = kept
    try:
        rows = BITS if settings.get("likelihood") == "bernoulli" else X
        fitted = SSVAEClassifier(**{**plan, **settings}, strategy=strategy).fit(rows, Y)
    finally:
        training._Run._steps = run
    return np.concatenate(losses), fitted.model_.get_weights()


def main(strategy, devices, out):
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * int(devices))
    found = {}
    for name, settings in CASES.items():
        start = time.process_time()
        losses, weights = fit(strategy, settings)
        found[name] = {"losses": losses.tolist(), "weights": [weight.tolist() for weight in weights]}
        print(f"{name}: {time.process_time() - start:.1f} CPU-s", flush=True)
    with open(out, "w") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
