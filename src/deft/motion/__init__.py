"""Facial motion: TV-L1 flow, head motion removed, evidence a region, labels against evidence."""
