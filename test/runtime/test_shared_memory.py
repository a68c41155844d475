# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Arrays in shared memory: whole or refused, reclaimed, and never the end of a process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from patience import PATIENCE

from vla_ros.core.errors import VlaError
from vla_ros.runtime.shared_memory import (
    SLOTS,
    Place,
    SharedReader,
    SharedWriter,
    remove_stale_slots,
)

VALUES = np.arange(30_000, dtype=np.float32).reshape(3, 100, 100)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def read(reader: SharedReader, place: Place, like: np.ndarray) -> np.ndarray:
    """Return a verified copy of the array at ``place``."""
    values = reader.view('x', place, like.dtype.name, like.shape)
    copy = values.copy()
    reader.verify('x', place, values)
    return copy


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        arrays.arrays(
            st.sampled_from(['float32', 'float16', 'uint8', 'int64', 'bool']),
            arrays.array_shapes(min_dims=0, max_side=12),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_arrays_of_any_type_and_shape_come_out_as_they_went_in(
    tmp_path_factory: pytest.TempPathFactory, items: list[np.ndarray]
) -> None:
    folder = tmp_path_factory.mktemp('shm')
    writer, reader = SharedWriter(folder), SharedReader(folder)
    for values in items:
        np.testing.assert_array_equal(read(reader, writer.put('x', values), values), values)
    writer.close()


def test_array_that_is_not_contiguous_comes_out_as_it_went_in(tmp_path: Path) -> None:
    values = VALUES.transpose(2, 0, 1)[::3]
    place = SharedWriter(tmp_path).put('x', values)
    np.testing.assert_array_equal(read(SharedReader(tmp_path), place, values), values)


def test_array_stays_whole_until_its_slot_is_written_again(tmp_path: Path) -> None:
    writer, reader = SharedWriter(tmp_path), SharedReader(tmp_path)
    places = [writer.put('x', VALUES + i) for i in range(SLOTS)]
    for i, place in enumerate(places):
        np.testing.assert_array_equal(read(reader, place, VALUES), VALUES + i)
    values = reader.view('x', places[0], 'float32', VALUES.shape)
    writer.put('x', VALUES)
    with pytest.raises(VlaError, match='tensor x: overwritten before it was read to the end'):
        reader.verify('x', places[0], values)
    with pytest.raises(VlaError, match='overwritten'):
        reader.view('x', places[0], 'float32', VALUES.shape)
    assert read(reader, places[1], VALUES)[0, 0, 0] == 1


def test_array_that_was_made_in_its_slot_is_not_copied(tmp_path: Path) -> None:
    writer, reader = SharedWriter(tmp_path), SharedReader(tmp_path)
    for i in range(2 * SLOTS):
        slot = writer.loan('x', 'float32', VALUES.shape)
        slot[...] = VALUES + i
        place = writer.put('x', slot)
        values = reader.view('x', place, 'float32', VALUES.shape)
        np.testing.assert_array_equal(values, VALUES + i)
        slot[0, 0, 0] = -1  # what is lent and what is read are the same memory
        assert values[0, 0, 0] == -1


def test_array_is_torn_from_its_loan_until_it_is_put(tmp_path: Path) -> None:
    writer, reader = SharedWriter(tmp_path), SharedReader(tmp_path)
    places = [writer.put('x', VALUES + i) for i in range(SLOTS)]
    slot = writer.loan('x', 'float32', VALUES.shape)
    with pytest.raises(VlaError, match='overwritten'):
        reader.view('x', places[0], 'float32', VALUES.shape)
    assert writer.loan('x', 'float32', VALUES.shape).ctypes.data == slot.ctypes.data
    for i, place in enumerate(places[1:], 1):
        np.testing.assert_array_equal(read(reader, place, VALUES), VALUES + i)


def test_array_that_was_put_before_and_is_put_again_is_copied(tmp_path: Path) -> None:
    writer, reader = SharedWriter(tmp_path), SharedReader(tmp_path)
    slot = writer.loan('x', 'float32', VALUES.shape)
    slot[...] = VALUES
    places = [writer.put('x', slot), writer.put('x', slot)]
    assert places[0].offset != places[1].offset
    for place in places:
        np.testing.assert_array_equal(read(reader, place, VALUES), VALUES)


def test_array_put_instead_of_the_one_that_was_lent_is_the_one_that_is_read(
    tmp_path: Path,
) -> None:
    writer, reader = SharedWriter(tmp_path), SharedReader(tmp_path)
    writer.loan('x', 'float32', VALUES.shape)[...] = 0
    np.testing.assert_array_equal(read(reader, writer.put('x', VALUES), VALUES), VALUES)
    writer.loan('x', 'uint8', (10,))[...] = 0  # a smaller one may be lent
    np.testing.assert_array_equal(read(reader, writer.put('x', VALUES), VALUES), VALUES)


def test_array_whose_bytes_were_changed_under_its_generation_is_refused(tmp_path: Path) -> None:
    place = SharedWriter(tmp_path).put('x', VALUES)
    path = tmp_path / place.segment
    content = bytearray(path.read_bytes())
    content[place.offset + 100] ^= 1
    path.write_bytes(content)
    with pytest.raises(VlaError, match='overwritten'):
        read(SharedReader(tmp_path), place, VALUES)


def test_arrays_cannot_be_changed_by_who_reads_them(tmp_path: Path) -> None:
    place = SharedWriter(tmp_path).put('x', VALUES)
    values = SharedReader(tmp_path).view('x', place, 'float32', VALUES.shape)
    with pytest.raises(ValueError, match='read-only'):
        values[0, 0, 0] = 1


def test_larger_array_takes_a_new_segment_and_the_old_one_goes(tmp_path: Path) -> None:
    writer, reader = SharedWriter(tmp_path), SharedReader(tmp_path)
    small = reader.view('x', writer.put('x', VALUES[0]), 'float32', VALUES[0].shape)
    large = writer.put('x', VALUES)
    assert names(tmp_path) == [large.segment]
    np.testing.assert_array_equal(read(reader, large, VALUES), VALUES)
    np.testing.assert_array_equal(small, VALUES[0])  # who still reads it, still may


def test_each_name_has_slots_of_its_own(tmp_path: Path) -> None:
    writer, reader = SharedWriter(tmp_path), SharedReader(tmp_path)
    first = writer.put('x', VALUES)
    for _ in range(2 * SLOTS):
        writer.put('y', VALUES)
    np.testing.assert_array_equal(read(reader, first, VALUES), VALUES)


def test_closed_writer_leaves_nothing_behind(tmp_path: Path) -> None:
    writer = SharedWriter(tmp_path)
    writer.put('x', VALUES), writer.put('y', VALUES)
    writer.close()
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'host': 'other'}, 'memory of another host; set shared_memory:=never'),
        ({'segment': 'vla_ros_0123456789abcdef'}, 'No such file or directory; if its writer'),
        ({'segment': '../../etc/passwd'}, 'expected one of vla_ros'),
        ({'offset': 64}, 'overwritten'),
        ({'offset': 65}, 'expected a slot'),
        ({'offset': 1 << 40}, 'expected a slot'),
        ({'generation': 4}, 'overwritten'),
    ],
)
def test_place_that_is_wrong_is_refused_with_the_mend(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    place = SharedWriter(tmp_path).put('x', VALUES)
    wrong = place._replace(**change)  # type: ignore[arg-type]
    with pytest.raises(VlaError, match=message):
        SharedReader(tmp_path).view('x', wrong, 'float32', VALUES.shape)


def run(program: str, folder: Path) -> 'subprocess.Popen[str]':
    """Start a Python program with the folder as its argument."""
    head = 'import sys, time, numpy as np\nfrom pathlib import Path\n'
    head += 'from vla_ros.runtime.shared_memory import *\nfolder = Path(sys.argv[1])\n'
    argv = [sys.executable, '-c', head + program, str(folder)]
    return subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


HAMMER = """
writer = SharedWriter(folder)
values = np.empty(100_000, np.uint32)
for i in range(3000):
    values[:] = i
    print(*writer.put('x', values), i, flush=True)
sys.stdin.read()
"""


def test_reader_that_is_overtaken_all_the_time_never_sees_a_torn_array(tmp_path: Path) -> None:
    process = run(HAMMER, tmp_path)
    reader, whole, refused = SharedReader(tmp_path), 0, 0
    assert process.stdout is not None
    for _ in range(3000):
        segment, host, *numbers, i = process.stdout.readline().split()
        place = Place(segment, host, *map(int, numbers))
        try:
            values = reader.view('x', place, 'uint32', [100_000])
            low, high = values.min(), values.max()
            reader.verify('x', place, values)
        except VlaError as error:
            assert 'overwritten' in str(error)
            refused += 1
        else:
            assert low == high == int(i)
            whole += 1
    process.communicate('')
    assert whole > 0 and whole + refused == 3000


KILLED = """
writer = SharedWriter(folder)
writer.put('x', np.zeros(100_000))
print('ready', flush=True)
time.sleep(60)
"""


def test_slots_of_a_killed_writer_are_reclaimed_and_those_of_a_living_one_stay(
    tmp_path: Path,
) -> None:
    process = run(KILLED, tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    assert remove_stale_slots(tmp_path) == (0, 0)
    assert len(names(tmp_path)) == 1
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    count, size = remove_stale_slots(tmp_path)
    assert count == 1 and size >= SLOTS * 800_000
    assert names(tmp_path) == []


def test_new_writer_reclaims_what_dead_ones_left_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / 'vla_ros_0123456789abcdef').write_bytes(bytes(8192))
    (tmp_path / 'other').write_bytes(bytes(8192))
    SharedWriter(tmp_path)
    assert names(tmp_path) == ['other']


FULL = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
writer = SharedWriter(folder)
try:
    writer.put('x', np.zeros(100_000))
except VlaError as error:
    print(error)
writer.put('x', np.zeros(1000))
print(len(list(folder.iterdir())))
"""


def test_full_memory_is_an_error_with_the_mend_and_not_the_end(tmp_path: Path) -> None:
    process = run('from vla_ros.core.errors import VlaError\n' + FULL, tmp_path)
    out, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert 'no room for 3.2 MB of tensors' in out and 'make /dev/shm larger' in out
    assert out.splitlines()[-1] == '1'


# --- descriptors that are forged


@pytest.mark.parametrize(
    ('dtype', 'shape'),
    [('object', (4,)), ('O', (4,)), ('float32', (1,) * 65), ('V8', (4,)), ('nonsense', (4,))],
)
def test_array_that_no_tensor_is_makes_an_error_and_no_crash(
    tmp_path: Path, dtype: str, shape: tuple[int, ...]
) -> None:
    writer, reader = SharedWriter(tmp_path), SharedReader(tmp_path)
    place = writer.put('x', VALUES)
    with pytest.raises(VlaError, match='tensor x: got .* axes of .*, expected at most 8 of bool'):
        reader.view('x', place, dtype, shape)
    writer.close()


@pytest.mark.parametrize('kind', ['pipe', 'link', 'folder', 'empty'])
def test_segment_that_is_no_file_with_slots_keeps_nobody_waiting(
    tmp_path: Path, kind: str
) -> None:
    writer, reader = SharedWriter(tmp_path), SharedReader(tmp_path)
    place = writer.put('x', VALUES)._replace(segment='vla_ros_' + 16 * 'a')
    path = tmp_path / place.segment
    if kind == 'pipe':
        os.mkfifo(path)
    elif kind == 'link':
        path.symlink_to('/etc/hostname')
    elif kind == 'folder':
        path.mkdir()
    else:
        path.touch()
    with pytest.raises(VlaError, match=f'tensor x: {path}: '):
        reader.view('x', place, 'float32', VALUES.shape)
    writer.close()
