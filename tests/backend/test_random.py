"""Random numbers: distributed as they should be, independent between seeds, the same with every engine."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from ssvae.backend import random

SEED = random.seed_tensor(0)


@pytest.mark.parametrize("use", range(3))
def test_distribution_functions(use):
    key = random.fold(SEED, use)
    assert stats.kstest(random.uniform((300, 300), key).numpy().ravel(), "uniform").pvalue > 1e-3
    assert stats.kstest(random.normal((300, 300), key).numpy().ravel(), "norm").pvalue > 1e-3


def words(seeds, count) -> np.ndarray:
    """Bits of the sequences of consecutive seeds, [seeds, 32 · count]."""
    found = [random.bits((count,), random.fold(SEED, seed)).numpy() for seed in range(seeds)]
    return np.unpackbits(np.stack(found).view(np.uint8), axis=1).astype(np.int8)


def test_every_bit_is_fair_and_independent_of_the_next_number_and_of_the_next_seed():
    bits = words(600, 128)
    pairs = (bits, bits[1:] ^ bits[:-1], bits[:, 32:] ^ bits[:, :-32], bits[:, 1:] ^ bits[:, :-1])
    for found in pairs:
        deviation = (found.mean(axis=0) - 0.5) * 2 * np.sqrt(len(found))
        assert np.abs(deviation).max() < 5  # of 4,096 columns
        assert abs(found.mean() - 0.5) * 2 * np.sqrt(found.size) < 4


def test_no_more_numbers_come_twice_than_should():
    found = np.concatenate([random.bits((1000,), random.fold(SEED, seed)).numpy() for seed in range(1000)])
    twice = len(found) - len(np.unique(found))
    expected = len(found) ** 2 / 2**33
    assert abs(twice - expected) < 5 * np.sqrt(expected)


def test_a_long_sequence_can_be_had_in_parts():
    whole = random.uniform((10, 7), SEED).numpy()
    np.testing.assert_array_equal(random.uniform((4, 7), SEED, start=6 * 7), whole[6:])


def test_engines_agree():
    compiled = tf.function(lambda seed: (random.bits((999,), seed), random.normal((999,), seed)), jit_compile=True)
    bits, normal = compiled(random.fold(SEED, tf.constant(5, tf.int64)))
    key = random.fold(SEED, 5)
    np.testing.assert_array_equal(bits, random.bits((999,), key))
    np.testing.assert_allclose(normal, random.normal((999,), key), atol=1e-4)


def test_is_a_function_of_the_seed():
    np.testing.assert_array_equal(random.normal((5,), SEED), random.normal((5,), random.seed_tensor(0)))
    others = [random.fold(SEED, 0), random.fold(SEED, -1), random.seed_tensor(1)]
    assert all((random.normal((5,), SEED).numpy() != random.normal((5,), other).numpy()).all() for other in others)


@pytest.mark.parametrize("shape", [(7, 3), (4, 7, 2), (1, 4, 5, 7, 2)])
@pytest.mark.parametrize("antithetic", [False, True])
def test_some_rows_of_a_batch_get_what_all_of_them_would_get_together(shape, antithetic):
    seed = SEED
    for draw in (random.normal, random.latent_uniform):
        if antithetic and shape[0] % 2 and shape[0] > 1:
            continue  # pairs need an even number of draws
        with random.paired(antithetic, False):
            whole = draw(shape, seed)
            for rows in ([0, 1, 2], [3, 4, 5, 6], [], [6, 2]):
                with random.rows_at(tf.constant(rows, tf.int32), tf.constant(7)):
                    part = draw((*shape[:-2], len(rows), shape[-1]), seed)
                np.testing.assert_allclose(part, tf.gather(whole, tf.constant(rows, tf.int32), axis=-2), rtol=1e-5)


def test_a_single_number_has_no_axes():
    assert random.uniform((), random.seed_tensor(3)).shape == ()
