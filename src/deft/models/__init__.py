"""The models: language model with adapters, expert tokens and heads; and the baselines."""
