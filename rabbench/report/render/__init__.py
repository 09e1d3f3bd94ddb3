"""A page as HTML, Markdown, LaTeX, CSV, JSON or lines of a terminal."""
