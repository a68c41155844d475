# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
#
# For a Debian or Ubuntu machine without ROS 2. (With ROS 2: colcon build, ros2 launch, colcon test.)
# `make help` lists what there is.

VENV ?= .venv
INPUTS := .ci/bootstrap setup.py setup.cfg pyproject.toml package.xml $(wildcard msg/*) \
  $(addprefix test/control_msgs/,package.xml setup.py) $(wildcard test/control_msgs/*/*.action) \
  $(wildcard test/control_msgs/*/*.msg)
ROS ?= kilted
export VENV ROS

# .venv brings its own ROS 2; a sourced one would mix its libraries and modules into it.
unexport AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH LD_LIBRARY_PATH PYTHONPATH ROS_DISTRO

.DEFAULT_GOAL := help
.PHONY: help demo test faults soak lint docs venv clean asked

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16
	@echo
	@echo '  PYTHON=3.11         the Python to make the virtual environment with, or its path'
	@echo '  VENV=.venv          where it lies'
	@echo '  ROS=jazzy           another ROS 2 than Kilted (in another VENV)'
	@echo '  ARGS="test/core"    arguments for pytest (make test)'

demo: $(VENV)/ready-for-demo  ## install what is missing, then let the arm put the tea bag into the mug
	$(VENV)/bin/vla_ros up tea_bag episodes:=1 report:=true $(if $(DISPLAY)$(WAYLAND_DISPLAY),view:=web open_browser:=true)

test: $(VENV)/ready-for-test  ## the same, then run the tests
	$(VENV)/bin/python -m pytest $(ARGS)

faults: $(VENV)/ready-for-test  ## break the running graph in every way we know, for minutes
	$(VENV)/bin/python -m pytest test/faults -m '' --faults-report build/faults.json $(ARGS)

soak: $(VENV)/ready-for-demo  ## run it for half an hour, and see that nothing grows
	$(VENV)/bin/vla_ros benchmark soak --minutes 30

lint: $(VENV)/ready-for-test  ## check format, style and types with pinned tools
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check $(LINTERS)
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check --quiet
	$(VENV)/bin/mypy

docs: $(VENV)/ready-for-test  ## build the documentation into build/docs
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check $(DOCS)
	$(VENV)/bin/mkdocs build --strict --site-dir build/docs

venv: $(VENV)/ready-for-demo  ## only make the virtual environment, as for the demo

clean:  ## remove the virtual environment and whatever was built
	rm -rf $(VENV) build *.egg-info .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# with a PYTHON that was asked for, .ci/bootstrap looks whether the environment is of it
$(VENV)/ready-for-%: $(INPUTS) $(if $(PYTHON),asked)
	.ci/bootstrap $*

asked:

# pinned: another release finds other faults
LINTERS := ruff==0.17.6 mypy==2.4.1 types-PyYAML
DOCS := 'mkdocs-material>=9.5,<10' 'mkdocstrings[python]>=0.26'
