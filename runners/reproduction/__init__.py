"""Reproduction: a finished run run again, and the archive from which somebody else does it.

    imageclef reproduce submissions/concept_detection/base
    imageclef freeze submissions/concept_detection/base --out base.zip
    imageclef reproduce base.zip --data path/to/data

The run that is made is a run like any other, with `reproduction.json` beside its record: what was checked, what
differed, how many predictions are the same, and, once evaluation/reproduction has scored it, which scores are.
"""
