"""Concepts out of text: the verb `concepts map`, and phrases read by their likeness to concepts' names."""
