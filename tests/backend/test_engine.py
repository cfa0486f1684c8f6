"""What the engine decides: which is chosen, and that results do not depend on it.

Steps by either engine are held to numpy in tests/training/test_steps_in_numpy.py, and likelihoods are in their contract
test; here are the other components of a step.
"""

import inspect
import itertools

import numpy as np
import pytest
import tensorflow as tf

from ssvae import SSVAEClassifier
from ssvae.backend import random
from ssvae.backend.engine import Engine, choose, current, using
from ssvae.backend.softplus import softplus
from ssvae.estimator import fitting
from ssvae.gradients import GRADIENTS
from ssvae.inference import INFERENCES
from ssvae.models import MODELS
from ssvae.models.capabilities import HasClasses, Stacked
from ssvae.networks.affine import product, shifted
from ssvae.regularizers import REGULARIZERS
from ssvae.training.minibatch import batch_of_step, batches, gathered, tensors
from ssvae.training.step import Replica, RunConstants

ENGINES = {"graph": Engine(), "xla": Engine(True), "xla_bfloat16": Engine(True, True), "bfloat16": Engine(False, True)}
RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(mean, 0.3, (20, 3)) for mean in (-1, 1)]).astype(np.float32)
Y = np.where(np.arange(40) % 4 == 0, np.repeat([0, 1], 20), -1)


def traced(function, engine):
    def inside(*arguments):
        with using(engine):
            return function(*arguments)

    return tf.function(inside, autograph=False, jit_compile=engine.xla)


