"""How well the observations and codes of reports are met: label F1 in every convention, scores of each label, ICD."""
