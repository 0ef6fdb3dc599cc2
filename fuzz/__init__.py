"""Mutation fuzzing: damaged, absurd and hostile files and options for every reader and command.

``python -m fuzz`` makes a small sound file of each format, changes it in thousands of ways, and hands each to what reads
it, in processes of their own with limits.  What must come back is an answer or one StriateError of one line.

mutate       how bytes and trees of values are changed
seeds        the sound files, made by striate and the libraries themselves; ``--sound`` hands them over unchanged
model_seeds  those of models and weights
bomb_seeds   files that are made to harm
formats      a row for each format: its files, and what reads them
child        one input in a process with limits, and what came of it
parent       the processes, and what becomes of one that crashes or hangs
"""
