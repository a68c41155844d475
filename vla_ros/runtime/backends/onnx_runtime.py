# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
ONNX Runtime, with any of its execution providers by name.

ONNX Runtime replaces a provider that does not load by the CPU, and gives the CPU the operators
that a provider can't take. Here the first is an error, and the second too, unless the placement
names CPUExecutionProvider as well.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from weakref import finalize

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

from vla_ros.core.errors import ConfigError
from vla_ros.runtime.backends.providers import CPU, provider_settings, session_settings
from vla_ros.runtime.backends.table import Device
from vla_ros.runtime.placement import PROVIDERS, NodePlacement
from vla_ros.runtime.session import Arrays, Layer, Session, TensorSpec, Wanted, one_line

# each version of ONNX Runtime has its own set of exceptions, all of them in one module
ORT_ERRORS: tuple[type[Exception], ...] = (
    RuntimeError,
    ValueError,
    *(
        item
        for item in vars(state).values()
        if isinstance(item, type) and issubclass(item, Exception)
    ),
)
REMOTE = {'AzureExecutionProvider'}  # computes elsewhere
SEVERITY_FATAL = 4  # of ONNX Runtime's own log: what goes wrong is raised, and said once
# its CPU kernel takes 8 times as long as the sum and the normalisation that it replaces (1.31.1)
SLOWER = ['SkipLayerNormFusion']
# what ONNX Runtime says of an operator that it does not know, and that it has no kernel for
NO_OPERATOR = ('No Op registered for', 'is not a registered function/op', 'NOT_IMPLEMENTED')
DTYPES = {
    'tensor(float)': 'float32',
    'tensor(float16)': 'float16',
    'tensor(double)': 'float64',
    'tensor(uint8)': 'uint8',
    'tensor(int8)': 'int8',
    'tensor(int32)': 'int32',
    'tensor(int64)': 'int64',
    'tensor(bool)': 'bool',
}


def devices() -> Iterator[Device]:
    """Yield the execution providers of this ONNX Runtime."""
    for name in sorted(set(onnxruntime.get_available_providers()) - REMOTE):
        yield Device(name, 'cpu', (name,))


def providers_of(placement: NodePlacement) -> tuple[str, ...]:
    """
    Return the execution providers that ``placement`` asks for.

    Raise ConfigError where one isn't in this ONNX Runtime, and for an NPU without a name.
    """
    asked = placement.providers or PROVIDERS[placement.device]
    available = onnxruntime.get_available_providers()
    if not asked:
        raise ConfigError(
            f'device {placement.device}: got no providers, expected the name of its execution '
            f'provider; this ONNX Runtime has {available}: name one in the placement'
        )
    missing = [name for name in asked if name not in available]
    if missing:
        raise ConfigError(
            f'device {placement.device}: got providers {missing}, expected some of {available}; '
            'install the ONNX Runtime build of that device, or change the placement'
        )
    return asked


