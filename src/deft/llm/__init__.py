"""Causal language models: loading one, training the small one."""
