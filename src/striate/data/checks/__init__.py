"""What is wrong with the files of a data set: the check, its findings, duplicates and suspect labels."""
