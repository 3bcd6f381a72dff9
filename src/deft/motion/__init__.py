"""Facial motion: TV-L1 flow, head motion removed, evidence per region, verdicts on labels."""
