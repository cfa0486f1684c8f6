"""Model averaging: plain classifiers beside the generative one, weighed by out-of-fold loss on few labelled rows."""

from ssvae.averaging.base import Member
from ssvae.registry import Registry

MEMBERS: Registry[Member] = Registry(
    "member",
    {
        "extra_trees": "ssvae.averaging.trees:ExtraTrees",
        "gaussian_mixture": "ssvae.averaging.gaussian_mixture:GaussianMixture",
        "kernel_logistic_regression": "ssvae.averaging.kernel:KernelLogisticRegression",
        "logistic_regression": "ssvae.averaging.logistic_regression:LogisticRegression",
        "random_forest": "ssvae.averaging.trees:RandomForest",
    },
    base="ssvae.averaging.base:Member",
)
