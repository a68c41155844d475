# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What this machine is: processor, instruction sets that matter for inference, memory."""

import os
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Any

# what the kernel calls it: what it is good for
X86_FEATURES = {
    'avx2': 'fp32 products',
    'avx512f': 'fp32 products, twice as wide',
    'avx_vnni': '8-bit products',
    'avx512_vnni': '8-bit products',
    'avx512_bf16': 'bf16 products',
    'amx_int8': '8-bit products, in tiles',
    'amx_bf16': 'bf16 products, in tiles',
}
ARM_FEATURES = {
    'asimd': 'fp32 products',
    'asimdhp': 'fp16 products',
    'asimddp': '8-bit products (dotprod)',
    'i8mm': '8-bit products, in tiles',
    'bf16': 'bf16 products',
    'sve': 'wider vectors',
}


def machine_facts() -> dict[str, Any]:
    """Return what a measurement must say about the machine that it was made on."""
    return {
        'processor': processor(),
        'cores': len(os.sched_getaffinity(0)),
        'memory': memory(),
        'isa': sorted(isa()),
        'onnxruntime': version('onnxruntime'),
        'openvino': version('openvino'),
    }


def processor(text: str | None = None) -> str:
    """Return the name of the processor, with family and model where the name says little."""
    text = _cpuinfo() if text is None else text
    name = _field(text, 'model name') or _field(text, 'Model') or platform.machine()
    numbers = [_field(text, key) for key in ('cpu family', 'model')]
    return f'{name} (family {numbers[0]}, model {numbers[1]})' if all(numbers) else name


def isa(text: str | None = None) -> dict[str, str]:
    """Return the instruction sets of this processor that matter, and for what."""
    text = _cpuinfo() if text is None else text
    flags = (_field(text, 'flags') or _field(text, 'Features')).split()
    known = X86_FEATURES if 'flags' in text else ARM_FEATURES
    return {name: use for name, use in known.items() if name in flags}


def memory() -> int:
    """Return the bytes of memory of this machine."""
    return os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')


def version(package: str) -> str | None:
    """Return the installed version of a Python package, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpuinfo() -> str:
    path = Path('/proc/cpuinfo')
    return path.read_text(encoding='utf-8', errors='replace') if path.is_file() else ''


def _field(text: str, name: str) -> str:
    found = re.search(rf'^{name}\s*:\s*(.*)$', text, re.MULTILINE)
    return found[1].strip() if found else ''
