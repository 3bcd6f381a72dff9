"""A film of a face, however long: its course, the events in it."""
