"""Readers of data sets, a format a file: files on disk become a `Dataset`."""
