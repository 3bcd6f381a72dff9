"""DEFT: expert tokens and a LoRA-tuned language model; its examples, losses, training, answers and files."""
