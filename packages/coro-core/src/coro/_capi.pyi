VERSION: tuple[int, int]
_C_API: object
PROVIDER: str
