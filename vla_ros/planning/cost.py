# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What one run of an ONNX model costs: arithmetic and memory traffic, counted from its graph.

Operators are summed by kind and precision, ``conv.fp32`` for example. Kinds: conv, matmul (with
constant weights), attention (a product of two activations), other. Needs the onnx package.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vla_ros.core.errors import ConfigError

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, ValueInfoProto

# what computes nothing, or is folded away before it could
FREE = {'Constant', 'Identity', 'Shape', 'Reshape', 'Unsqueeze', 'Squeeze', 'Flatten', 'Slice'}
FREE |= {'QuantizeLinear', 'DequantizeLinear', 'DynamicQuantizeLinear'}
CONVOLUTIONS = {'Conv', 'ConvInteger', 'QLinearConv'}
INTEGER_PRODUCTS = {'MatMulInteger', 'ConvInteger'}
PRODUCTS = {'MatMul', 'Gemm', 'MatMulInteger', 'QLinearMatMul'}
WEIGHT_BYTES = {
    'fp32': 4.0,
    'fp16': 2.0,
    'bf16': 2.0,
    'int8_static': 1.0,
    'int8_dynamic': 1.0,
    'int4_weights': 0.641,  # for each 32 weights a scale of 4 bytes and a zero of half a byte
}
ACTIVATION_BYTES = {'fp32': 4, 'fp16': 2, 'bf16': 2, 'int8_static': 1}
FLOAT16 = 10  # onnx.TensorProto.FLOAT16


@dataclass(frozen=True)
class Operation:
    """One operator of a graph."""

    name: str
    operator: str  # ONNX's name of it
    kind: str  # conv, matmul, attention, other
    precision: str
    flops: float  # a multiplication and an addition are two
    weights: float  # numbers
    activations: float  # numbers, read and written


class Work(NamedTuple):
    """What the operators of one kind and precision come to."""

    operators: int = 0
    flops: float = 0.0
    weights: float = 0.0  # bytes
    activations: float = 0.0  # bytes

    def plus(self, operation: Operation) -> 'Work':
        """Return this and one more operator."""
        weights = operation.weights * WEIGHT_BYTES[operation.precision]
        activations = operation.activations * ACTIVATION_BYTES.get(operation.precision, 4)
        return Work(
            self.operators + 1,
            self.flops + operation.flops,
            self.weights + weights,
            self.activations + activations,
        )


@dataclass(frozen=True)
class Cost:
    """The work of a model by ``kind.precision``."""

    work: Mapping[str, Work]

    @property
    def flops(self) -> float:
        """Return the arithmetic of one run."""
        return sum(work.flops for work in self.work.values())

    def with_floats(self, precision: str) -> 'Cost':
        """Return the cost where the back end computes what was fp32 in ``precision``."""
        share = WEIGHT_BYTES[precision] / WEIGHT_BYTES['fp32']
        work = dict(self.work)
        for name in [name for name in work if name.endswith('.fp32')]:
            old = work.pop(name)
            new = name.replace('.fp32', f'.{precision}')
            known = work.get(new, Work())
            work[new] = Work(
                known.operators + old.operators,
                known.flops + old.flops,
                known.weights + old.weights * share,
                known.activations + old.activations * share,
            )
        return Cost(work)

    def as_dict(self) -> dict[str, dict[str, float]]:
        """Return plain values for JSON."""
        return {name: work._asdict() for name, work in self.work.items()}


def cost_from_dict(content: Mapping[str, Mapping[str, Any]]) -> Cost:
    """Return what ``Cost.as_dict`` was made of."""
    return Cost(
        {
            name: Work(**{what: _amount(amount) for what, amount in work.items()})
            for name, work in content.items()
        }
    )


def _amount(value: Any) -> Any:
    """Return a number; raise TypeError for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f'got {value!r}, expected a number')
    return value


def total(operations: Iterable[Operation]) -> Cost:
    """Sum operators up."""
    work: dict[str, Work] = {}
    for operation in operations:
        key = f'{operation.kind}.{operation.precision}'
        work[key] = work.get(key, Work()).plus(operation)
    return Cost(work)


def operations(path: Path, sizes: Mapping[str, int] | None = None) -> list[Operation]:
    """
    Return every operator of the model in ``path`` that computes.

    What back ends fuse into the operator before is left out: the Relu of a convolution, and what
    turns an integer product back into numbers.
    ``sizes`` gives named dimensions their value. Raise ConfigError where onnx is not installed,
    where the file is no model, and where a shape stays unknown.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError

        from vla_ros.runtime.constant_folding import fix_shapes
    except ModuleNotFoundError:
        raise ConfigError(
            'onnx is not installed, and operators cannot be counted without it; install it, or '
            'vla_ros with the extra [quantize]'
        ) from None
    try:
        model = onnx.load(path)
        for number, node in enumerate(model.graph.node):
            node.name = node.name or f'{node.op_type}_{number}'
        _fix_sizes(model, sizes or {})
        packed = _unpack_weights(model)
        model = fix_shapes(model)
    except (OSError, ValueError, RuntimeError, DecodeError) as error:
        raise ConfigError(f'{path}: its operators cannot be counted: {error}') from None
    graph = _Graph(model, packed, path)
    return [graph.operation(node) for node in model.graph.node if graph.computes(node)]