@pytest.mark.parametrize("engine", [ENGINES["graph"], ENGINES["xla"]], ids=["graph", "xla"])
def test_softplus_and_its_gradients(engine):
    x = np.concatenate([np.linspace(-80, 80, 3001), [0.0, 1e-6, -1e-6]]).astype(np.float32)

    def values(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = softplus(x)
            slope = inner.gradient(y, x)
        return y, slope, outer.gradient(slope, x)

    sigmoid = 1 / (1 + np.exp(-x.astype(np.float64)))
    truth = np.logaddexp(0, x.astype(np.float64)), sigmoid, sigmoid * (1 - sigmoid)
    for found, expected in zip(traced(values, engine)(tf.constant(x)), truth, strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
@pytest.mark.parametrize("leading", [(6,), (2, 3)])
def test_product_and_its_gradient(engine, leading):
    x, kernel = RNG.normal(size=(*leading, 40)).astype(np.float32), RNG.normal(size=(40, 5)).astype(np.float32)
    upstream = RNG.normal(size=(*leading, 5)).astype(np.float32)

    def values(x, kernel):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = product(x, kernel)
        return y, *tape.gradient(y, [x, kernel], upstream)

    flat = upstream.reshape(-1, 5)
    truth = x @ kernel, upstream @ kernel.T, x.reshape(-1, 40).T @ flat
    for found, expected in zip(traced(values, engine)(tf.constant(x), tf.constant(kernel)), truth, strict=True):
        assert found.dtype == tf.float32
        error = np.abs(found - expected).max() / np.abs(expected).max()
        assert (2e-4 < error < 2e-2) if engine.bfloat16 else error < 1e-6  # bfloat16 has 8 bits


@pytest.mark.parametrize("leading", [(6,), (2, 3)])
def test_shift_and_its_gradient(leading):
    h, bias, upstream = (RNG.normal(size=(*shape, 5)).astype(np.float32) for shape in (leading, (), leading))
    with tf.GradientTape() as tape:
        inputs = [tf.constant(h), tf.constant(bias)]
        tape.watch(inputs)
        y = shifted(*inputs)
    found = y, *tape.gradient(y, inputs, upstream)
    truth = h + bias, upstream, upstream.reshape(-1, 5).sum(axis=0)
    for a, b in zip(found, truth, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_auto_takes_xla_where_it_pays():
    assert choose("auto", "float32", steps=100, flop=1e9) == Engine()
    assert choose("auto", "float32", steps=10_000, flop=1e9) == Engine(xla=True)
    assert choose("auto", "bfloat16", steps=100, flop=1e9) == Engine(xla=True, bfloat16=True)
    assert choose("graph", "float32", steps=10_000, flop=1e9) == Engine()
    assert choose("xla", "float32", steps=1, flop=1.0) == Engine(xla=True)


def test_engine_is_only_that_of_the_block():
    assert current() == Engine()
    with using(Engine(True)):
        assert current().xla
    assert current() == Engine()


@pytest.mark.parametrize("engine", ["xla", "graph"])
def test_products_in_bfloat16_move_a_fit_by_their_rounding_alone(engine):
    settings = {"epochs": 5, "batch_size": 10, "labeled_batch_size": 5, "random_state": 0, "regularizers": ()}
    model = {"name": "m2", "latent": 2, "hidden": [6], "activation": "softplus"}
    plain = SSVAEClassifier(model, **settings).fit(X, Y)
    fitted = SSVAEClassifier(model, engine=engine, precision="bfloat16", **settings).fit(X, Y)
    for column in ("loss", "unlabelled_bound", "cross_entropy"):
        np.testing.assert_allclose(fitted.history_[column], plain.history_[column], rtol=3e-2, err_msg=column)


AT_ONCE = {"warm_start": 0.0}  # the amortised epochs before it are those of "amortized"
FEW = {  # steps of what is compiled once for each
    "gradient_refined": {"steps": 2, **AT_ONCE},
    "hmc": {"steps": 2, "leapfrog": 2},
    "importance_refined": {"steps": 2, **AT_ONCE},
    "iterative": {"steps": 2, "hidden": [4], **AT_ONCE},
    "quadrature": {"nodes": 4},
}
EVERYTHING = {"normalization": "batch", "top_down": "ladder", "skip": "highway", "generator_sees": "all"}
OWN = {"hierarchical": {**EVERYTHING, "depth": 1}}


def requirements(name) -> tuple[bool, str]:
    """Return whether an estimator is one of many samples, and what it requires."""
    return GRADIENTS.get(name).multi_sample, GRADIENTS.get(name).requires


def entries() -> list:
    """Settings that have every entry of the tables that a step is made of, several in one where they do not meet.

    What estimates the gradient by z is seen in the encoder's gradient, that by y in the classifier's. Regularizers add
    up. "amortized" is what each has that names no other method.
    """
    names = [name for name in GRADIENTS.names() if name != "auto"]  # which is one of them
    by_z = [name for name in names if requirements(name)[1] in ("", "reparameterised", "gaussian")]
    by_y = [name for name in names if requirements(name) in ((False, ""), (False, "enumerable"))]
    by_z.sort(key=lambda name: requirements(name)[0])  # those of many samples, which want the sum over y, come last
    pairs = itertools.zip_longest(by_z, by_y, fillvalue="auto")
    found = {f"gradients-{z}-{y}": {"gradient": z, "class_gradient": y} for z, y in pairs}
    found |= {f"inference-{name}": {"inference": name} for name in INFERENCES.names() if name != "amortized"}
    found |= {f"model-{name}": {"model": name} for name in MODELS.names()}
    found["model-m2"]["regularizers"] = REGULARIZERS.names()
    return [pytest.param(entry, id=name) for name, entry in found.items()]


def settings_of(entry) -> dict:
    """Return an entry with few numbers to compute."""
    linear = "gradient" in entry  # what is asked of the networks' outputs alone: the models have hidden layers
    settings = {
        "model": {"name": "m2", "latent": 1, "hidden": [] if linear else [6]},
        "likelihood": "gaussian",
        **entry,
    }
    settings["regularizers"] = list(entry.get("regularizers", ()))
    if "model" in entry:
        sizes, allowed = {"hidden": 6, "latent": 2}, inspect.signature(MODELS.get(entry["model"])).parameters
        sizes = {key: size for key, size in sizes.items() if key in allowed}
        settings |= {"model": {"name": entry["model"], **sizes, **OWN.get(entry["model"], {})}}
    if "inference" in entry:
        settings |= {"inference": {"name": entry["inference"], **FEW.get(entry["inference"], {})}}
        if entry["inference"] == "importance_refined":  # of binary latents
            settings |= {"model": {"name": "conditional_sbn", "latent": 2, "hidden": []}}
    return settings | ({"likelihood": "bernoulli"} if settings["model"]["name"] == "fdarn" else {})


def of_step(batch):
    """Return the types of a batch's tensors, of which a trace knows no number of rows, as in training."""
    return tf.nest.map_structure(
        lambda part: None if part is None else tf.TensorSpec([None, *part.shape[1:]], part.dtype), batch
    )


def losses_and_gradients(stage, objective, labelled, unlabelled, engine) -> list[np.ndarray]:
    """Return losses, gradients and the state of the model after each of two steps' gradients, at weights off zero."""
    replica, rng = Replica(stage, objective, 1e9, engine), np.random.default_rng(0)
    for weight in replica.model.trainable_weights:
        weight.assign(0.5 * np.array(weight) + 0.2 * rng.normal(size=weight.shape))

    def inside(*arguments):
        with using(engine):
            return replica.gradients(*arguments)

    run = RunConstants(random.seed_tensor(0), tf.constant(0.25), tf.constant(40.0), tf.constant(8.0), tf.constant(1.0))
    function = tf.function(inside, autograph=False, jit_compile=engine.xla)
    function = function.get_concrete_function(
        of_step(labelled),
        of_step(unlabelled),
        tf.TensorSpec([], tf.int64),
        tf.nest.map_structure(tf.TensorSpec.from_tensor, run),
    )
    found = []
    for step in (0, 7):
        losses, gradients = function(labelled, unlabelled, tf.constant(step, tf.int64), run)
        found += [*losses, *gradients, *replica.model.weights]
    return [np.array(part) for part in found]


def first_batch(rows, order, model, labelled):
    """Return the batch of a stream's first ten rows, or None of an empty stream."""
    if not len(order):
        return None
    rows, classes = tensors(rows), model.classes if isinstance(model, HasClasses) else 1
    batch = batch_of_step(batches(rows, tf.constant(order[np.newaxis, :10]), classes, model.features, labelled), 0)
    if labelled or not rows.neighbours.shape[1]:
        return batch
    return batch._replace(neighbour=gathered(rows.x, tf.gather(rows.neighbours, batch.index)[:, 0], model.features))


@pytest.mark.slow
@pytest.mark.parametrize("entry", entries())
def test_every_component_gives_the_same_losses_and_gradients_with_either_engine(entry, monkeypatch):
    settings, compared = settings_of(entry), []
    rows = (X > 0).astype(np.float32) if settings["likelihood"] == "bernoulli" else X

    def compare(stage, objective, rows, streams, plan, seed, hooks, *_):
        """In the place of the training of a stage."""
        labelled, unlabelled = (first_batch(rows, streams[k], stage.model, k == 0) for k in (0, 1))
        # A bound with the classes in front is the harder one: where the bound alone is looked at, it stands for both.
        labelled = labelled if "model" in entry else None
        engines = Engine(training=True), Engine(xla=True, training=True)
        graph, xla = (losses_and_gradients(stage, objective, labelled, unlabelled, engine) for engine in engines)
        for a, b in zip(graph, xla, strict=True):
            assert np.isfinite(a).all()
            rounding = 1e-7  # of numbers near 1, whose difference a penalty may be
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * np.abs(a).max() + rounding)
        compared.append(stage.name)
        hooks.history["epoch"] = []

    monkeypatch.setattr(fitting, "train", compare)
    monkeypatch.setattr("ssvae.estimator.collapse_alarm.sound", lambda *_: [])  # nothing has been trained
    SSVAEClassifier(**settings, random_state=0, safe=False).fit(rows, Y)
    assert len(compared) == 1 + issubclass(MODELS.get(settings["model"]["name"]), Stacked)


@pytest.mark.parametrize(("argument", "value"), [("engine", "cuda"), ("precision", "float16")])
def test_wrong_words_are_refused(argument, value):
    with pytest.raises(ValueError, match=rf"{argument} must be '.+' or '.+', got '{value}'"):
        SSVAEClassifier(**{argument: value}).fit(X, Y)
