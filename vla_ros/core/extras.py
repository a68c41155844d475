# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Optional libraries: which extra of this package installs each."""

from importlib.util import find_spec
from pathlib import Path

# a module that the run time does without, and the extra that brings it
EXTRAS = {
    'matplotlib': 'check',
    'tqdm': 'check',
    'mujoco': 'sim',
    'av': 'train',
    'datasets': 'train',
    'grpc': 'benchmark',
    'lerobot': 'train',
    'onnx': 'quantize',
    'scservo_sdk': 'so101',
    'serial': 'so101',
    'onnxscript': 'train',
    'pandas': 'train',
    'torch': 'train',
    'torchvision': 'train',
    'transformers': 'train',
}


def require(module: str) -> None:
    """Raise ModuleNotFoundError, which names it, where the top-level ``module`` is missing."""
    if find_spec(module) is None:
        raise ModuleNotFoundError(f'No module named {module!r}', name=module)


def how_to_install(error: ModuleNotFoundError) -> str:
    """Return which command installs what was not found; '' where no extra brings it."""
    extra = EXTRAS.get((error.name or '').partition('.')[0])
    if extra is None:
        return ''
    return f"{error.name} is not installed: run pip install '{_package()}[{extra}]'"


def _package() -> str:
    """Return pip's name of this package: that of its checkout, where it runs from one."""
    checkout = Path(__file__).parents[2]
    if not (checkout / 'setup.py').is_file():
        return 'vla_ros'
    return '.' if checkout == Path.cwd() else str(checkout)