class _Graph:
    """Shapes, weights and origins of a model's tensors."""

    def __init__(self, model: 'ModelProto', packed: set[str], path: Path) -> None:
        graph = model.graph
        self._path, self._packed = path, packed
        self._sizes = {value.name: _shape(value) for value in _values(model)}
        self._halves = {value.name for value in _values(model) if _element(value) == FLOAT16}
        self._weights = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
        self._sizes.update(self._weights)
        self._packed_again = {n.input[0] for n in graph.node if n.op_type == 'QuantizeLinear'}
        self._made_by = {name: node for node in graph.node for name in node.output}

    def operation(self, node: 'NodeProto') -> Operation:
        weights, inputs = self._split(node)
        out = self._elements(node.output[0])
        kind = self._kind(node)
        return Operation(
            name=node.name,
            operator=node.op_type,
            kind=kind,
            precision=self._precision(node),
            flops=out * self._depth(node, kind),
            weights=sum(self._elements(name) for name in weights),
            activations=sum(self._elements(name) for name in inputs) + out,
        )

    def computes(self, node: 'NodeProto') -> bool:
        """Say whether the operator takes time of its own."""
        makers = self._makers(node)
        if node.op_type == 'Relu':
            before = self._makers(makers[0]) if makers and makers[0].op_type == 'Add' else []
            return not any(maker.op_type in CONVOLUTIONS for maker in makers + before)
        if node.op_type == 'Cast':
            return not any(maker.op_type in INTEGER_PRODUCTS for maker in makers)
        if node.op_type == 'Mul':
            return not any(
                maker.op_type == 'DynamicQuantizeLinear'
                or maker.op_type == 'Cast'
                and not self.computes(maker)
                for maker in makers
            )
        return node.op_type not in FREE

    def _makers(self, node: 'NodeProto') -> 'list[NodeProto]':
        """Return the nodes that compute a node's inputs, looking past quantization."""
        makers = [self._made_by[name] for name in node.input if name in self._made_by]
        return [
            self._makers(maker)[0]
            if maker.op_type in ('QuantizeLinear', 'DequantizeLinear') and self._makers(maker)
            else maker
            for maker in makers
        ]

    def _split(self, node: 'NodeProto') -> tuple[list[str], list[str]]:
        """Return the inputs that are constants, and those that are computed."""
        names = [name for name in node.input if name]
        weights = [name for name in names if self._is_weight(name)]
        return weights, [name for name in names if name not in weights]

    def _is_weight(self, name: str) -> bool:
        maker = self._made_by.get(name)
        if maker is None:
            return name in self._weights
        unpacked = maker.op_type in ('DequantizeLinear', 'Identity', 'Transpose')
        return maker.op_type == 'Constant' or unpacked and self._is_weight(maker.input[0])

    def _kind(self, node: 'NodeProto') -> str:
        if node.op_type in CONVOLUTIONS:
            return 'conv'
        if node.op_type not in PRODUCTS:
            return 'other'
        return 'matmul' if self._is_weight(_second(node)) else 'attention'

    def _precision(self, node: 'NodeProto') -> str:
        if node.name in self._packed:
            return 'int4_weights'
        if node.op_type in INTEGER_PRODUCTS:
            return 'int8_dynamic'
        makers = [self._made_by.get(name) for name in node.input[:2]]
        unpacked = [maker and maker.op_type == 'DequantizeLinear' for maker in makers]
        light = self._kind(node) == 'other' and node.output[0] not in self._packed_again
        if node.op_type.startswith('QLinear') or unpacked and all(unpacked) and not light:
            return 'int8_static'
        return 'fp16' if node.output[0] in self._halves else 'fp32'

    def _depth(self, node: 'NodeProto', kind: str) -> float:
        """Return the arithmetic of one number of the output."""
        if kind == 'other':
            return 1.0
        if kind == 'conv':
            return 2.0 * prod(self._shape_of(_second(node))[1:])
        rows_first = any(item.name == 'transA' and item.i for item in node.attribute)
        return 2.0 * self._shape_of(node.input[0])[0 if rows_first else -1]

    def _elements(self, name: str) -> float:
        return float(prod(self._shape_of(name))) if name else 0.0

    def _shape_of(self, name: str) -> tuple[int, ...]:
        shape = self._sizes.get(name)
        if shape is None or not all(isinstance(size, int) for size in shape):
            raise ConfigError(
                f'{self._path}: {name}: got shape {shape}, expected one that is known; '
                'name the sizes that may vary'
            )
        return shape


def _second(node: 'NodeProto') -> str:
    """Return the name of the input that holds the weights."""
    return node.input[3] if node.op_type.startswith('QLinear') else node.input[1]


def _fix_sizes(model: 'ModelProto', sizes: Mapping[str, int]) -> None:
    values = [*model.graph.input, *model.graph.output, *model.graph.value_info]
    for size in (size for value in values for size in value.type.tensor_type.shape.dim):
        if size.dim_param in sizes:
            size.dim_value = sizes[size.dim_param]


def _unpack_weights(model: 'ModelProto') -> set[str]:
    """Make products with packed weights plain ones, whose shapes onnx infers; return names."""
    from onnx import TensorProto, helper

    names = set()
    for node in model.graph.node:
        if node.op_type == 'MatMulNBits':
            sizes = {item.name: item.i for item in node.attribute}
            weights = f'{node.name}.weights'
            empty = TensorProto(name=weights, data_type=TensorProto.FLOAT)
            empty.dims.extend([sizes['K'], sizes['N']])
            model.graph.initializer.append(empty)
            plain = helper.make_node(
                'MatMul', [node.input[0], weights], node.output, name=node.name
            )
            node.CopyFrom(plain)
            names.add(node.name)
    return names


def _values(model: 'ModelProto') -> 'Iterator[ValueInfoProto]':
    graph = model.graph
    for values in (graph.input, graph.output, graph.value_info):
        yield from values


def _shape(value: 'ValueInfoProto') -> tuple[Any, ...]:
    sizes = value.type.tensor_type.shape.dim
    return tuple(size.dim_value if size.HasField('dim_value') else None for size in sizes)


def _element(value: 'ValueInfoProto') -> int:
    return int(value.type.tensor_type.elem_type)
