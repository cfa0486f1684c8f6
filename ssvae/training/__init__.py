"""The training loop: batches, compiled steps, schedules, callbacks and checkpoints."""
