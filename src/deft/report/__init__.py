"""Pictures of what was seen, measured and said."""
