"""How commands say numbers of things."""


def counted(number: int, thing: str) -> str:
    """1 document, 2,000 documents"""
    return f"{number:,} {thing}{'s' * (number != 1)}"
