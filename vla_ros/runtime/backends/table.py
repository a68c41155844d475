# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The one table of back ends.

A new back end is a module in this folder, with a ``Session`` of its own and a ``devices()``, and a
line here; test/runtime/test_session.py holds each of them to what a Session promises.
"""

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from vla_ros.core.errors import ConfigError

if TYPE_CHECKING:
    from vla_ros.runtime.session import Session, Wanted

INTEGERS = ('int8_static', 'int8_dynamic', 'int4_weights')


class Device(NamedTuple):
    """A device that a back end finds on this machine."""

    name: str  # e.g. CPU; what a person calls it, together with the back end
    device: str  # cpu, gpu or npu, as a placement says
    providers: tuple[str, ...] = ()  # as a placement says
    floats: tuple[str, ...] = ()  # precisions of float parts, where the back end tells
    detail: str = ''


class Backend(NamedTuple):
    """What can be known of a back end without loading it."""

    module: str  # loaded only where the back end is wanted
    session: str  # the module's Session
    library: str  # that it runs on, as Python imports it
    extra: str  # of this package, that installs it; empty: always there
    precisions: frozenset[str]  # that a recipe may ask it for, on a CPU
    names_precision: bool = False  # whether the names of its kernels hold their precision

    def opener(self) -> 'Callable[[Wanted], Session]':
        """Return the Session's class; raise ModuleNotFoundError where it isn't installed."""
        found: Callable[[Wanted], Session] = getattr(import_module(self.module), self.session)
        return found

    def devices(self) -> Iterator[Device]:
        """Yield what it finds on this machine; raise ModuleNotFoundError where it isn't here."""
        yield from import_module(self.module).devices()


BACKENDS = {
    'onnxruntime': Backend(
        module='vla_ros.runtime.backends.onnx_runtime',
        session='OnnxRuntimeSession',
        library='onnxruntime',
        extra='',
        precisions=frozenset({'fp32', 'fp16', *INTEGERS}),
    ),
    'openvino': Backend(
        module='vla_ros.runtime.backends.openvino',
        session='OpenVinoSession',
        library='openvino',
        extra='openvino',
        precisions=frozenset({'fp32', 'fp16', 'bf16', 'int8_static'}),
        names_precision=True,
    ),
}
DEFAULT = next(iter(BACKENDS))  # where nobody asked for another


def is_here(name: str) -> bool:
    """Return whether the library of a back end is installed."""
    return find_spec(BACKENDS[name].library) is not None


def find_backend(name: str) -> 'Callable[[Wanted], Session]':
    """Return what opens a session; raise ConfigError where the back end is unknown or not here."""
    if name not in BACKENDS:
        raise ConfigError(f'backend: got {name!r}, expected one of {list(BACKENDS)}')
    try:
        return BACKENDS[name].opener()
    except ModuleNotFoundError as error:
        raise ConfigError(
            f'backend {name}: {error.name} is not installed, expected it; '
            f"pip install 'vla_ros[{BACKENDS[name].extra or name}]', or name another backend of "
            f'{list(BACKENDS)} in the placement'
        ) from None
