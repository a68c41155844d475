# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`vla_ros train` and `vla_ros export`, as one types them."""

import shutil

import pytest

pytest.importorskip('torch')

from vla_ros.policy.bundle import load_bundle
from vla_ros.tools.main import main


@pytest.fixture(scope='module')
def run(dataset_root, tmp_path_factory):
    output = tmp_path_factory.mktemp('runs') / 'a'
    words = f'--dataset {dataset_root} --output {output} --steps 1 --episodes 0 --dim-model 16'
    assert main(['train', *words.split(), '--encoder-layers', '1', '--chunk-size', '4']) == 0
    return output


def test_what_train_wrote_export_splits_without_further_words(run, tmp_path, capsys):
    bundle = tmp_path / 'wave'
    words = ['--checkpoint', str(run / 'step_000001'), '--output', str(bundle)]
    assert main(['export', *words]) == 0
    assert 'differ from torch by at most' in capsys.readouterr().out
    spec = load_bundle(bundle).spec
    assert spec.chunk_size == 4 and spec.fps == 10 and spec.instruction == 'Wave.'
    assert spec.source['checkpoint'] == 'step_000001'


def test_train_says_why_it_does_not_overwrite(run, dataset_root, capsys):
    words = ['--dataset', str(dataset_root), '--output', str(run), '--steps', '1']
    assert main(['train', *words]) == 2
    assert 'resume it, or name another folder' in capsys.readouterr().err


def test_checkpoint_of_others_needs_names_and_rate(run, tmp_path, capsys):
    foreign = shutil.copytree(run / 'step_000001', tmp_path / 'foreign')
    (foreign / 'dataset.json').unlink()
    words = ['--checkpoint', str(foreign), '--output', str(tmp_path / 'wave')]
    assert main(['export', *words]) == 2
    assert 'give --dataset, or --joint-names and --fps' in capsys.readouterr().err
    assert main(['export', *words, '--fps', '25', '--joint-names', 'a', 'b', 'c']) == 0
    assert load_bundle(tmp_path / 'wave').spec.joint_names == ('a', 'b', 'c')


def test_dataset_gives_a_checkpoint_of_others_its_names(run, dataset_root, tmp_path):
    foreign = shutil.copytree(run / 'step_000001', tmp_path / 'foreign')
    (foreign / 'dataset.json').unlink()
    words = ['--checkpoint', str(foreign), '--dataset', str(dataset_root)]
    assert main(['export', *words, '--output', str(tmp_path / 'wave')]) == 0
    assert load_bundle(tmp_path / 'wave').spec.joint_names == ('pan', 'lift', 'gripper')
