"""The training loop of a stage: chooses an engine, provides a compiled program, runs the phases of the objective."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace

from ssvae.backend.compile_cache import POOL, model_key
from ssvae.backend.engine import Engine, choose, expected_seconds
from ssvae.distributed.strategy import ONE, ReplicaLayout
from ssvae.models.base import Stage
from ssvae.models.capabilities import class_count
from ssvae.objective import Objective
from ssvae.readers.sparse_table import SparseTable
from ssvae.training.callback_list import CallbackList
from ssvae.training.callbacks import StagePlan
from ssvae.training.minibatch import TrainingArrays
from ssvae.training.program import Program
from ssvae.training.schedule import Schedule
from ssvae.training.stage_run import StageRun
from ssvae.training.streams import Streams


def train(
    stage: Stage,
    objective: Objective,
    rows: TrainingArrays,
    streams: Streams,
    plan: Schedule,
    seed: int,
    callbacks: CallbackList,
    layout: ReplicaLayout = ONE,
) -> None:
    """Train one stage; its model has the new weights afterwards.

    Parameters
    ----------
    stage : Stage
    objective : Objective
    rows : TrainingArrays
    streams : Streams
    plan : Schedule
    seed : int
        Decides order and noise.
    callbacks : CallbackList
        Called after every epoch; has the state that an interrupted run of the same settings reached.
    layout : ReplicaLayout
        Where the replicas run that share each batch.

    Raises
    ------
    FloatingPointError
        If the loss is not finite even at 1/32 of the learning rate.
    Interrupted
        On Ctrl-C, after the last good state has been kept.
    ConnectionError
        If another worker has ended, likewise.
    """
    engine = _engine(stage, plan, streams, layout)
    begin, arrays = 0, None
    if callbacks.state is not None and callbacks.state.stage == stage.name:
        begin, arrays = callbacks.state.epoch, callbacks.state.arrays
    callbacks.stage_begin(stage, objective, plan.epochs, begin)
    for last, phase in _phases(objective, plan.epochs):
        if begin >= last or callbacks.stop:
            continue
        with _lent(stage, phase, streams, plan.clip_norm, engine, layout, callbacks) as program:
            program.start(stage.model.get_weights())
            if arrays is not None:
                program.restore(arrays)
            StageRun(program, stage, rows, streams, plan, seed, callbacks).go(begin, last)
            begin, arrays = last, program.arrays()
            stage.model.set_weights(program.model.get_weights())
    callbacks.stage_end()


def _phases(objective: Objective, epochs: int) -> list[tuple[int, Objective]]:
    """Return the objectives that are minimised one after another, each with the epoch that ends it."""
    share, method = objective.inference.warm_up()
    first = replace(objective, inference=method)
    return [(round(share * epochs), first), (epochs, objective)]


def outline(stage: Stage, plan: Schedule, streams: Streams, layout: ReplicaLayout = ONE) -> StagePlan:
    """Return what is known of a stage before it is trained."""
    engine, (steps, flop) = _engine(stage, plan, streams, layout), _work(stage, plan, streams)
    return StagePlan(plan.epochs, "XLA" if engine.xla else "graph mode", expected_seconds(engine, steps, flop))


def _lent(
    stage: Stage,
    objective: Objective,
    streams: Streams,
    clip_norm: float,
    engine: Engine,
    layout: ReplicaLayout,
    callbacks: CallbackList,
) -> AbstractContextManager[Program]:
    """Return a context that provides the compiled loop of a stage."""
    used, shape = (len(streams.labelled) > 0, len(streams.unlabelled) > 0), model_key(stage.model)
    kind = isinstance(stage.rows[:1], SparseTable)
    if shape is None and len(layout.devices) > 1:
        raise ValueError(
            f"{type(stage.model).__name__} has no get_config, so it cannot be copied to {layout.devices}: "
            "take strategy='one'"
        )
    key = None if shape is None else (shape, kind, stage.observation, objective, used, clip_norm, engine, layout)

    def build() -> Program:
        callbacks.working("compiling")
        return Program(stage, objective, used, clip_norm, engine, layout)

    return POOL.lend(key, build)


def _engine(stage: Stage, plan: Schedule, streams: Streams, layout: ReplicaLayout) -> Engine:
    """Return what runs the stage, by the operations of a step: all classes counted for every unlabelled row."""
    # Sums over all replicas inside a step, which many settings need, are beyond XLA.
    engine = "graph" if layout.count > 1 and plan.engine == "auto" else plan.engine
    return choose(engine, plan.precision, *_work(stage, plan, streams))


def _work(stage: Stage, plan: Schedule, streams: Streams) -> tuple[int, float]:
    """Return the steps of a stage, and the floating-point operations of each, about."""
    sizes = streams.sizes(plan.labelled_batch_size, plan.batch_size)
    rows = sizes[0] + sizes[1] * class_count(stage.model)
    return plan.epochs * streams.steps(sizes), 6.0 * rows * stage.model.count_params()
