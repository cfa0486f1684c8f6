"""What a traced function computes, so that equal programs are found again whoever made them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf

if TYPE_CHECKING:
    from tensorflow.types.experimental import ConcreteFunction

INPUT = re.compile(r"(\^?)([^:]+)(.*)")  # control mark, node, output


def fingerprint(function: ConcreteFunction) -> Hashable:
    """Return what is equal for two functions that are the same operations, in the same order, on the same numbers.

    Names of nodes hold running numbers and do not count. Neither does how a gradient would be taken, so that what is
    differentiated later must be a part of the function. Variables and other resources are told apart by their
    identity, which is theirs while one of the functions exists.
    """
    graph = function.graph.as_graph_def()
    library = {own.signature.name: own for own in graph.library.function}
    outside = [
        id(tensor) if tensor.dtype == tf.resource else (tensor.dtype.name, tensor.numpy().tobytes())
        for tensor in function.graph.external_captures
    ]
    return _digest((), graph.node, (tensor.name for tensor in function.outputs), library), tuple(outside)


def _digest(arguments: Sequence[Any], nodes: Sequence[Any], outputs: Iterable[str], library: Mapping[str, Any]) -> str:
    """Return a digest of a graph with these arguments (messages of TensorFlow, which has no types for them)."""
    places = {own.name: str(place) for place, own in enumerate([*arguments, *nodes])}

    def numbered(name: str) -> str:
        mark, node, output = INPUT.fullmatch(name).groups()  # type: ignore[union-attr]
        return f"{mark}{places[node]}{output}"

    found = hashlib.sha256()
    for node in nodes:
        found.update(repr((node.op, node.device, [numbered(name) for name in node.input])).encode())
        for name in sorted(set(node.attr) - {"_gradient_op_type"}):
            found.update(repr((name, _described(node.attr[name], library))).encode())
    found.update(repr([numbered(name) for name in outputs]).encode())
    return found.hexdigest()


def _described(attribute: Any, library: Mapping[str, Any]) -> object:
    """Return an attribute of a node, with what functions compute in place of their names."""
    functions = [attribute.func, *attribute.list.func]
    if not any(own.name in library for own in functions):
        return attribute.SerializeToString(deterministic=True)
    return [_digest_of(library[own.name], library) for own in functions if own.name in library]


def _digest_of(function: Any, library: Mapping[str, Any]) -> str:
    signature = function.signature
    outputs = (function.ret[argument.name] for argument in signature.output_arg)
    return _digest(signature.input_arg, function.node_def, outputs, library)
