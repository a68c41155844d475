# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Training a tiny ACT: checkpoints, resuming, and the choice by success."""

import csv
import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread

torch = pytest.importorskip('torch')

from vla_ros.core.errors import ConfigError  # noqa: E402
from vla_ros.train.checkpoint import load_checkpoint, load_facts  # noqa: E402
from vla_ros.train.curves import smooth  # noqa: E402
from vla_ros.train.learner import Learner  # noqa: E402
from vla_ros.train.loop import train  # noqa: E402
from vla_ros.train.run_folder import RunFolder, best_step  # noqa: E402
from vla_ros.train.training_plan import TrainingPlan  # noqa: E402

from .conftest import JOINTS, SIZE, write_dataset  # noqa: E402

PLAN = TrainingPlan(steps=6, batch_size=4, evaluate_every=2, report_every=1, warmup=2)
SUCCESS = {'step_000002': 0.2, 'step_000004': 0.9, 'step_000006': 0.5}
DROPOUT = replace(SIZE, dropout=0.1, use_vae=True, n_vae_encoder_layers=1)


def rows(path):
    with path.open() as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def losses(output):
    return [(row['step'], row['loss'], row['rate']) for row in rows(output / 'losses.csv')]


def weights(checkpoint):
    return load_checkpoint(checkpoint).policy.state_dict()


@pytest.fixture(scope='module')
def run(dataset_root, tmp_path_factory):
    """Train to the end; the fourth step succeeds most often."""
    output = tmp_path_factory.mktemp('run')

    def evaluate(checkpoint):
        return {'test': SUCCESS[checkpoint.name], 'validation': 0.5}

    lines = []
    best = train([dataset_root], output, PLAN, DROPOUT, evaluate=evaluate, report=lines.append)
    return output, best, lines


def test_checkpoint_is_chosen_by_success(run):
    output, best, _ = run
    assert best == output / 'best'
    same = output / 'step_000004' / 'model.safetensors'
    assert (best / 'model.safetensors').read_bytes() == same.read_bytes()
    assert [row['test'] for row in rows(output / 'success.csv')] == [0.2, 0.9, 0.5]


@pytest.mark.parametrize(
    ('rates', 'best'),
    [
        ([(0.9, 0.0), (0.7, 0.3), (0.8, 0.1)], 200),
        ([(0.8, 0.2), (0.6, 0.4), (0.3, 0.3)], 200),
        ([(0.0, 0.0), (0.0, 0.0), (0.0, 0.0)], 300),
    ],
    ids=['both sets count', 'of equals the latest', 'nothing succeeds yet'],
)
def test_best_step_is_that_of_the_most_successes_on_both_sets(rates, best):
    table = [
        {'step': 100.0 * number, 'test': test, 'validation': validation}
        for number, (test, validation) in enumerate(rates, 1)
    ]
    assert best_step(table) == best


def test_run_without_evaluations_gives_its_newest_checkpoint(tmp_path):
    folder = RunFolder(tmp_path)
    for step in (999_999, 1_000_000):
        folder.checkpoint(step).mkdir()
        folder.point_to(step)
    assert folder.result == folder.checkpoint(1_000_000)


def test_curves_are_drawn_at_each_evaluation(run):
    picture = run[0] / 'curves.png'
    assert imread(picture).shape[0] > 500  # with the success below the loss
    assert picture.stat().st_mtime >= (run[0] / 'success.csv').stat().st_mtime


def test_smoothed_curve_keeps_a_line_and_evens_noise_out():
    np.testing.assert_allclose(smooth(np.full(300, 2.0)), 2.0)
    assert smooth(np.tile([0.0, 1.0], 500)).std() < 0.05


def test_checkpoints_load_in_lerobot(run):
    from lerobot.policies.act.modeling_act import ACTPolicy

    policy = ACTPolicy.from_pretrained(run[1])
    assert policy.config.chunk_size == SIZE.chunk_size
    means = policy.state_dict()['model.backbone.bn1.running_mean']
    assert means.abs().max() > 0  # calibrated


def test_checkpoint_knows_its_data(run):
    facts = load_facts(run[1])
    assert facts.joint_names == JOINTS and facts.fps == 10
    assert facts.instruction == 'Wave.' and facts.datasets == ('tiny',)
    assert facts.instructions == ('Wave.',)


