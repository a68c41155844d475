# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
OpenVINO's own runtime: Intel's CPUs, GPUs and NPUs, and any x86 or Arm CPU.

It computes in bf16 where fp16 was asked for and where the CPU has no fp16, and the other way
round; here that is an error.
"""

import ctypes
from collections.abc import Iterator
from functools import cache

import numpy as np
import openvino

from vla_ros.core.errors import ConfigError
from vla_ros.runtime.backends.table import Device
from vla_ros.runtime.session import Arrays, Layer, Session, TensorSpec, Wanted, one_line

HINTS = {'fp32': openvino.Type.f32, 'bf16': openvino.Type.bf16, 'fp16': openvino.Type.f16}
GENERAL = {'FP32', 'FP16', 'BF16', 'INT8'}  # of its capabilities, those that recipes name
KEY = 'openvino'  # of the placement's settings
NO_OPERATOR = 'No conversion rule found for operations'  # as OpenVINO says it
STACK_T = 24  # bytes of a stack_t on 64-bit Linux, see sigaltstack(2)


class OpenVinoSession(Session):
    """
    A model in OpenVINO, its arrays shared.

    Raise ConfigError where the device isn't there, where the file does not load on it, and where
    it would compute in another precision.
    """

    def __init__(self, wanted: Wanted) -> None:
        """Compile for the device; the sizes are fixed."""
        self.path = wanted.path
        self._wanted = wanted
        self._device = wanted.placement.device.upper()
        core = load_core()
        self._check_device(core)
        model = None
        try:
            model = core.read_model(wanted.path)
            names = [port.any_name for port in (*model.inputs, *model.outputs)]
            model.reshape(_shapes(wanted))
            self._model = core.compile_model(model, self._device, self._settings())
        except (RuntimeError, TypeError, ValueError) as error:
            raise ConfigError(
                f'{self.path}: does not load on OpenVINO {self._device}: {_mend(model, error)}'
                f'{one_line(error)}'
            ) from None
        self._request = self._model.create_infer_request()
        # compiling gives a port the names of folded operators too; its place is what it keeps
        self._ports = dict(zip(names, (*self._model.inputs, *self._model.outputs), strict=True))
        specs = {name: _spec(port) for name, port in self._ports.items()}
        inputs = len(self._model.inputs)
        self.inputs = {name: specs[name] for name in names[:inputs]}
        self.outputs = {name: specs[name] for name in names[inputs:]}
        self._take_facts()

    def fork(self) -> 'OpenVinoSession':
        """Return a session that shares the compiled model."""
        twin = object.__new__(OpenVinoSession)
        twin.__dict__.update(self.__dict__)
        twin._request = self._model.create_infer_request()
        return twin

    def layers(self) -> list[Layer]:
        """Return the operators of the last run."""
        return [
            Layer(item.node_name, item.node_type, item.exec_type, item.real_time.total_seconds())
            for item in self._request.profiling_info
            if item.status == openvino.ProfilingInfo.Status.EXECUTED
        ]

    def _compute(self, inputs: Arrays, outputs: Arrays) -> dict[str, np.ndarray]:
        request = self._request
        # OpenVINO shares only what may be written (else a copy), and holds on to none of it
        shared = {n: np.require(a, requirements='W') for n, a in {**inputs, **outputs}.items()}
        try:
            for name, array in shared.items():
                tensor = openvino.Tensor(array, shared_memory=True)
                request.set_tensor(self._ports[name], tensor)
            request.infer()
            found = {name: request.get_tensor(self._ports[name]) for name in self.outputs}
            return {n: outputs[n] if n in outputs else np.array(found[n].data) for n in found}
        except (RuntimeError, TypeError, ValueError) as error:
            raise self._failed(error) from None

    def _settings(self) -> dict[str, object]:
        wanted, settings = self._wanted, dict[str, object]()
        settings['PERFORMANCE_HINT'] = 'LATENCY'
        settings['INFERENCE_PRECISION_HINT'] = HINTS[wanted.precision]
        if self._device == 'CPU':
            settings['INFERENCE_NUM_THREADS'] = wanted.placement.thread_count()
            settings['NUM_STREAMS'] = wanted.streams
            settings['ENABLE_CPU_PINNING'] = False  # the placement pins
        if wanted.profiling:
            settings['PERF_COUNT'] = True
        return settings | dict(wanted.placement.settings.get(KEY, {}))

    def _check_device(self, core: openvino.Core) -> None:
        devices = core.available_devices
        if not any(name.partition('.')[0] == self._device for name in devices):
            raise ConfigError(
                f'device {self._wanted.placement.device}: OpenVINO has no {self._device} here, '
                f"expected one of {devices}; install that device's driver, or change the placement"
            )

    def _take_facts(self) -> None:
        """Note what the compiled model says of itself; raise where that isn't what was asked."""
        got = self._model.get_property('INFERENCE_PRECISION_HINT')
        devices = list(self._model.get_property('EXECUTION_DEVICES'))
        precision = next((name for name, hint in HINTS.items() if hint == got), str(got))
        if precision != self._wanted.precision:
            raise ConfigError(
                f'{self.path}: got precision {precision} from OpenVINO on {devices}, expected '
                f'{self._wanted.precision}, which this device does not compute in; set precision '
                'in the placement, or take another recipe'
            )
        self.facts = {
            'backend': f'openvino {openvino.__version__.partition("-")[0]}',
            'providers': ', '.join(devices),
            'precision': precision,
            'threads': str(self._wanted.placement.thread_count()),
        }


