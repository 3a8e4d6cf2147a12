"""The gallery: one page to look through what one run answered, or two runs side by side."""
