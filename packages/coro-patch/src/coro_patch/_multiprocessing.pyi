import _multiprocessing
from types import TracebackType

original_SemLock: type[_multiprocessing.SemLock]

class SemLock(_multiprocessing.SemLock):
    def acquire(self, block: bool = True, timeout: float | None = None) -> bool: ...
    def release(self) -> None: ...
    def __enter__(self) -> bool: ...
    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        value: BaseException | None = None,
        traceback: TracebackType | None = None,
        /,
    ) -> None: ...
