# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Quantizers, of ONNX Runtime and our own, applied to chosen nodes of one block."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.quant_utils import add_pre_process_metadata

from vla_ros.core.errors import VlaError
from vla_ros.quantization.four_bit import pack, second_moments
from vla_ros.quantization.graph import (
    FOLLOWERS,
    assign,
    drop_unused,
    followers,
    load_model,
    split_gemms,
    weighted,
)
from vla_ros.quantization.recipe import BlockRecipe, Calibration
from vla_ros.runtime.backends.onnx_runtime import ORT_ERRORS

Inputs = Mapping[str, np.ndarray]
METHODS = {
    'minmax': CalibrationMethod.MinMax,
    'percentile': CalibrationMethod.Percentile,
    'entropy': CalibrationMethod.Entropy,
}
# what a graph that it cannot take makes ONNX Runtime's quantizers raise
QUANTIZING_ERRORS: tuple[type[Exception], ...] = (
    *ORT_ERRORS,
    KeyError,
    TypeError,
    AssertionError,
)


def quantize_block(
    source: Path,
    output: Path,
    recipe: BlockRecipe,
    calibration: Calibration,
    inputs: Sequence[Inputs],
    where: str,
) -> dict[str, str]:
    """
    Write the model ``source`` at the recipe's precisions; return that of each node with weights.

    ``inputs`` are what the block is given on recorded observations. Raise ConfigError for layers
    that aren't there or can't have their precision, VlaError where the quantizer fails.
    """
    model = load_model(source)
    chosen = assign(model, recipe, where)
    names = {precision: _named(chosen, precision) for precision in set(chosen.values())}
    try:
        with _quiet():
            model = _integers(model, names, recipe, calibration, inputs)
            if 'fp16' in names:
                model = _halves(model)
            onnx.checker.check_model(model)
            onnx.save(model, output)
    except QUANTIZING_ERRORS as error:
        raise VlaError(
            f'{where}: could not be quantized: {error}; leave the layer that it names at fp32'
        ) from None
    return chosen


def _integers(
    model: onnx.ModelProto,
    names: Mapping[str, set[str]],
    recipe: BlockRecipe,
    calibration: Calibration,
    inputs: Sequence[Inputs],
) -> onnx.ModelProto:
    if 'int8_dynamic' in names or 'int4_weights' in names:
        split_gemms(model)
        drop_unused(model)
    packed = names.get('int4_weights', set())
    moments = second_moments(model, packed, inputs) if packed else {}
    add_pre_process_metadata(model)  # names and shapes are there already
    if 'int8_static' in names:
        model = _static(model, names['int8_static'], recipe, calibration, inputs)
    if 'int8_dynamic' in names:
        model = _dynamic(model, names['int8_dynamic'], recipe)
    if packed:
        pack(model, packed, moments)
    return model


def _static(
    model: onnx.ModelProto,
    names: set[str],
    recipe: BlockRecipe,
    calibration: Calibration,
    inputs: Sequence[Inputs],
) -> onnx.ModelProto:
    """Return the model with calibrated quantization around the nodes (QDQ, weights int8)."""
    signed = recipe.activations == 'int8'
    options = {
        'ActivationSymmetric': signed,
        'CalibPercentile': calibration.percentile,
        'CalibStridedMinMax': 1,  # one observation at a time: memory does not grow with them
    }
    if calibration.method != 'percentile':
        del options['CalibPercentile']
    nodes = weighted(model, recipe.attention)
    types = {nodes[name].op_type for name in names} | set(FOLLOWERS)
    with TemporaryDirectory(prefix='vla_ros.quantize.') as folder:
        target = Path(folder) / 'static.onnx'
        quantize_static(
            model,
            target,
            _Reader(inputs),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=sorted(types),
            nodes_to_quantize=sorted(names | followers(model, names)),
            activation_type=QuantType.QInt8 if signed else QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=recipe.reduce_range,
            calibrate_method=METHODS[calibration.method],
            extra_options=options,
        )
        return onnx.load(target)


def _dynamic(model: onnx.ModelProto, names: set[str], recipe: BlockRecipe) -> onnx.ModelProto:
    """Return the model with products of int8 weights; activations are quantized as they come."""
    with TemporaryDirectory(prefix='vla_ros.quantize.') as folder:
        target = Path(folder) / 'dynamic.onnx'
        quantize_dynamic(
            model,
            target,
            op_types_to_quantize=['MatMul'],
            nodes_to_quantize=sorted(names),
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=recipe.reduce_range,
        )
        return onnx.load(target)


def _halves(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model in fp16, its inputs and outputs in fp32 as before."""
    from onnxruntime.quantization.onnx_model import ONNXModel
    from onnxruntime.transformers.float16 import convert_float_to_float16

    halved = ONNXModel(convert_float_to_float16(model, keep_io_types=True))
    halved.topological_sort()  # the casts of the inputs were appended
    return halved.model


class _Reader(CalibrationDataReader):
    """Hands the inputs to a calibrator, in slices that it asks for."""

    def __init__(self, inputs: Sequence[Inputs]) -> None:
        self._inputs = inputs
        self._slice: Iterator[Inputs] = iter(inputs)

    def __len__(self) -> int:
        return len(self._inputs)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Go on with these."""
        self._slice = iter(self._inputs[start_index:end_index])

    def get_next(self) -> Inputs | None:
        """Return the next, or None after the last."""
        return next(self._slice, None)


def _named(chosen: Mapping[str, str], precision: str) -> set[str]:
    return {name for name, given in chosen.items() if given == precision}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantizers' progress out of the output: they log, and print as well."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with redirect_stdout(StringIO()):
            yield
    finally:
        logging.disable(level)
