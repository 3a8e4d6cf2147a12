"""One table in five forms: on a terminal, Markdown, CSV, LaTeX and HTML."""
