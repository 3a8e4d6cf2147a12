"""Where a concept submission wins and loses: by concept, group of images and frequency, and what could be reached."""
