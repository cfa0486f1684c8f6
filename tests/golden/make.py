"""Make the golden files of the present schema: `python tests/golden/make.py`, once for each schema version.

What it writes is committed and never made again: it shows that later versions read what this one wrote.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

SETTINGS = [
    "classifier.model={name: m1_m2, latent: 4, hidden: [12], m1: {hidden: [12]}, m2: {latent: 3}}",
    "classifier.epochs={m1: 30, m2: 24}",
    "classifier.bound_gradient_weight=0.02",
]
FIT = ["fit", "--labels", "50", "--seed", "3", *(part for setting in SETTINGS for part in ("--set", setting))]
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def test_rows():
    """Return rows [20, 64] that no golden classifier has seen."""
    from sklearn.datasets import load_digits

    return load_digits().data[1000:1020].astype("float32")


def columns():
    return [f"pixel{i}" for i in range(64)]


def make_classifiers(folder):
    """Save M2 on named columns with classes in words, M1 with an SVM on its latents, and the safe mode on iris.

    With what each predicts.
    """
    import pandas as pd
    from sklearn.datasets import load_digits

    from ssvae import SSVAEClassifier

    x, y = (part[:600] for part in load_digits(return_X_y=True))
    table = pd.DataFrame(x.astype("float32"), columns=columns())
    words = np.array(WORDS)[y].astype(object)
    words[60:] = -1
    m2 = {"name": "m2", "latent": 3, "hidden": [12]}
    m2 = SSVAEClassifier(m2, bound_gradient_weight=0.02, epochs=30, random_state=0).fit(table, words)
    y[60:] = -1
    m1 = {"name": "m1", "latent": 3, "hidden": [12], "classifier": "svm"}
    m1 = SSVAEClassifier(m1, likelihood={"name": "binomial", "trials": 16}, epochs=30, random_state=0)
    m1.fit(table.to_numpy() / 16, y)
    rows, found = test_rows(), {}
    for name, classifier, x in (("m2", m2, pd.DataFrame(rows, columns=columns())), ("m1", m1, rows / 16)):
        classifier.save(folder / name)
        for method in ("predict_proba", "transform", "bound"):
            found[f"{name}/{method}"] = getattr(classifier, method)(x)
        found[f"{name}/predict"] = classifier.predict(x).astype(str)
    safe, x = safe_classifier()
    safe.save(folder / "safe")
    for via in ("average", "encoder"):
        found[f"safe/{via}"] = safe.predict_proba(x, via=via)
    np.savez_compressed(folder / "expected.npz", **found)


def iris_rows():
    """Return rows [30, 4] on which the safe mode is tried."""
    from sklearn.datasets import load_iris

    return load_iris().data[2::5].astype("float32")


def safe_classifier():
    """Return a safe classifier of few labels and small forests, and rows to predict."""
    from sklearn.datasets import load_iris

    from ssvae import SSVAEClassifier
    from ssvae.averaging import trees

    trees.TREES = 20
    x, y = load_iris(return_X_y=True)
    y[np.arange(150) % 10 > 0] = -1
    model = {"name": "m1_m2", "latent": 3, "hidden": [12], "m1": {"hidden": [12]}}
    return SSVAEClassifier(model, epochs=30, safe=True, random_state=0).fit(x.astype("float32"), y), iris_rows()


def run_and_die(arguments):
    """Run a command in this process, and kill it when eight epochs of the second stage are in the checkpoint."""
    from ssvae.cli.main import main
    from ssvae.training import checkpoint, streams

    streams.STEPS_PER_CALL = 20
    save = checkpoint.Checkpoint.save

    def save_and_die(self, done, state, *others, **options):
        self._written = 0.0
        save(self, done, state, *others, **options)
        if state is not None and state.stage == "m2" and state.epoch >= 8:
            os.kill(os.getpid(), signal.SIGKILL)

    checkpoint.Checkpoint.save = save_and_die
    main(arguments)


def tidy(run):
    """Remove pictures, the lock of the killed process, and what the environment says of this machine."""
    (run / ".lock").unlink(missing_ok=True)
    shutil.rmtree(run / "figures", ignore_errors=True)
    path = run / "environment.json"
    kept = json.loads(path.read_text("utf-8")) | {"platform": "Linux-x86_64", "command": ["ssvae", *FIT]}
    path.write_text(json.dumps(kept, indent=2) + "\n", "utf-8")


def make():
    from ssvae.estimator.persistence import SCHEMA

    folder = Path(__file__).parent / f"schema_{SCHEMA}"
    folder.mkdir()
    make_classifiers(folder)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("SSVAE_")}  # no folder of ours
    command = [sys.executable, "-m", "ssvae", *FIT, "--out", str(folder / "finished")]
    subprocess.run(command, check=True, env=plain)
    dying = [sys.executable, __file__, "--die", *FIT, "--out", str(folder / "interrupted")]
    assert subprocess.run(dying, env=plain).returncode == -signal.SIGKILL
    for run in ("finished", "interrupted"):
        tidy(folder / run)


if __name__ == "__main__":
    run_and_die(sys.argv[2:]) if sys.argv[1:2] == ["--die"] else make()
