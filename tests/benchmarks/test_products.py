"""The products that `benchmarks/gemm.py` counts: against the closed forms of M1 and M2."""

import importlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def products(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("products")


def test_m1_needs_three_products_a_layer_but_for_the_gradient_by_the_data(products):
    batch = 7
    weights = 784 * 600 + 600 * 600 + 600 * 100 + 50 * 600 + 600 * 600 + 600 * 784
    counted = products.products("m1", batch)
    assert products.multiply_adds(counted) == batch * (3 * weights - 784 * 600)
    assert counted.total() == 6 * 3 - 1


def test_m2_sends_pixels_through_the_encoder_once_and_what_depends_on_the_class_ten_times(products):
    batch = 7
    pixels = 2 * 784 * 500  # forward and by the weights
    classifier = 2 * (pixels + 3 * 500 * 10)
    each = 3 * (500 * 100 + 50 * 500 + 500 * 784)
    labelled, unlabelled = pixels + each, pixels + 10 * each
    assert products.multiply_adds(products.products("m2", batch)) == batch * (classifier + labelled + unlabelled)


def test_factors_fit(products):
    forward, by_weight, by_input = (0, 0), (1, 0), (0, 1)
    kinds = {(p.transpose_a, p.transpose_b) for p in products.products("m1_m2", 3)}
    assert kinds == {forward, by_weight, by_input}
