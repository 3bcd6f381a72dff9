"""What every stage needs and no face is in: errors, parameters, paths, tables, fan-out, checkpoints."""
