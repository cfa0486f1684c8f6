"""Every pair of components of the tables is refused before anything is trained, or ends a whole run.

What is compiled in a fit runs as it stands here: tracing would take ten times as long. Compiled, each component is
tried in tests/backend/test_engine.py, and whole runs in tests/cli.
"""

import inspect
import itertools
import re

import numpy as np
import pytest
import tensorflow as tf
from matplotlib.figure import Figure

from ssvae import SSVAEClassifier
from ssvae.backend.compile_cache import Pool
from ssvae.evaluation import inference_gap, local_optimum
from ssvae.experiments import exports, run, run_folder, run_metrics
from ssvae.gradients import GRADIENTS
from ssvae.inference import INFERENCES
from ssvae.likelihoods import LIKELIHOODS
from ssvae.models import MODELS
from ssvae.models.capabilities import GenerativeClassifier, HasDensity, Stacked
from ssvae.plots import gap_figures, run_figures
from ssvae.training.callbacks import Callback

SIDE, K, ROWS = 2, 2, 12  # of images; classes; training rows
RNG = np.random.default_rng(0)
X = RNG.integers(0, 2, (ROWS, SIDE**2)).astype(np.float32)  # in the support of every likelihood
Y = np.where(np.arange(ROWS) < ROWS // 2, np.arange(ROWS) % K, -1)
SMALL = {"latent": 2, "hidden": [3], "classifier_hidden": [3], "depth": 1, "steps": 1, "test_steps": 1, "leapfrog": 1}
OWN = {
    "m1_m2": {"m1": {"hidden": [3]}},
    "hierarchical": {"hidden": 3},
    "sbn": {"upwards": "deterministic", "latent": [2, 2]},  # two levels, whose means importance refinement can move
    "quadrature": {"nodes": 4},
}
TABLES = {
    "model": MODELS,
    "inference": INFERENCES,
    "gradient": GRADIENTS,
    "class_gradient": GRADIENTS,
    "likelihood": LIKELIHOODS,
}
PARTS = (
    "m1",
    "m2",
    "sbn",
)  # of others, with which they are trained: m1_m2 trains M1 and M2, conditional_sbn all of SBN
FIT = {"regularizers": (), "epochs": 1, "random_state": 0, "likelihood": "bernoulli"}


def small(slot, name) -> dict:
    """Return a component with few numbers to compute, by the names of its arguments."""
    allowed = inspect.signature(TABLES[slot].get(name)).parameters
    return {"name": name, **{key: value for key, value in SMALL.items() if key in allowed}, **OWN.get(name, {})}


def pairs(first, second) -> list:
    """Return the settings of every pair of the entries of two tables; of two names for one class, one."""
    one, other = (
        {table.get(name): name for name in table.names()}.values() for table in (TABLES[first], TABLES[second])
    )
    return [pytest.param({first: a, second: b}, id=f"{a}-{b}") for a, b in itertools.product(one, other)]


def as_it_stands(function=None, **_):
    """In the place of tf.function, a decorator too: what runs the function at once."""
    return AsItStands if function is None else AsItStands(function)


class AsItStands:
    """A function that is not compiled, nor rewritten: tf.function is given autograph=False everywhere."""

    def __init__(self, function):
        self.function = tf.autograph.experimental.do_not_convert(function)

    def __call__(self, *arguments):
        return self.function(*arguments)

    def get_concrete_function(self, *_):
        return self.function


@pytest.fixture
def uncompiled(monkeypatch):
    monkeypatch.setattr(tf, "function", as_it_stands)
    for module in ("ssvae.prediction", "ssvae.training.loop"):  # programs of other tests are compiled
        monkeypatch.setattr(f"{module}.POOL", Pool())
    monkeypatch.setattr("ssvae.prediction.weights_read", lambda _, model: [True] * len(model.weights))
    monkeypatch.setattr(inference_gap, "STEPS", (1,))
    monkeypatch.setattr(local_optimum, "COMPARISONS", 1)
    monkeypatch.setattr(run_metrics, "_baseline_error", lambda *_: 0.0)  # a fit of its own, the same for every pair
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **_: path.write_bytes(b"drawn"))


class Began(Exception):
    """Training has begun."""


class Begins(Callback):
    """Notes that training begins, and may end it there."""

    def __init__(self, stop):
        self.stages, self.stop = [], stop

    def stage_begin(self, stage, epochs, done):
        self.stages.append(stage)
        if self.stop:
            raise Began


def check_refusal(error, pair, begun) -> None:
    """Check that an error came before training, and says in one sentence what is refused, and what to take."""
    assert not begun, error
    assert any(repr(name) in str(error) for name in pair.values()), error
    assert re.search(r": .*\b(use|take) ", str(error)), error
    assert "\n" not in str(error)


def fit(pair, stop=False) -> SSVAEClassifier | None:
    """Return the classifier, or None where a pair is refused before training; with `stop`, end where that begins."""
    slots, begins = {"model": "m2", **pair}, Begins(stop)
    settings = {**FIT, **{slot: small(slot, name) for slot, name in slots.items()}, "callbacks": [begins]}
    classifier = SSVAEClassifier(**settings)
    try:
        return classifier.fit(X, Y)
    except Began:
        return classifier
    except ValueError as error:
        check_refusal(error, pair, begins.stages)
        return None


