# Each of these sets up what it needs on a fresh machine; `make demo` and `make test` do everything.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export STRIATE_DATA ?= $(abspath $(wildcard ../shared/data))
TESTS ?= tests
# Compiled files are kept: to prepare the assertions of all tests anew takes 7 s in each of two processes.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo quick test fuzz lint format bench docs figures vendored site clean

demo: $(VENV)/.ready
	$(BIN)/striate demo

# While you edit: one to two minutes on two cores.  What it leaves out stands in tests/quick.txt.
quick: $(VENV)/.ready
	$(BIN)/python -m pytest $(TESTS) --quick -n 2

# Large pages: allocating the weights of large networks takes a fifth less time (glibc 2.35 on Linux; ignored elsewhere).
test: export GLIBC_TUNABLES ?= glibc.malloc.hugetlb=1

# All tests on two cores at once, each core taking from the other what is left at the end.
test: lint
	$(BIN)/python -m pytest $(TESTS) -n 2 --dist worksteal

lint: $(VENV)/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Changed inputs for every format and command: make fuzz FUZZ="--count 100000 --seed 2"; the table says what came of them.
FUZZ ?= --count 20000
fuzz: $(VENV)/.ready
	$(BIN)/python -m fuzz $(FUZZ)

bench: $(VENV)/.ready
	$(BIN)/python -m bench

docs: $(VENV)/.ready
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/zoo_pages.py
	$(BIN)/python docs/layer_pages.py
	$(BIN)/python -m docs.credits

# The docs' figures with pictures in them, drawn again; minutes.  What needs weights that STRIATE_DATA lacks is left as it is.
figures: $(VENV)/.ready
	$(BIN)/python -m docs.figures

# The files of others that a page carries, brought anew and compared with their checksums.
vendored: $(VENV)/.ready
	$(BIN)/python -m docs.vendored

# The documentation with the API reference, in site/; it needs no network to build or to read.
site: export NO_MKDOCS_2_WARNING = 1
site: $(VENV)/.ready
	$(BIN)/python -m mkdocs build --strict --quiet
	@echo "site/index.html is ready; to search in it: $(BIN)/python -m http.server --directory site"

clean:
	rm -rf site $(VENV) build *.egg-info

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@
