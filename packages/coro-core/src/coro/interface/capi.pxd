# Cython's view of coro_capi.h. It declares that header and nothing else.
from libc.stdint cimport int64_t, uint32_t
from cpython.ref cimport PyObject

cdef extern from "coro_capi.h" nogil:
    const int CORO_CAPI_MAJOR
    const int CORO_CAPI_MINOR
    const char *CORO_CAPI_CAPSULE
    const int64_t CORO_FOREVER
    const int CORO_SCRATCH_SIZE
    const int CORO_READ
    const int CORO_WRITE
    const int CORO_TRIED
    const int CORO_ANNOUNCED
    const int CORO_EXCLUSIVE

cdef extern from "coro_capi.h":
    ctypedef struct CoroCAPI:
        uint32_t major
        uint32_t minor
        uint32_t size
        uint32_t reserved
        const char *provider
        int64_t (*now)() noexcept
        object (*current)()
        int (*selfish_act)() except -1
        int (*park)(const char *why, PyObject *on, int64_t deadline) except -1
        int (*wake)(object coroutine) except -1
        int (*wait_fd)(int fd, int events, int64_t deadline) except -1
        int (*open_fd)(int fd) except -1
        int (*close_fd)(int fd) except -1
        int (*release_fd)(int fd) except -1
        char *(*scratch)(Py_ssize_t *size) except NULL
        PyObject *(*running)(int *is_main) noexcept

    const CoroCAPI *Coro_Import(const char *client) except NULL