def test_progress_names_step_loss_and_time_left(run):
    line = next(line for line in run[2] if line.startswith('step 3 '))
    assert 'loss' in line and 'frames/s' in line and 'min left' in line


@pytest.mark.parametrize('interrupted', ['step_000002', 'step 3 '])
def test_resumed_run_is_to_the_last_bit_one_that_never_stopped(
    run, dataset_root, tmp_path, interrupted
):
    """It is stopped in the evaluation of a checkpoint, and between two checkpoints."""
    stops = iter([interrupted])

    def evaluate(checkpoint):
        stop_at(checkpoint.name)
        return {'test': SUCCESS[checkpoint.name], 'validation': 0.5}

    def stop_at(what):
        if what.startswith(interrupted) and next(stops, None):
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train([dataset_root], tmp_path, PLAN, DROPOUT, evaluate=evaluate, report=stop_at)
    train([dataset_root], tmp_path, PLAN, DROPOUT, evaluate=evaluate, resume=True)
    assert losses(tmp_path) == losses(run[0])
    assert rows(tmp_path / 'success.csv') == rows(run[0] / 'success.csv')
    for name in ('step_000006', 'best'):
        ours, theirs = (weights(output / name) for output in (tmp_path, run[0]))
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_run_that_is_over_gives_its_best_checkpoint_again(run, dataset_root):
    again = train([dataset_root], run[0], PLAN, DROPOUT, resume=True)
    assert again == run[1] == run[0] / 'best'


def test_folder_that_holds_a_run_is_not_overwritten(run, dataset_root):
    with pytest.raises(ConfigError, match='holds a training run'):
        train([dataset_root], run[0], PLAN, SIZE)


def test_resuming_nothing_says_so(dataset_root, tmp_path):
    with pytest.raises(ConfigError, match='no training to resume'):
        train([dataset_root], tmp_path, PLAN, SIZE, resume=True)


def test_run_starts_from_a_checkpoint_with_another_dataset_beside(run, dataset_root, tmp_path):
    other = write_dataset(tmp_path / 'corrections', seed=1)
    plan = replace(PLAN, steps=1, learning_rate=0.0, weight_decay=0.0)
    last = train([dataset_root, other], tmp_path / 'run', plan, SIZE, start=run[1])
    before, after = load_checkpoint(run[1]), load_checkpoint(last)
    name = 'model.action_head.weight'
    assert torch.equal(before.policy.state_dict()[name], after.policy.state_dict()[name])
    assert load_facts(last).datasets == ('tiny', 'corrections')
    state = {'observation.state': torch.ones(len(JOINTS))}
    normalised = [part.preprocess(state)['observation.state'] for part in (before, after)]
    assert torch.equal(*normalised)


def test_datasets_with_other_joints_are_refused(dataset_root, tmp_path):
    other = write_dataset(tmp_path / 'other', joints=('a', 'b', 'c'))
    with pytest.raises(ConfigError, match='rates and joints'):
        train([dataset_root, other], tmp_path / 'run', PLAN, SIZE)


def test_time_can_be_the_end(dataset_root, tmp_path):
    plan = replace(PLAN, steps=None, minutes=1e-4, evaluate_every=1000)
    last = train([dataset_root], tmp_path / 'run', plan, SIZE)
    assert last.name == 'step_000001'


@pytest.mark.parametrize('name', ['config.json', 'model.safetensors', 'policy_preprocessor.json'])
def test_what_a_checkpoint_lacks_is_named(run, tmp_path, name):
    broken = shutil.copytree(run[1], tmp_path / 'broken')
    (broken / name).unlink()
    with pytest.raises(ConfigError, match=f'broken: got no {name} in it'):
        load_checkpoint(broken)


def test_policy_of_another_type_is_named(run, tmp_path):
    other = shutil.copytree(run[1], tmp_path / 'other')
    (other / 'config.json').write_text('{"type": "diffusion"}')
    with pytest.raises(ConfigError, match="got a policy of type 'diffusion'"):
        load_checkpoint(other)


