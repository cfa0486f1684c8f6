"""What computations run on: graph mode or XLA, random numbers, the optimizer, compiled programs, signals.

Ambient context. Three settings are not passed from call to call: whoever traces a function sets them around it, and
they are read while it is traced, never when it runs. Each is a context variable, so that threads do not see each
other's, and each ends with its ``with`` block. Nothing else may be ambient, and nobody else may set one:

==========================  ==========================================================  ============================
context                     what it decides                                             who sets it
==========================  ==========================================================  ============================
`engine.using`              how the function is compiled, and whether layers that keep  what traces functions:
                            statistics of the rows learn them: `engine.current`         `training.step`, `prediction`,
                                                                                        `models.base` (Keras' own
                                                                                        fit), `bayes_nets`; and what
                                                                                        must not learn statistics,
                                                                                        refinement and its models
`random.rows_at`            which rows of the whole batch the rows at hand are, so      what knows a batch's
                            that a replica draws the numbers that one device would      positions: `training.step`,
                                                                                        `objective`, regularizers
`random.paired`             whether draws of latents come in antithetic pairs, or       `inference` alone, where λ is
                            equal for all rows                                          refined
==========================  ==========================================================  ============================
"""
