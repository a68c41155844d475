# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What each execution provider of ONNX Runtime is told: threads, precision, device.

A provider that is not listed is used with its own defaults. The placement's ``settings`` come
last. Sources: https://onnxruntime.ai/docs/execution-providers, one page for each.
"""

import platform
from collections.abc import Callable, Sequence
from pathlib import Path

from vla_ros.core.errors import ConfigError
from vla_ros.runtime.session import Wanted

CPU = 'CPUExecutionProvider'
Settings = dict[str, str]


def provider_settings(name: str, wanted: Wanted) -> Settings:
    """Return the options of the provider ``name``; raise ConfigError for a bad precision."""
    allowed, make = PROVIDERS.get(name, (('fp32',), _nothing))
    if wanted.precision not in allowed:
        raise ConfigError(
            f'{wanted.path}: got precision {wanted.precision} on {name}, expected one of '
            f'{list(allowed)}; set precision in the placement, or backend: openvino'
        )
    given = wanted.placement.settings.get(name, {})
    return make(wanted) | {key: str(value) for key, value in given.items()}


def session_settings(providers: Sequence[str], wanted: Wanted) -> Settings:
    """Return the entries of the session's own configuration."""
    own_threads = 'XnnpackExecutionProvider' in providers  # which asks for a silent ONNX Runtime
    spinning = wanted.placement.spinning and not own_threads
    settings = {'session.intra_op.allow_spinning': str(int(spinning))}
    if CPU not in providers:
        settings['session.disable_cpu_ep_fallback'] = '1'
    if wanted.precision == 'bf16' and CPU in providers:
        settings['mlas.enable_gemm_fastmath_arm64_bfloat16'] = '1'
    return settings


def cpu_precisions(machine: str, features: str) -> tuple[str, ...]:
    """Return what ONNX Runtime's CPU provider computes in: products in bf16 on some Arm cores."""
    bf16 = machine == 'aarch64' and 'bf16' in features.split()
    return ('fp32', 'bf16') if bf16 else ('fp32',)


def _nothing(wanted: Wanted) -> Settings:
    return {}


def _cuda(wanted: Wanted) -> Settings:
    return {'use_tf32': '0'}


def _tensorrt(wanted: Wanted) -> Settings:
    return {
        'trt_fp16_enable': str(wanted.precision == 'fp16'),
        'trt_bf16_enable': str(wanted.precision == 'bf16'),
    }


def _openvino(wanted: Wanted) -> Settings:
    return {
        'device_type': wanted.placement.device.upper(),
        'num_of_threads': str(wanted.placement.thread_count()),
        'precision': {'fp32': 'ACCURACY', 'fp16': 'FP16'}[wanted.precision],
    }


def _qnn(wanted: Wanted) -> Settings:
    return {'backend_path': 'libQnnHtp.so', 'htp_performance_mode': 'burst'}


def _xnnpack(wanted: Wanted) -> Settings:
    return {'intra_op_num_threads': str(wanted.placement.thread_count())}


def _acl(wanted: Wanted) -> Settings:
    return {'enable_fast_math': str(wanted.precision == 'bf16').lower()}


def _features() -> str:
    """Return the instruction sets that the kernel lists."""
    path = Path('/proc/cpuinfo')
    return path.read_text() if path.is_file() else ''


PROVIDERS: dict[str, tuple[tuple[str, ...], Callable[[Wanted], Settings]]] = {
    CPU: (cpu_precisions(platform.machine(), _features()), _nothing),
    'CUDAExecutionProvider': (('fp32',), _cuda),
    'TensorrtExecutionProvider': (('fp32', 'fp16', 'bf16'), _tensorrt),
    'OpenVINOExecutionProvider': (('fp32', 'fp16'), _openvino),
    'QNNExecutionProvider': (('fp32',), _qnn),
    'VitisAIExecutionProvider': (('fp32',), _nothing),
    'NeutronExecutionProvider': (('fp32',), _nothing),
    'XnnpackExecutionProvider': (('fp32',), _xnnpack),
    'ACLExecutionProvider': (('fp32', 'bf16'), _acl),
}
