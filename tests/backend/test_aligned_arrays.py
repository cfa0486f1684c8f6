"""Arrays whose memory tensors share: where they begin, and when a tensor is a copy instead."""

import numpy as np
import pytest

from ssvae.backend import aligned_arrays
from ssvae.training.minibatch import TrainingArrays, tensors


def rows(x):
    return TrainingArrays(x, np.zeros(len(x), np.int32), np.ones(len(x), np.float32), *np.zeros((2, len(x), 0)))


@pytest.mark.parametrize("shape", [(1,), (3, 5), (1000, 7), (2, 3, 4)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_an_empty_array_is_aligned(shape, dtype):
    for _ in range(20):
        found = aligned_arrays.empty(shape, dtype)
        assert (found.shape, found.dtype) == (shape, dtype)
        assert found.ctypes.data % 64 == 0
        assert aligned_arrays.is_aligned(found)


def faults():
    x = aligned_arrays.empty((6, 8))
    x[:] = np.arange(48).reshape(6, 8)
    read_only = x.view()
    read_only.flags.writeable = False
    return {"offset": x[1:], "gaps": x[:, ::2], "read-only": read_only, "no rows": x[:0], "doubles": x.astype(float)}


@pytest.mark.parametrize("fault", faults())
def test_a_tensor_of_any_other_array_is_a_copy(fault):
    x = faults()[fault]
    assert fault == "doubles" or not aligned_arrays.is_aligned(x)
    np.testing.assert_array_equal(tensors(rows(x), shared=True).x, x)


def test_a_tensor_shares_the_memory_of_an_aligned_array_where_it_may():
    x = aligned_arrays.empty((4, 3))
    x[:] = 1.0
    shared, copied = tensors(rows(x), shared=True).x, tensors(rows(x)).x
    x[2, 1] = 5.0
    assert (float(shared[2, 1]), float(copied[2, 1])) == (5.0, 1.0)
