"""Facts about faces: the grammar of codes, regions, Action Units, emotion classes. Tables only, no pixels."""

from deft.facs.codes import Code, parse, read, text

__all__ = ["Code", "parse", "read", "text"]
