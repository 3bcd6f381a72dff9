"""Errors that users see: where, what was found, what was expected, and what to do."""


class DataError(Exception):
    """Input of the user cannot be used.

    Parameters are phrases, not sentences; ``str(error)`` joins them into one line:
    ``WHERE: found FOUND, expected EXPECTED; REMEDY``.
    """

    def __init__(self, where: object, found: str, expected: str, remedy: str) -> None:
        super().__init__(where, found, expected, remedy)
        self.where, self.found, self.expected, self.remedy = str(where), found, expected, remedy

    def __str__(self) -> str:
        return f"{self.where}: found {self.found}, expected {self.expected}; {self.remedy}"


class NoFaceError(DataError):
    """No face was found in an image or a video."""
