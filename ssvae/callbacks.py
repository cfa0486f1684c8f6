"""The public names of training callbacks: checkpoints, progress, early stopping, and the base class."""

from ssvae.training.callbacks import Callback, Interrupted, StagePlan, State, Verdict, View
from ssvae.training.checkpoint import Checkpoint
from ssvae.training.early_stopping import BoundStopping
from ssvae.training.progress import Progress

__all__ = [
    "BoundStopping",
    "Callback",
    "Checkpoint",
    "Interrupted",
    "Progress",
    "StagePlan",
    "State",
    "Verdict",
    "View",
]
