"""Training: from a config to an adapter that `imageclef run` takes, checked at every step where training goes wrong.

imageclef train configs/concept_detection/train-sample.yaml --dry-run     what would be trained, on which tokens
imageclef train configs/concept_detection/train-sample.yaml               -> trainings/<task>/<name>/adapter
"""
