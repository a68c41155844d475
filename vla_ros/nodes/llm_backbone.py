# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Backbone node: features of an observation in, the context for the action expert out."""

from vla_ros.msg import Features
from vla_ros.policy.family import Ask, family_of
from vla_ros.ros.process import spin_node
from vla_ros.ros.stage import StageNode


class LlmBackboneNode(StageNode):
    """Compute the context of each set of features; the newest one first, older ones never."""

    def __init__(self) -> None:
        """Declare the parameters."""
        super().__init__('llm_backbone')

    def configure(self) -> None:
        """Load the block."""
        bundle = self.load_bundle()
        self._received = bundle.spec.carried('vision_encoder')
        self._carried = bundle.spec.carried('llm_backbone')
        self._backbone = family_of(bundle.spec).backbone(bundle, self.placement)
        self._contexts = self.advertise_tensors('context')
        self.ready(self._backbone.session)

    def activate(self) -> None:
        """Listen to the vision encoder."""
        self.listen('vision_features', self._on_vision_features)

    def _on_vision_features(self, msg: Features) -> None:
        ask = Ask(msg.instruction, msg.sequence)
        slots = self._contexts.loans(self._backbone.session.outputs)
        with self.received.open(msg.tensors, self._received) as tensors:
            made, timing = self.timed(lambda: self._backbone.run(tensors, ask, slots))
            passed = {n: tensors[n].copy() for n in self._carried if n not in made}
        context = Features(
            header=msg.header,
            sequence=msg.sequence,
            instruction=msg.instruction,
            timings=[*msg.timings, timing],
        )
        known = {**passed, **made}
        self._contexts.publish(context, {name: known[name] for name in self._carried})


def main(args: list[str] | None = None) -> int:
    """Run the node; return its exit code."""
    return spin_node(LlmBackboneNode, args, images=False)


if __name__ == '__main__':
    raise SystemExit(main())
