# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Write a torch module as an ONNX file and say what goes in and comes out."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import nn

from vla_ros.runtime.constant_folding import fold_constants

OPSET = 17  # of ONNX; old enough for the run times of boards

Axes = Mapping[str, Mapping[int, str]]  # array -> dimension -> name of a size that may vary


@torch.no_grad()
def write_model(
    module: nn.Module,
    inputs: Mapping[str, torch.Tensor],
    outputs: Sequence[str],
    path: Path,
    axes: Axes | None = None,
) -> dict[str, dict[str, Any]]:
    """
    Export ``module`` as called with ``inputs``; return what policy.json says of its arrays.

    What depends on constants alone is computed ahead, so that every shape can be inferred. The
    exporter by tracing is taken, since these modules have no branches: it is seven times
    faster than the newer one, and its models are the same size.
    """
    axes = axes or {}
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # its own deprecation, and shapes that are constants here
        torch.onnx.export(
            module,
            tuple(inputs.values()),
            path,
            input_names=list(inputs),
            output_names=list(outputs),
            opset_version=OPSET,
            dynamo=False,
            dynamic_axes={name: dict(varying) for name, varying in axes.items()},
        )
    model = onnx.load(path)
    fold_constants(model)
    made = module(*inputs.values())
    arrays = (made,) if isinstance(made, torch.Tensor) else made
    for value, array in zip(model.graph.output, arrays, strict=True):
        _name_shape(value, array.shape, axes.get(value.name, {}))
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return {'inputs': _arrays(model.graph.input), 'outputs': _arrays(model.graph.output)}


def _name_shape(value: onnx.ValueInfoProto, shape: torch.Size, varying: Mapping[int, str]) -> None:
    for index, dimension in enumerate(value.type.tensor_type.shape.dim):
        if index not in varying:
            dimension.dim_value = shape[index]


def _arrays(values: Any) -> dict[str, Any]:
    return {value.name: {'dtype': _dtype(value), 'shape': _shape(value)} for value in values}


def _dtype(value: onnx.ValueInfoProto) -> str:
    return str(onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))


def _shape(value: onnx.ValueInfoProto) -> list[int | str]:
    return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
