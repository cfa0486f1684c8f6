"""What computations run on: graph mode or XLA, random numbers, the optimizer, compiled programs, signals."""
