"""The signal of VIMCO against numpy."""

import numpy as np

from ssvae.gradients.vimco import VIMCO


def test_what_each_draw_is_held_against_leaves_it_out():
    """Without draw s: log 1/S Σ w, log w_s replaced by the mean of the others' log w (eq. 9)."""
    log_w = np.random.default_rng(0).normal(size=(4, 2, 5)).astype(np.float32)
    expected = []
    for left_out in range(4):
        swapped = log_w.astype(float)
        swapped[left_out] = np.delete(swapped, left_out, axis=0).mean(axis=0)
        expected.append(np.log(np.exp(swapped).mean(axis=0)))
    np.testing.assert_allclose(VIMCO(samples=4)._without_each(log_w), expected, rtol=1e-5)
