from collections.abc import Callable
from typing import Any

class Observer: ...

class Callbacks(Observer):
    def __init__(self, on_suspended: Callable[[Any], object], on_resumed: Callable[[Any], object]) -> None: ...
