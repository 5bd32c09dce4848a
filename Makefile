# Each target hands over to `python -m course_utils`, which first sets up what is missing.
# Options: LESSON=01  PORT=8899  JUNIT=results.xml  GPU=1  PYTHON=python3.12  ARGS="..."
PYTHON ?= python3
COURSE = $(PYTHON) -m course_utils
OPTIONS = $(if $(GPU),--gpu) $(if $(LESSON),--lesson $(LESSON))
BEYOND = $(if $(ARGS),-- $(ARGS))

.PHONY: help lab test soak execute lint format lock setup reset clean python

help: python
	@$(COURSE) --help

lab: python
	@$(COURSE) lab $(OPTIONS) $(if $(PORT),--port $(PORT)) $(BEYOND)

test soak: python
	@$(COURSE) $@ $(OPTIONS) $(if $(JUNIT),--junit $(JUNIT)) $(BEYOND)

execute: python
	@$(COURSE) execute $(OPTIONS)

lint format lock setup clean: python
	@$(COURSE) $@ $(if $(GPU),--gpu) $(BEYOND)

reset: python
	@$(if $(LESSON),$(COURSE) reset $(LESSON),echo 'Which lesson? For example:  make reset LESSON=01'; exit 1)

python:
	@command -v $(PYTHON) > /dev/null || { \
	  echo "No $(PYTHON) is on the PATH; the course needs Python 3.11, 3.12 or 3.13."; \
	  echo "Install one with your system's package manager and name it:  make lab PYTHON=python3.11"; \
	  exit 1; }
