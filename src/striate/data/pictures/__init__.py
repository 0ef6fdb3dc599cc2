"""Picture files: opened, turned upright, scaled, kept on disk."""
