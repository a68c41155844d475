# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
#
# For a Debian or Ubuntu machine without ROS 2. (With ROS 2: colcon build, ros2 launch, colcon test.)
#
#   make demo    install what is missing, then let the arm put the tea bag into the mug
#   make test    the same, then check the code and run the tests
#   make faults  break the running graph in every way we know, for minutes, and show what it did
#   make soak    run it for half an hour, and see that nothing grows
#   make lint    check the code only
#   make venv    only make .venv, as for the demo
#   make clean   remove .venv and whatever was built
#
# PYTHON=python3.11 chooses another Python for .venv than the best one found.

VENV := .venv
INPUTS := .ci/bootstrap setup.py setup.cfg pyproject.toml package.xml $(wildcard msg/*)

# .venv brings its own ROS 2; a sourced one would mix its libraries and modules into it.
unexport AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH LD_LIBRARY_PATH PYTHONPATH ROS_DISTRO

.PHONY: demo test faults soak lint venv clean

demo: $(VENV)/ready-for-demo
	$(VENV)/bin/vla_ros up tea_bag episodes:=1

test: lint
	$(VENV)/bin/python -m pytest

faults: $(VENV)/ready-for-test
	$(VENV)/bin/python -m pytest test/faults -m '' --faults-report build/faults.json

soak: $(VENV)/ready-for-demo
	$(VENV)/bin/vla_ros benchmark soak --minutes 30

lint: $(VENV)/ready-for-test
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check --quiet
	$(VENV)/bin/mypy

venv: $(VENV)/ready-for-demo

$(VENV)/ready-for-%: $(INPUTS)
	.ci/bootstrap $*

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
