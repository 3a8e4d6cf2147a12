"""HOW it is answered: configs, models, prompts, generation, the journal and the run loop."""
