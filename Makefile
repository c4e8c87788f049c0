# Every target is one script that works without make too: python scripts/execute.py, for example.
ifeq ($(OS),Windows_NT)
PYTHON ?= python
else
PYTHON ?= python3
endif

# All variables given on the command line go to the script, so that it can refuse a misspelt one;
# from the environment it gets those that it knows.
FROM_ENVIRONMENT = $(foreach name,EPOCHS BATCH_SIZE LEARN_RATE SEED,$(if $(filter environment,$(origin $(name))),'$(name)=$($(name))'))
OVERRIDES = $(FROM_ENVIRONMENT) $(patsubst %,'%',$(filter-out PYTHON=% SUBMISSIONS=%,$(MAKEOVERRIDES)))

.PHONY: help execute test browser-test lab student instructor check refresh bench clean

help:
	@echo "make execute   run the whole lesson into executed/ (sets up everything the first time)"
	@echo "               with other settings: make execute EPOCHS=1 BATCH_SIZE=64 LEARN_RATE=0.05 SEED=7"
	@echo "make test      run all tests (sets up everything the first time)"
	@echo "make browser-test   run the notebooks as a learner does, in JupyterLab and Chromium"
	@echo "make lab       open JupyterLab on the first notebook"
	@echo "make student     write build/student: the notebooks without solutions and outputs"
	@echo "make instructor  write build/instructor: the notebooks with solutions and notes for teaching"
	@echo "make check SUBMISSIONS=folder   run the checkers on handed-in notebooks (runs other people's code)"
	@echo "make refresh   run the notebooks and store their outputs in them"
	@echo "make bench     time the training loops and recipes against each other (20 minutes)"
	@echo "make clean     remove what was generated; keeps runs/ and .venv/"

execute:
	@$(PYTHON) scripts/execute.py $(OVERRIDES)

test:
	@$(PYTHON) scripts/run_tests.py

browser-test:
	@$(PYTHON) scripts/browser_test.py

lab:
	@$(PYTHON) scripts/lab.py

student instructor:
	@$(PYTHON) scripts/classroom/build_class.py $@

check:
	@$(PYTHON) scripts/classroom/check_submissions.py '$(or $(SUBMISSIONS),$(error Say where the handed-in notebooks are: make check SUBMISSIONS=folder))'

refresh:
	@$(PYTHON) scripts/refresh.py

bench:
	@$(PYTHON) scripts/measure/bench.py

clean:
	@$(PYTHON) scripts/clean.py
