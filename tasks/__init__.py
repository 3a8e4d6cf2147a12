"""WHAT is asked: tasks, editions, examples, data sets, concepts, reports, submission files."""
