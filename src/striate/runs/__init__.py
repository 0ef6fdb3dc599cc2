"""Runs: train a network on a data set into a folder, go on with it, and measure what came of it."""

from striate.guard import guard
from striate.runs.comparing import compare_runs
from striate.runs.eight_bits import quantize_run
from striate.runs.fastest import tune_run
from striate.runs.folders import free_folder
from striate.runs.judging import judge_ensemble, judge_run
from striate.runs.networks import usual_network
from striate.runs.paging import page_of_run
from striate.runs.training import Run, read_record, resume_run, train_run, write_record

__all__ = [
    "Run",
    "compare_runs",
    "free_folder",
    "judge_ensemble",
    "judge_run",
    "page_of_run",
    "quantize_run",
    "read_record",
    "resume_run",
    "train_run",
    "tune_run",
    "usual_network",
    "write_record",
]

guard(__name__)
