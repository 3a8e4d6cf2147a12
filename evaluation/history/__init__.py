"""The page of all runs: what they are, what they got, and what differs between their configs."""
