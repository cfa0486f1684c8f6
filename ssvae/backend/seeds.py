"""What random numbers are for: the values that seeds are folded with (`random.fold`), by whose seed it is.

Seeds folded with different values are independent. Steps, latents, classes and draws are counted from 0; the large
values are far above any count.
"""

# The seed of a stage is folded with the number of each step, and for all steps together with
NEIGHBOURS = -1  # which of its nearest rows each row is compared with

# The seed of a step, with
LABELLED_ROWS, UNLABELLED_ROWS = 0, 1  # what is drawn to observe the rows of a stream
OBJECTIVE = 2

# That of the rows of a stream, with
OBSERVATION, NEIGHBOUR_OBSERVATION = 0, 1

# The seed of the objective, with
LABELLED_BOUND, UNLABELLED_BOUND = 1, 2
REGULARIZERS = 3  # the first one; the others follow

# The seed of a bound, with the position of each latent, and with
CLASSES = 1 << 16  # draws of y
TRAJECTORY = 1 << 16  # Hamiltonian steps: the number of CLASSES, and yet other draws, because steps are folded in
REFINEMENT = 1 << 17  # steps of refined and iterative inference
SLEEP = 1 << 18  # rows (x, z) drawn from the model
SLEEP_ROWS = 1 << 10  # of those, x
