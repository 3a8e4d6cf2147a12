"""HOW GOOD it is: metrics, official profiles, intervals and tables."""
