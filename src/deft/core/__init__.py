"""What every stage needs: errors, parameters, paths, tables, fan-out, checkpoints. Nothing here knows about faces."""