def fits(model, gradient) -> bool:
    """Return whether a model's latents are what an estimator of the gradient requires; a model without has no say."""
    model, gradient = MODELS.get(model), GRADIENTS.get(gradient)
    if not issubclass(model, HasDensity):
        return True
    return gradient.requires in REQUIRED[kind(model)]


def kind(model) -> str:
    """Return what the latents of a model are."""
    return "binary" if model.binary else "continuous"


REQUIRED = {  # by estimators that are for ...
    "classes": ("", "enumerable", "categorical"),
    "binary": ("", "enumerable", "binary", "independent binary"),
    "continuous": ("", "reparameterised", "gaussian"),
}


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("pair", pairs("model", "gradient"))
def test_a_model_with_a_gradient(pair):
    fitted = fit(pair, stop=pair["model"] in PARTS)
    assert (fitted is not None) == fits(**pair)


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("pair", pairs("likelihood", "class_gradient"))
def test_a_likelihood_with_a_class_gradient(pair):
    """Whatever a likelihood is, the classes are summed alike: each class gradient ends the fit of one likelihood."""
    found = fit(pair, stop=pair["likelihood"] != "multinomial")
    assert (found is not None) == (GRADIENTS.get(pair["class_gradient"]).requires in REQUIRED["classes"])


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("name", GRADIENTS.names())
def test_a_stack_with_a_class_gradient(name):
    """What the second stage cannot take is refused before the first."""
    found = fit({"model": "m1_m2", "class_gradient": name}, stop=True)
    assert (found is not None) == (GRADIENTS.get(name).requires in REQUIRED["classes"])


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("name", LIKELIHOODS.names())
def test_every_likelihood_ends_its_fit(name):
    assert np.isfinite(fit({"likelihood": name}).bound(X)).all()


@pytest.fixture
def rows(tmp_path):
    """Write a file of rows, and return its path."""
    x, y = X.reshape(-1, SIDE, SIDE), np.arange(ROWS) % K
    np.savez(tmp_path / "rows.npz", x=x, y=Y, x_test=x[:4], y_test=y[:4])
    return tmp_path / "rows.npz"


LATENTS = {  # that a method is for
    "amortized": ("binary", "continuous"),
    "gradient_refined": ("binary", "continuous"),
    "importance_refined": ("binary",),
    **dict.fromkeys(("hmc", "importance_weighted", "iterative", "mc_likelihood"), ("continuous",)),
}


@pytest.mark.slow
@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("pair", pairs("model", "inference"))
def test_a_whole_run_of_a_model_with_an_inference_method(pair, rows, tmp_path):
    part = pair["model"] in PARTS and pair["inference"] != "amortized"
    found = fit(pair, stop=True) if part else whole_run(pair, rows, tmp_path / "run")
    model, allowed = MODELS.get(pair["model"]), LATENTS.get(pair["inference"])
    if allowed is not None:
        assert (found is not None) == (not issubclass(model, HasDensity) or kind(model) in allowed)


def whole_run(pair, rows, folder) -> run_folder.Run | None:
    """Return the run, or None where a pair is refused before training."""
    slots = {slot: small(slot, name) for slot, name in pair.items()}
    config = {"dataset": {"data": str(rows), "labels": None}, "classifier": {**FIT, **slots}}
    try:
        run.run(config, folder)
        opened = run_folder.open_run(folder)
        look_at(opened, rows)
        return opened
    except ValueError as error:
        check_refusal(error, pair, begun=folder.exists())  # its files are written when training begins
        return None


def look_at(opened, file) -> None:
    """Do what the commands do with a run and its model can; bounds and analogies are among its numbers and figures."""
    dataset, classifier, model = run_folder.load_dataset(opened.config), opened.classifier, opened.classifier.model_
    generative, classes = isinstance(model, HasDensity), isinstance(model, GenerativeClassifier)
    assert len([*(opened.folder / "figures").iterdir()]) == (6 if classes else 5 if generative else 2)
    assert not generative or np.isfinite(classifier.log_evidence(dataset.x_test, samples=2)).all()
    ways = ("encoder", "bayes", "bayes_at_mean")
    for via in ways[: 3 if isinstance(model, Stacked) else 2 if classes else 1]:  # the last is another for stacks alone
        assert len(exports.table(opened, exports.read_rows(opened, file), via).splitlines()) == 1 + ROWS
    if generative and not model.binary:
        gap = classifier.elbo_gap(dataset.x_test, steps=1, samples=2)
        assert all(np.isfinite(gap.numbers()[name]) for name in ("amortisation_gap", "approximation_gap"))
        run_figures.save(gap_figures.overview(gap), opened.folder / "gap.png")


@pytest.mark.usefixtures("uncompiled")
def test_a_run_that_is_refused_leaves_the_one_that_is_there(rows, tmp_path):
    classifier = {**FIT, "model": small("model", "m1_m2")}
    config = {"dataset": {"data": str(rows), "labels": None}, "classifier": classifier}
    run.run(config, tmp_path / "run")
    refused = {**config, "classifier": {**classifier, "class_gradient": "pathwise"}}
    with pytest.raises(ValueError, match="'pathwise' needs reparameterised latents; 'y' is"):
        run.run(refused, tmp_path / "run", overwrite=True)
    assert run_folder.open_run(tmp_path / "run").config == run_folder.read_config(tmp_path / "run")
    assert (tmp_path / "run" / "metrics.json").is_file()
