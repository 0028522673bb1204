"""The catalogue as a site: static pages that need neither network nor server."""
