"""DEFT-LLM: micro-expression recognition whose words are grounded in measured facial motion."""

import os

# Nothing leaves the machine unless the user says so: `HF_HUB_OFFLINE=0` lets a model's name be fetched.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
