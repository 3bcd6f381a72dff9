"""Benchmarks of the motion core, against its peers and against known truth."""