class OnnxRuntimeSession(Session):
    """
    A model in ONNX Runtime, its arrays bound in place.

    Raise ConfigError where the file is no model that this ONNX Runtime can load, and where a
    provider did not load or can't take the whole model.
    """

    def __init__(self, wanted: Wanted) -> None:
        """Load; the sizes are fixed."""
        self.path = wanted.path
        self._wanted = wanted
        asked = providers_of(wanted.placement)
        with_settings = [(name, provider_settings(name, wanted)) for name in asked]
        try:
            self._session = onnxruntime.InferenceSession(
                str(wanted.path),
                self._options(asked),
                [name for name, _ in with_settings],
                [settings for _, settings in with_settings],
                enable_fallback=0,
                disabled_optimizers=SLOWER if asked == (CPU,) else None,
            )
        except ORT_ERRORS as error:
            raise ConfigError(
                f'{wanted.path}: does not load on {list(asked)}: {one_line(error)}{_mend(error)}'
            ) from None
        self._check_providers(asked)
        self._take_facts()

    def fork(self) -> 'OnnxRuntimeSession':
        """Return a session that shares the model; its arrays are bound apart."""
        twin = object.__new__(OnnxRuntimeSession)
        twin.__dict__.update(self.__dict__)
        twin._binding = self._session.io_binding()
        return twin

    def layers(self) -> list[Layer]:
        """Return the operators of the last run; ends the profiling."""
        events = json.loads(Path(self._session.end_profiling()).read_text(encoding='utf-8'))
        self._drop_profile()
        kernels = [item for item in events if str(item.get('name')).endswith('_kernel_time')]
        last: dict[str, Layer] = {}
        for item in kernels:
            name, facts = item['name'].removesuffix('_kernel_time'), item['args']
            last[name] = Layer(name, facts['op_name'], facts['provider'], item['dur'] * 1e-6)
        return list(last.values())

    def _compute(self, inputs: Arrays, outputs: Arrays) -> dict[str, np.ndarray]:
        binding = self._binding
        try:
            for name, array in inputs.items():
                binding.bind_cpu_input(name, array)
            for name in self.outputs:
                self._bind_output(name, outputs.get(name))
            self._session.run_with_iobinding(binding)
        except ORT_ERRORS as error:
            raise self._failed(error) from None
        if len(outputs) == len(self.outputs):
            return dict(outputs)
        values = zip(self.outputs, binding.get_outputs(), strict=True)
        return {n: outputs[n] if n in outputs else np.array(v.numpy()) for n, v in values}

    def _bind_output(self, name: str, array: np.ndarray | None) -> None:
        if array is None:
            self._binding.bind_output(name, 'cpu')
        else:
            address = array.ctypes.data
            self._binding.bind_output(name, 'cpu', 0, array.dtype.type, array.shape, address)

    def _options(self, providers: tuple[str, ...]) -> onnxruntime.SessionOptions:
        wanted = self._wanted
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = max(1, wanted.placement.thread_count() // wanted.streams)
        options.inter_op_num_threads = 1
        options.log_severity_level = SEVERITY_FATAL
        for key, value in session_settings(providers, wanted).items():
            options.add_session_config_entry(key, value)
        for name, size in wanted.sizes.items():
            options.add_free_dimension_override_by_name(name, size)
        if wanted.profiling:
            options.enable_profiling = True
            folder = tempfile.mkdtemp(prefix='vla_ros.profile.')
            self._drop_profile = finalize(self, shutil.rmtree, folder, ignore_errors=True)
            options.profile_file_prefix = str(Path(folder, 'profile'))
        return options

    def _take_facts(self) -> None:
        session, sizes = self._session, self._wanted.sizes
        self._binding = session.io_binding()
        self.inputs = {node.name: tensor_spec(node).fixed(sizes) for node in session.get_inputs()}
        self.outputs = {
            node.name: tensor_spec(node).fixed(sizes) for node in session.get_outputs()
        }
        self.facts = {
            'backend': f'onnxruntime {onnxruntime.__version__}',
            'providers': ', '.join(session.get_providers()),
            'precision': self._wanted.precision,
            'threads': str(session.get_session_options().intra_op_num_threads),
        }

    def _check_providers(self, asked: tuple[str, ...]) -> None:
        loaded = self._session.get_providers()
        missing = [name for name in asked if name not in loaded]
        if missing:
            raise ConfigError(
                f'{self.path}: providers {missing} did not load, it would run on {loaded}; '
                f'available are {onnxruntime.get_available_providers()}: mend the installation '
                'of that device, or change the placement'
            )


def _mend(error: Exception) -> str:
    """Return what to do where a provider can't take every operator, or none knows one."""
    if 'fallback to CPU EP has been explicitly disabled' in str(error):
        return f"; add {CPU} to the placement's providers to give it what the first can't take"
    if any(words in str(error) for words in NO_OPERATOR):
        return (
            '; this ONNX Runtime has no such operator: take another recipe, a newer ONNX Runtime, '
            'or another backend in the placement'
        )
    return ''


def tensor_spec(node: onnxruntime.NodeArg) -> TensorSpec:
    """Return the type and shape of a model's input or output; a size without a name gets one."""
    shape = (f'size{i}' if size is None else size for i, size in enumerate(node.shape))
    return TensorSpec(DTYPES.get(node.type, node.type), tuple(shape))
