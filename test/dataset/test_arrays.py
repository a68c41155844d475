# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Array datasets: whole parts or none, read as they were written."""

import json

import numpy as np
import pytest

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.arrays import META, ArrayDataset, ArraySpec, Part

SPEC = ArraySpec(
    30.0, ('pan', 'lift'), {'top': (4, 8), 'side': (2, 2)}, ('Wave.',), True, ('bag',)
)


def part(rows=6, seed=0, **changes):
    rng = np.random.default_rng(seed)
    pictures = rows // 2
    fields = {
        'images': {
            camera: rng.integers(0, 256, (pictures, *size, 3), np.uint8)
            for camera, size in SPEC.cameras.items()
        },
        'labels': {
            camera: rng.random((pictures, 1, 5)).astype(np.float32) for camera in SPEC.cameras
        },
        'rows': np.arange(0, 2 * pictures, 2),
        'state': rng.random((rows, 2)).astype(np.float32),
        'action': rng.random((rows, 2)).astype(np.float32),
        'end': np.full(rows, rows),
        'instruction': np.zeros(rows, np.int64),
    }
    return Part(**(fields | changes))


@pytest.fixture
def dataset(tmp_path):
    return ArrayDataset.create(tmp_path / 'data', SPEC)


def test_parts_are_read_as_they_were_written_and_in_their_order(dataset):
    written = [part(6, seed=1), part(4, seed=2)]
    for number in (1, 0):
        written[number].save(dataset.part_folder(number))
    again = ArrayDataset(dataset.root)
    assert again.spec == SPEC
    for one, other in zip(written, again.parts(), strict=True):
        assert np.array_equal(one.state, other.state) and other.phase is None
        for camera in SPEC.cameras:
            assert np.array_equal(one.images[camera], other.images[camera])
            assert np.array_equal(one.labels[camera], other.labels[camera])


def test_part_that_was_interrupted_is_not_there(dataset, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    part().save(dataset.part_folder(0))
    monkeypatch.setattr('vla_ros.dataset.arrays.os.replace', interrupt)
    with pytest.raises(KeyboardInterrupt):
        part().save(dataset.part_folder(1))
    assert len(dataset.parts()) == 1


@pytest.mark.parametrize(
    ('text', 'complaint'),
    [
        ('', 'cannot be read'),
        ('[1]', 'got another format'),
        ('{"format": 1}', 'got .*, expected the facts of arrays'),
        ('{"format": 1, "cameras": [], "joint_names": 1}', 'got .*, expected the facts of arrays'),
    ],
)
def test_facts_that_are_damaged_are_named(dataset, text, complaint):
    (dataset.root / META).write_text(text)
    with pytest.raises(ConfigError, match=f'{META}: {complaint}'):
        ArrayDataset(dataset.root)


def test_folder_that_was_started_with_another_spec_is_refused(dataset):
    assert ArrayDataset.create(dataset.root, SPEC).spec == SPEC
    with pytest.raises(ConfigError, match='started with another command'):
        ArrayDataset.create(dataset.root, ArraySpec(60.0, ('pan',), {}, ()))


def test_folder_that_holds_something_else_is_not_mixed_with_it(dataset, tmp_path):
    (tmp_path / 'other' / 'meta').mkdir(parents=True)
    with pytest.raises(ConfigError, match='other: holds other files; name a new folder'):
        ArrayDataset.create(tmp_path / 'other', dataset.spec)


def test_what_is_no_array_dataset_is_refused(dataset, tmp_path):
    with pytest.raises(ConfigError, match=r'got no meta\.json'):
        ArrayDataset(tmp_path)
    with pytest.raises(ConfigError, match='got no part'):
        dataset.parts()
    content = json.loads((dataset.root / META).read_text()) | {'format': 7}
    (dataset.root / META).write_text(json.dumps(content))
    with pytest.raises(ConfigError, match='another format'):
        ArrayDataset(dataset.root)


def test_part_without_one_of_its_files_is_refused(dataset):
    part().save(dataset.part_folder(0))
    (dataset.part_folder(0) / 'images.side.npy').unlink()
    with pytest.raises(ConfigError, match=r'got no images\.side\.npy'):
        dataset.parts()


def test_statistics_are_those_of_all_parts(dataset):
    parts = [part(6, seed=1), part(40, seed=2)]
    for number, each in enumerate(parts):
        each.save(dataset.part_folder(number))
    stats = dataset.statistics()
    state = np.concatenate([each.state for each in parts])
    assert np.allclose(stats['observation.state']['mean'], state.mean(axis=0))
    assert np.allclose(stats['action']['std'], np.concatenate([p.action for p in parts]).std(0))
    pictures = np.concatenate([each.images['top'] for each in parts]) / 255
    mean = stats['observation.images.top']['mean']
    assert mean.shape == (3, 1, 1) and np.allclose(mean.ravel(), pictures.mean(axis=(0, 1, 2)))


def test_pictures_without_actions_have_no_statistics_of_them(dataset):
    part(action=None).save(dataset.part_folder(0))
    assert not dataset.acted and 'action' not in dataset.statistics()
