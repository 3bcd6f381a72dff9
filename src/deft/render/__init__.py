"""The licence-free corpus: faces made from one public-domain portrait, moved by known Action Units."""
