"""Facts about faces: the grammar of codes, regions, Action Units, emotion classes. Tables only, no pixels."""

from deft.facs.codes import Code, text
from deft.facs.grammar import parse, read

__all__ = ["Code", "parse", "read", "text"]
