"""Whether a run that was run again has the scores of the original; what the run itself showed is in its folder."""
