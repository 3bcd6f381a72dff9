"""Three frozen views of a clip: structure, texture, motion. Each is a function clip → tokens, float32 (tokens, dim)."""
