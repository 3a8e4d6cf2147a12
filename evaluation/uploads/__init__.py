"""What was uploaded to the organisers, what it got, and how far a team may trust its own validation."""
