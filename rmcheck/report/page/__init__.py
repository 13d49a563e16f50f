"""The HTML page: what each part shows, and the templates that lay it out."""
