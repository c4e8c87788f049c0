# Every target is one script that works without make too: python scripts/execute.py, for example.
ifeq ($(OS),Windows_NT)
PYTHON ?= python
else
PYTHON ?= python3
endif

# A text that the shell takes as it is, apostrophes too.
quoted = '$(subst ','\'',$(1))'

# All variables that stand on the command line go to the script, so that it can refuse a misspelt one. One that
# the environment happens to hold, such as a SEED of something else, does not count.
GIVEN = $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
PARAMETERS = $(foreach name,$(filter-out PYTHON SUBMISSIONS TORCH,$(GIVEN)),$(call quoted,$(name)=$(value $(name))))
# Which build of PyTorch the set-up installs.
ifneq ($(filter TORCH,$(GIVEN)),)
export MNIST_LESSON_TORCH = $(TORCH)
endif
SUBMITTED = $(if $(filter SUBMISSIONS,$(GIVEN)),$(value SUBMISSIONS))

.PHONY: help execute test browser-test lint lab doctor site pdf student instructor slides check refresh bench clean

help:
	@echo "make execute   run the whole lesson into executed/ (sets up everything the first time)"
	@echo "               with other settings: make execute EPOCHS=1 BATCH_SIZE=64 LEARN_RATE=0.05 SEED=7"
	@echo "               which PyTorch is installed: make execute TORCH=cpu (or cuda, pypi; auto fits the hardware)"
	@echo "make test      run all tests (sets up everything the first time)"
	@echo "make browser-test   run the notebooks as a learner does, in JupyterLab and Chromium"
	@echo "make lint      read code, spelling, links, headings and colours for slips (part of make test)"
	@echo "make lab       open JupyterLab on the first notebook"
	@echo "make doctor    say what is wrong where the lesson does not work"
	@echo "make site      write build/site: the lesson as pages for a web browser"
	@echo "make pdf       write build/pdf: each notebook for the printer, with its solutions at the end"
	@echo "make student     write build/student and build/student.zip: all that a class needs, without solutions"
	@echo "make instructor  write build/instructor: the notebooks with solutions and notes for teaching"
	@echo "make slides      write build/slides: slides of each notebook, to show in a browser"
	@echo "make check SUBMISSIONS=folder   run the checkers on handed-in notebooks, shut in"
	@echo "make refresh   run the notebooks and store their outputs in them"
	@echo "make bench     time the training loops and recipes against each other (25 minutes)"
	@echo "make clean     remove what was generated; keeps runs/ and .venv/"

execute:
	@$(PYTHON) scripts/execute.py $(PARAMETERS)

test:
	@$(PYTHON) scripts/run_tests.py

browser-test:
	@$(PYTHON) scripts/browser_test.py

lint:
	@$(PYTHON) scripts/lint.py

lab:
	@$(PYTHON) scripts/lab.py

doctor:
	@$(PYTHON) scripts/doctor.py

site:
	@$(PYTHON) scripts/build_site.py

pdf:
	@$(PYTHON) scripts/pdf.py

student instructor:
	@$(PYTHON) scripts/classroom/build_class.py $@

slides:
	@$(PYTHON) scripts/classroom/slides.py

check:
	@$(PYTHON) scripts/classroom/check_submissions.py $(call quoted,$(or $(SUBMITTED),$(error Say where the handed-in notebooks are: make check SUBMISSIONS=folder)))

refresh:
	@$(PYTHON) scripts/refresh.py

bench:
	@$(PYTHON) scripts/measure/bench.py

clean:
	@$(PYTHON) scripts/clean.py