@cache
def load_core() -> openvino.Core:
    """
    Return the one Core of this process.

    Its CPU plugin gives the calling thread a signal stack, and takes it away with the Core
    (2026.4): the next signal, such as Ctrl-C, then ends the process by SIGSEGV. So the Core stays,
    and the thread keeps the stack that it had.
    """
    libc, stack = ctypes.CDLL(None), ctypes.create_string_buffer(STACK_T)
    libc.sigaltstack(None, stack)
    core = openvino.Core()
    core.get_property('CPU', 'OPTIMIZATION_CAPABILITIES')  # loads the plugin
    libc.sigaltstack(stack, None)
    return core


def devices() -> Iterator[Device]:
    """Yield the devices that OpenVINO finds here, and what each can compute in."""
    core = load_core()
    for name in core.available_devices:
        capable = set(core.get_property(name, 'OPTIMIZATION_CAPABILITIES'))
        floats = tuple(precision for precision in HINTS if precision.upper() in capable)
        detail = ', '.join(sorted(GENERAL & capable))
        yield Device(f'OpenVINO {name}', name.partition('.')[0].lower(), (), floats, detail)


def _mend(model: openvino.Model | None, error: Exception) -> str:
    """
    Return what to do about a model that was not read, or could not be compiled.

    OpenVINO moves zero points past a Concat into the product behind it, where they have the
    wrong shape (2026.4); signed activations have none, since their zero is in the middle.
    """
    if NO_OPERATOR in str(error):
        return (
            'it has no such operator; take another recipe, or backend: onnxruntime in the '
            'placement. OpenVINO says: '
        )
    if model is None or not any(map(_is_unsigned, model.get_ops())):
        return ''
    return (
        'its activations are unsigned 8-bit numbers, whose zero points OpenVINO cannot handle '
        'everywhere; set activations: int8 for this block in the recipe, and quantize it again. '
        'OpenVINO says: '
    )


def _is_unsigned(operator: openvino.Node) -> bool:
    """Say whether an operator makes unsigned 8-bit numbers."""
    made = operator.get_type_name() == 'Convert'
    return made and operator.get_output_element_type(0) == openvino.Type.u8


def _shapes(wanted: Wanted) -> dict[str, list[int]]:
    """Return the shape of each input whose sizes are given; -1 stays open."""
    specs = {name: spec.fixed(wanted.sizes) for name, spec in wanted.inputs.items()}
    return {
        name: [size if isinstance(size, int) else -1 for size in spec.shape]
        for name, spec in specs.items()
    }


def _spec(port: openvino.ConstOutput) -> TensorSpec:
    shape = port.get_partial_shape()
    sizes = (f'size{i}' if size.is_dynamic else size.get_length() for i, size in enumerate(shape))
    return TensorSpec(np.dtype(port.get_element_type().to_dtype()).name, tuple(sizes))
