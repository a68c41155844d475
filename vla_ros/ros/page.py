# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The page of a node: where it listens, who may command, and the link that the log shows."""

import os
import socket
import webbrowser
from dataclasses import dataclass
from pathlib import Path

from vla_ros.ros.lifecycle import VlaNode
from vla_ros.ros.params import param, parse_names
from vla_ros.view.access import Access, default_token_file, load_token
from vla_ros.view.hub import Hub
from vla_ros.view.server import Command, Server


@dataclass(frozen=True)
class PageParams:
    """Parameters of every node that has a page."""

    host: str = param(
        '127.0.0.1', 'Address to listen at: 127.0.0.1 is this machine only, 0.0.0.0 every network.'
    )
    port: int = param(8042, 'Port to listen at; a free one where it is taken, or 0.', 0, 65535)
    allowed_hosts: str = param(
        '', "Names besides this machine's own that browsers reach it by, separated by commas."
    )
    token_file: str = param(
        '', 'File with the token that commands need, made where there is none; empty: in ~/.ros.'
    )
    open_browser: bool = param(False, 'Open the page in the browser of this desktop.')
    picture_rate: float = param(15.0, 'Pictures per second to show of each camera.', 0.1, 60.0)
    picture_width: int = param(640, 'Width to which wider pictures are reduced.', 16, 4096)


class Page:
    """Serves what is on show in a hub, and does commands, until it is closed."""

    def __init__(self, node: VlaNode, params: PageParams, hub: Hub, command: Command) -> None:
        """Open the page and log its link; raise ConfigError for a token or a host that is none."""
        path = Path(params.token_file or default_token_file()).expanduser()
        token = load_token(path)
        names = list(parse_names(params.allowed_hosts))
        self._server = Server(hub, Access(token, names), command)
        self.port = self._server.start(params.host, params.port)
        if params.port not in (0, self.port):
            node.get_logger().warning(f'port {params.port} is taken: using {self.port}')
        url = f'http://{reachable(params.host)}:{self.port}/#token={token}'
        node.get_logger().info(f'live page: {url}')
        if params.open_browser and has_desktop():
            webbrowser.open(url)

    def close(self) -> None:
        """Send the viewers home."""
        self._server.close()


def reachable(host: str) -> str:
    """Return what a browser calls the host; its name where it listens at every address."""
    if host in ('0.0.0.0', '::'):
        return socket.gethostname()
    return f'[{host}]' if ':' in host else host


def has_desktop() -> bool:
    """Say whether a browser can show itself here."""
    return bool(os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY'))