def test_checkpoint_of_a_gpu_loads_on_the_cpu(run, tmp_path):
    moved = shutil.copytree(run[1], tmp_path / 'moved')
    for name in ('config.json', 'policy_preprocessor.json'):
        text = (moved / name).read_text()
        assert '"device": "cpu"' in text
        (moved / name).write_text(text.replace('"device": "cpu"', '"device": "cuda"'))
    checkpoint = load_checkpoint(moved)
    state = checkpoint.preprocess({'observation.state': torch.ones(len(JOINTS))})
    assert state['observation.state'].device.type == checkpoint.policy.config.device == 'cpu'


def test_ctrl_c_saves_what_was_learned_and_resume_goes_on(dataset_root, tmp_path):
    lines, before = [], signal.getsignal(signal.SIGINT)

    def report(line):
        lines.append(line)
        if line.startswith('step 3 '):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train([dataset_root], tmp_path / 'run', PLAN, SIZE, report=report)
    assert lines[-1].endswith('step_000003: saved; go on with --resume')
    assert signal.getsignal(signal.SIGINT) is before
    lines.clear()
    last = train([dataset_root], tmp_path / 'run', PLAN, SIZE, resume=True, report=lines.append)
    assert last.name == 'step_000006' and [row[0] for row in losses(tmp_path / 'run')] == [
        *range(1, 7)
    ]
    assert any('goes on after 3 steps' in line and '--steps 6 in all' in line for line in lines)


def test_ctrl_c_in_an_evaluation_loses_no_checkpoint(dataset_root, tmp_path):
    def evaluate(checkpoint):
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train([dataset_root], tmp_path / 'run', PLAN, SIZE, evaluate=evaluate)
    assert (tmp_path / 'run' / 'step_000002' / 'model.safetensors').is_file()
    train([dataset_root], tmp_path / 'run', PLAN, SIZE, resume=True)


def test_a_run_that_ended_before_anything_was_saved_is_no_dead_end(dataset_root, tmp_path):
    def stop(line):
        if line.startswith('step 1 '):
            raise InterruptedError

    lines = []
    for again in ({'resume': True}, {}):
        output = tmp_path / f'run{len(again)}'
        with pytest.raises(InterruptedError):
            train([dataset_root], output, PLAN, SIZE, report=stop)
        assert train([dataset_root], output, PLAN, SIZE, report=lines.append, **again)
    assert any('nothing was saved before' in line for line in lines)


def test_resuming_a_run_that_is_over_says_what_its_end_counts_from(run, dataset_root):
    lines = []
    train([dataset_root], run[0], PLAN, DROPOUT, resume=True, report=lines.append)
    assert any('the run is over' in line and '--steps 6 counts from' in line for line in lines)


def test_progress_is_told_by_time_where_steps_are_slow(dataset_root, tmp_path):
    lines = []
    plan = replace(PLAN, steps=2, report_every=100, report_seconds=0.0)
    train([dataset_root], tmp_path / 'run', plan, SIZE, report=lines.append)
    assert [line.split('  ')[0] for line in lines if line.startswith('step')] == [
        'step 1',
        'step 2',
    ]
    assert losses(tmp_path / 'run') == []


def test_the_last_evaluation_ends_within_the_minutes(dataset_root, tmp_path, monkeypatch):
    now = [0.0]  # s; a step takes one of them, an evaluation ten
    monkeypatch.setattr('vla_ros.train.loop.time.monotonic', lambda: now[0])
    learn = Learner.learn

    def slow(learner, batch, rate):
        now[0] += 1.0
        return learn(learner, batch, rate)

    def evaluate(checkpoint):
        now[0] += 10.0
        return {'test': 0.5, 'validation': 0.5}

    monkeypatch.setattr(Learner, 'learn', slow)
    plan = replace(PLAN, steps=None, minutes=1.0, evaluate_every=1000)
    train([dataset_root], tmp_path / 'run', plan, SIZE, evaluate=evaluate)
    assert [row['step'] for row in rows(tmp_path / 'run' / 'success.csv')] == [30, 40]
    assert now[0] == 60.0


def test_a_damaged_state_is_told_with_the_mend(run, dataset_root, tmp_path):
    broken = shutil.copytree(run[0], tmp_path / 'run')
    (broken / 'training_state.pt').write_bytes(b'cut')
    with pytest.raises(ConfigError, match='is damaged .*--start'):
        train([dataset_root], broken, PLAN, DROPOUT, resume=True)
