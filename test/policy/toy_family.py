# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A family in one file: its backbone reads no state, its expert does and counts the words."""

import numpy as np

from vla_ros.policy.family import Family, check_actions, check_state, taken


class Backbone:
    """Passes the features through its block."""

    def __init__(self, bundle, placement):
        self.session = bundle.open('llm_backbone', placement)

    def run(self, tensors, ask, outputs=None):
        return self.session.run(taken(self.session, tensors), outputs)


class Expert:
    """Gives its block the state and the number of words."""

    def __init__(self, bundle, placement, settings):
        self._joints = bundle.spec.joint_names
        self.session = bundle.open('action_expert', placement)

    def run(self, tensors, ask, outputs=None):
        words = np.array([[len(ask.instruction.split())]], np.float32)
        state = check_state(tensors['state'], self._joints)[None]
        given = {**tensors, 'words': words, 'state': state}
        actions = self.session.run(taken(self.session, given), outputs)['actions']
        return {'actions': check_actions(actions[0], self.session)}


FAMILY = Family(Backbone, Expert, {'action_expert': frozenset({'words'})})
