# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Viewer node: plays bags into the live page, in their own time; it publishes nothing of them.

It is the page of the web node, with controls of the playback in place of those of an arm. Any
bag will do: what it does not hold is not shown, and the page says what that is.
"""

from dataclasses import dataclass
from pathlib import Path

from vla_ros.core.config import find_config
from vla_ros.core.defaults import ROBOT
from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.core.robot import load_robot
from vla_ros.dataset.bags import open_bags
from vla_ros.dataset.streams import parse_choice
from vla_ros.ros.bag_show import HINT, Bag, BagShow, open_bag
from vla_ros.ros.lifecycle import VlaNode
from vla_ros.ros.page import Page, PageParams
from vla_ros.ros.params import declare, param, parse_names
from vla_ros.ros.process import spin_node
from vla_ros.ros.show import Clocks, Show
from vla_ros.view.hub import Hub
from vla_ros.view.words import NOT_RECORDED


@dataclass(frozen=True)
class ViewerParams(PageParams):
    """Parameters of the viewer node."""

    bag: str = param('', 'Bag, or folder of bags.')
    bag_namespace: str = param('', "The robot's namespace, where a bag holds several.")
    bag_topics: str = param('', 'Which topics are meant: ROLE:=TOPIC, separated by commas.')
    robot: str = param(ROBOT, "The robot's file in config/robots, or its path.")


class ViewerNode(VlaNode):
    """Plays in a thread of its own; whoever has the token says from where, and how fast."""

    def __init__(self) -> None:
        """Declare the parameters; raise ConfigError for a robot or a bag that is not there."""
        super().__init__('viewer')
        self._params = declare(self, ViewerParams)
        self._robot = load_robot(find_config('robots', self._params.robot))
        if not self._params.bag:
            raise ConfigError("bag: got '', expected a bag or a folder of bags")
        choice = parse_choice(self._params.bag_namespace, parse_names(self._params.bag_topics))
        episodes = open_bags(Path(self._params.bag).expanduser(), choice)
        self._bags = [open_bag(episode) for episode in episodes]
        self._page: Page | None = None

    @property
    def port(self) -> int:
        """Return the port that the page is at, once configured; 0 before."""
        return self._page.port if self._page else 0

    def configure(self) -> None:
        """Open the page."""
        self._hub = Hub()
        self._player = BagShow(self._bags, self.report)

        async def command(name: str, text: str) -> str:
            return self._player.command(name, text)

        self._page = Page(self, self._params, self._hub, command)

    def activate(self) -> None:
        """Play."""
        for bag in self._bags:
            if bag.story.missing:
                lacking = ', '.join(bag.story.missing)
                self.get_logger().info(f'{bag.episode.path.name}: got no {lacking}; {HINT}')
        self.run_thread(self._run, 'player')

    def deactivate(self) -> None:
        """Stop playing."""
        self._player.stop()
        self.join_threads()

    def cleanup(self) -> None:
        """Close the page."""
        if self._page is not None:
            self._page.close()
            self._page = None

    def _run(self) -> None:
        """Play; a bag that turns out to be damaged ends the node."""
        try:
            self._player.run(self._make_show)
        except VlaError as error:
            self.get_logger().error(str(error))
            self.exit_code = 1
            self.finish()

    def _make_show(self, bag: Bag) -> Show:
        topics = bag.story.topics
        known = topics.get('queue_status') or topics.get('joint_states') or ''
        return Show(
            self._hub,
            self._robot,
            list(bag.story.cameras),
            known.rpartition('/')[0] or '/',
            Clocks(self._player.now, self._player.now),
            self._params.picture_rate,
            self._params.picture_width,
            NOT_RECORDED,
        )


def main(args: list[str] | None = None) -> int:
    """Run the node; return its exit code."""
    return spin_node(ViewerNode, args)


if __name__ == '__main__':
    raise SystemExit(main())
