"""What the context of the patient is worth: two runs that differ in it, compared."""
