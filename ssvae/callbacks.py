"""The public names of training callbacks: checkpoints, the progress bar, early stopping, and the base class."""

from ssvae.training.callbacks import Callback, Checkpoint, Interrupted, Progress, State, Verdict, View
from ssvae.training.early_stopping import BoundStopping

__all__ = ["BoundStopping", "Callback", "Checkpoint", "Interrupted", "Progress", "State", "Verdict", "View"]
