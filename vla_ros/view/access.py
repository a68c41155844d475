# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Who may look, and who may command.

Looking is free to whoever reaches the port. A command needs the token. Requests that a page of
another site makes are refused (their Origin is not this server), and so are those under a name
that is not this machine's, which is how a foreign page would get around that (DNS rebinding).
"""

import os
import secrets
import socket
from collections.abc import Collection
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from vla_ros.core.errors import ConfigError

TOKEN_BYTES = 24
SCHEME = 'Bearer '


def load_token(path: Path) -> str:
    """
    Return the token in a file that only its owner can read; make one where there is none.

    Raise ConfigError where it cannot be read or written, holds nothing, or others can read it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        with open(descriptor, 'r+', encoding='ascii') as file:
            if os.fstat(descriptor).st_size == 0:
                file.write(secrets.token_urlsafe(TOKEN_BYTES))
                file.seek(0)
            mode = os.fstat(descriptor).st_mode & 0o077
            token = file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f'token_file: {path}: {error}') from None
    if mode:
        raise ConfigError(f'token_file: {path}: others can read it; run: chmod 600 {path}')
    if not token:
        raise ConfigError(f'token_file: {path}: got no token, expected one; remove the file')
    return token


def default_token_file() -> Path:
    """
    Return where the token lies, so that a link stays valid: in ROS_HOME, or ~/.ros.

    Raise ConfigError for a user who has no home.
    """
    try:
        home = os.environ.get('ROS_HOME') or Path.home() / '.ros'
    except RuntimeError:
        raise ConfigError(
            'token_file: got none, and this user has no home; set token_file, or the environment '
            'variable ROS_HOME or HOME'
        ) from None
    return Path(home) / 'vla_ros' / 'web_token'


class Access:
    """The rules of one server."""

    def __init__(self, token: str, names: Collection[str] = ()) -> None:
        """Take the token, and the names besides this machine's own that it is reached by."""
        self._token = token.encode()
        own = socket.gethostname().lower()
        self._names = {'localhost', own, f'{own}.local', *(name.lower() for name in names)}

    def objection(self, host: str, origin: str | None) -> str:
        """Say why a request is refused that was sent to ``host`` from ``origin``, else ''."""
        name = _name(host)
        if name not in self._names and not _is_address(name):
            known = ', '.join(sorted(self._names))
            return (
                f'got a request for host {name!r}, expected one of {known} or an address; add it '
                'to the parameter allowed_hosts'
            )
        if origin is not None and origin.partition('://')[2].lower() != host.lower():
            return f'got a request of a page from {origin!r}, expected one from this server'
        return ''

    def may_command(self, authorization: str | None) -> bool:
        """Say whether the header Authorization holds the token."""
        given = (authorization or '').encode(errors='surrogatepass')  # any bytes may come
        expected = SCHEME.encode() + self._token
        return secrets.compare_digest(given, expected)


def _name(host: str) -> str:
    """Return the name in a header Host, '' where there is none."""
    try:
        return (urlsplit(f'//{host}').hostname or '').lower()
    except ValueError:  # such as [::1
        return ''


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
