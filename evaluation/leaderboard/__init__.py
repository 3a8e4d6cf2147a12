"""Where our runs would have stood among the published results."""
