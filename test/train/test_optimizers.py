# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Muon and AdamW share the weights, and go on from a state as if they had never stopped."""

import copy

import pytest

torch = pytest.importorskip('torch')

from vla_ros.train.optimizers import FASTER, MuonAndAdamW  # noqa: E402


class Net(torch.nn.Module):
    """Layers between an inlet and a loss."""

    def __init__(self):
        super().__init__()
        self.inlet = torch.nn.Linear(4, 8)
        self.layers = torch.nn.ModuleList(torch.nn.Linear(8, 8) for _ in range(2))

    def forward(self, x):
        x = self.inlet(x)
        for layer in self.layers:
            x = x + layer(torch.relu(x))
        return x.square().mean()


class Whole(torch.nn.Module):
    """Names its layers as a policy does."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = Net()

    def forward(self, x):
        return self.net(x)


def optimizer_of(model):
    return MuonAndAdamW(model.named_parameters(), 1e-2, 1e-4)


def learn(model, optimizer, steps):
    torch.manual_seed(1)
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(16, 4)).backward()
        optimizer.step()


@torch.no_grad()
def loss_of(model):
    torch.manual_seed(2)
    return float(model(torch.randn(64, 4)))


def test_matrices_of_layers_learn_by_muon_twice_as_fast_and_all_the_rest_by_adamw():
    model = Whole()
    groups = optimizer_of(model).param_groups
    by_muon = {id(v) for group in groups if group.get('times') == FASTER for v in group['params']}
    names = {name for name, value in model.named_parameters() if id(value) in by_muon}
    assert names == {'net.layers.0.weight', 'net.layers.1.weight'}
    assert sum(len(group['params']) for group in groups) == len([*model.parameters()])


def test_step_of_muon_turns_all_directions_of_a_matrix_alike():
    model = Whole()
    optimizer, weight = optimizer_of(model), model.net.layers[0].weight
    before = weight.detach().clone()
    left, right = (torch.linalg.qr(torch.randn(8, 8))[0] for _ in range(2))
    weight.grad = left @ torch.diag(torch.linspace(1.0, 0.1, 8)) @ right
    optimizer.step()
    sizes = torch.linalg.svdvals(weight.detach() - before)
    assert sizes[-1] > 0.4 * sizes[0]


def test_what_goes_on_from_a_state_is_what_never_stopped():
    whole = Whole()
    learn(whole, optimizer_of(whole), 2)
    model, optimizer = whole, optimizer_of(whole)
    learn(model, optimizer, 2)
    other = Whole()
    other.load_state_dict(model.state_dict())
    again = optimizer_of(other)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    learn(model, optimizer, 3)
    learn(other, again, 3)
    for ours, theirs in zip(other.parameters(), model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_both_take_the_loss_down():
    model = Whole()
    first = loss_of(model)
    learn(model, optimizer_of(model), 60)
    assert loss_of(model) < 0.1 * first
