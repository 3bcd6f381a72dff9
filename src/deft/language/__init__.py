"""The words: a triple (C, E, R) written from evidence, and an answer parsed back into one."""

from deft.language.triple import Sight, Triple, parse, write

__all__ = ["Sight", "Triple", "parse", "write"]
