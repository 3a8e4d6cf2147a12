"""Radiology reports: their text and structure, the labels and codes they state or imply, what must not be in them."""
