# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Action expert node: the context of an observation in, a chunk of actions out."""

from vla_ros.msg import ActionChunk, Features
from vla_ros.policy.family import Ask, ExpertSettings, family_of
from vla_ros.ros import messages, qos
from vla_ros.ros.process import spin_node
from vla_ros.ros.stage import StageNode


class ActionExpertNode(StageNode):
    """Compute the chunk of each context; its first row is for the time of the observation."""

    def __init__(self) -> None:
        """Declare the parameters."""
        super().__init__('action_expert')

    def configure(self) -> None:
        """Load the block and the policy's facts."""
        bundle = self.load_bundle()
        self._spec = bundle.spec
        self._received = bundle.spec.carried('llm_backbone')
        self._expert = family_of(bundle.spec).expert(bundle, self.placement, ExpertSettings())
        self._chunks = self.advertise(ActionChunk, 'action_chunk', qos.LATEST)
        self.ready(self._expert.session)

    def activate(self) -> None:
        """Listen to the backbone."""
        self.subscribe(Features, 'context', self._on_context, qos.LATEST)

    def _on_context(self, msg: Features) -> None:
        ask = Ask(msg.instruction, msg.sequence)
        with self.received.open(msg.tensors, self._received) as tensors:
            made, timing = self.timed(lambda: self._expert.run(tensors, ask))
        timings = [*msg.timings, timing]
        self._chunks.publish(messages.answer_to_msg(made['actions'], msg, self._spec, timings))


def main(args: list[str] | None = None) -> int:
    """Run the node; return its exit code."""
    return spin_node(ActionExpertNode, args, images=False)


if __name__ == '__main__':
    raise SystemExit(main())
