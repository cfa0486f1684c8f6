"""Functions of a trained model over any number of rows."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.special import softmax

from ssvae import prediction
from ssvae.backend.compile_cache import Pool
from ssvae.inference.amortized import Amortized
from ssvae.inference.gradient_refined import GradientRefined
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.likelihoods.gaussian import Gaussian
from ssvae.models.m1_m2 import M1M2
from ssvae.models.m2 import M2
from ssvae.preprocessing.standardize import Standardize

GREY = np.random.default_rng(0).uniform(size=(40, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def model() -> M2:
    return M2(4, 3, Bernoulli(), latent=2, hidden=[5], seed=1)


def probabilities(model, x, **settings):
    return prediction.over_rows(model, prediction.probabilities, x, inference=Amortized(), **settings)


def test_a_row_is_predicted_alone_as_among_others(model):
    whole, order = probabilities(model, GREY), np.random.default_rng(0).permutation(40)
    np.testing.assert_allclose(whole, model(GREY), atol=1e-6)
    np.testing.assert_allclose(probabilities(model, GREY[order]), whole[order], atol=1e-6)
    np.testing.assert_allclose(probabilities(model, GREY[7:8]), whole[7:8], atol=1e-6)
    np.testing.assert_allclose(probabilities(model, GREY, chunk=7), whole, atol=1e-6)
    np.testing.assert_array_equal(probabilities(model, GREY), whole)


def test_probabilities_are_a_softmax_once():
    """Softmax of probabilities could not pass 0.58 with three classes."""
    sure = M2(4, 3, Bernoulli(), latent=2, hidden=[5])
    sure.classifier.kernels[-1].assign(np.zeros(sure.classifier.kernels[-1].shape))
    sure.classifier.biases[-1].assign([8.0, 0.0, 0.0])
    found = probabilities(sure, GREY)
    np.testing.assert_allclose(found, np.tile(softmax([8.0, 0, 0]), (40, 1)), rtol=1e-5)
    assert found[:, 0].min() > 0.99


def test_any_number_of_rows_is_one_trace(model, monkeypatch):
    traces = []

    def counted(model, x, seed):
        traces.append(x.shape)
        return model.classify(x)

    monkeypatch.setattr(prediction, "POOL", Pool())
    for rows in (1, 2, 40, 300, 700):
        assert prediction.over_rows(model, counted, np.resize(GREY, (rows, 4))).shape == (rows, 3)
    assert len(traces) == 1


def test_classes_are_two_traces_one_for_few_rows_and_one_for_many(model, monkeypatch):
    traces = []

    def counted(model, x, seed, inference):
        traces.append(x.shape)
        return model(x)

    monkeypatch.setattr(prediction, "POOL", Pool())
    monkeypatch.setattr(prediction, "probabilities", counted)
    for rows in (1, 100, 129, 2048, 2049, 5000, 3000, 7):
        x = np.resize(GREY, (rows, 4))
        np.testing.assert_allclose(prediction.classify(model, x, Amortized())[-40:], model(x[-40:]), atol=1e-6)
    assert traces == [(prediction.SMALL_CHUNK, 4), (prediction.LARGE_CHUNK, 4)]


def test_rows_are_prepared_chunk_by_chunk_in_flat_memory(model):
    """Beside rows and result, what is allocated does not grow with the rows."""
    x = np.random.default_rng(0).normal(size=(100_000, 4))
    prepare = Standardize().fit(x).transform
    few = prediction.classify(model, x[:2000], Amortized(), prepare)
    prediction.classify(model, x[:3000], Amortized(), prepare)  # compiled before it is measured
    tracemalloc.start()
    every = prediction.classify(model, x, Amortized(), prepare)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(every[:2000], few, atol=1e-6)
    np.testing.assert_allclose(few, model(prepare(x[:2000].astype(np.float32))), atol=1e-6)
    assert peak < every.nbytes + 500_000


def test_programs_follow_the_weights(model):
    before, weights = probabilities(model, GREY), model.get_weights()
    model.set_weights([weight + 0.1 for weight in weights])
    after = probabilities(model, GREY)
    np.testing.assert_allclose(after, model(GREY), atol=1e-6)
    model.set_weights(weights)
    assert (after != before).any()
    np.testing.assert_array_equal(probabilities(model, GREY), before)


def test_few_rows_need_no_program_and_follow_the_weights(model, monkeypatch):
    monkeypatch.setattr(prediction, "over_rows", None)
    before, weights = prediction.classify(model, GREY[:3], Amortized()), model.get_weights()
    np.testing.assert_allclose(before, model(GREY[:3]), atol=1e-6)
    model.set_weights([weight + 0.1 for weight in weights])
    after = prediction.classify(model, GREY[:3], Amortized())
    np.testing.assert_allclose(after, model(GREY[:3]), atol=1e-6)
    model.set_weights(weights)
    assert np.abs(after - before).max() > 1e-3
    np.testing.assert_array_equal(prediction.classify(model, GREY[:3], Amortized()), before)


def test_few_rows_of_models_in_several_threads():
    models = [M2(4, 3, Bernoulli(), latent=2, hidden=[5], seed=seed) for seed in range(4)]
    for model in models:
        model.set_weights([weight + 0.3 * model.seed for weight in model.get_weights()])
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda time: prediction.classify(models[time % 4], GREY[:2], Amortized()), range(200)))
    for time, probabilities_ in enumerate(found):
        np.testing.assert_allclose(probabilities_, models[time % 4](GREY[:2]), atol=1e-6)


def test_few_rows_of_a_model_that_overrides_its_classes_or_refines_its_latents_are_not_for_numpy():
    class Sharper(M2):
        def classify(self, x):
            return 3.0 * super().classify(x)

    model = Sharper(4, 3, Bernoulli(), latent=2, hidden=[5])
    model.set_weights([weight + 0.1 for weight in model.get_weights()])
    np.testing.assert_allclose(prediction.classify(model, GREY[:3], Amortized()), model(GREY[:3]), atol=1e-6)
    settings = {"m1": {"hidden": [5]}, "latent": 2, "hidden": [5]}
    stack = M1M2(4, 3, Bernoulli(), Gaussian(), **settings)
    stack.set_weights([weight + 0.1 for weight in stack.get_weights()])
    refined = GradientRefined(steps=3, rate=0.5)
    few, many = (prediction.classify(stack, GREY[:rows], refined)[:3] for rows in (3, 40))
    np.testing.assert_allclose(few, many, atol=1e-6)
    assert np.abs(few - prediction.classify(stack, GREY[:3], Amortized())).max() > 1e-5


def test_only_weights_that_a_function_reads_are_copied(model):
    program = prediction._Compiled(model, prediction.probabilities, (8, 4), False, {"inference": Amortized()})
    model.set_weights([weight + 0.1 for weight in model.get_weights()])
    program.take_weights(model)
    of_classifier = {id(weight) for weight in program.model.classifier.weights}
    for own, given in zip(program.model.weights, model.weights, strict=True):
        assert np.array_equal(own, given) == (id(own) in of_classifier)


def test_draws_are_those_of_the_seed_and_new_in_every_chunk(model):
    def seen(model, x, seed):
        return model.likelihood.observe(x, seed)

    rows = np.full((24, 4), 0.5, np.float32)
    first, again, other = (prediction.over_rows(model, seen, rows, seed=s, chunk=8) for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert (first[:8] != first[8:16]).any()
