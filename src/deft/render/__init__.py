"""The licence-free corpus: faces made from one public-domain portrait and moved by known Action Units."""
