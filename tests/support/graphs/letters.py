"""Vectors of texts: each is as near to another as they share the letters a, b and c."""


def embed(texts: list[str]) -> list[list[float]]:
    return [[text.count(letter) + 0.001 for letter in "abc"] for text in texts]
