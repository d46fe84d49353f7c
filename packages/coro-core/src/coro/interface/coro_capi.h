/* The C side of the door between coro-core and everything built on it.
 *
 * coro-core fills one CoroCAPI and exports it as the capsule CORO_CAPI_CAPSULE.
 * An extension in another distribution calls Coro_Import() once, when it is
 * loaded, and keeps the pointer. Nothing else of coro-core's C crosses over: no
 * object layout and no Cython class, so either side can be released alone.
 *
 * The first five fields stay as they are for ever, whatever the version, so that
 * a mismatch can always be told apart and named. After them the table only grows:
 * a new function goes at the end and raises CORO_CAPI_MINOR; anything else raises
 * CORO_CAPI_MAJOR.
 *
 * All functions need the GIL. Those that may wait switch to other coroutines;
 * a caller must hold no pointer into a Python object that another coroutine may
 * change, and should keep large arrays off its C stack (greenlet copies the stack).
 *
 * Times are nanoseconds of the scheduler's clock (CLOCK_MONOTONIC unless a virtual
 * clock is on). A deadline is such a time; CORO_FOREVER means none.
 */
#ifndef CORO_CAPI_H
#define CORO_CAPI_H

#include <Python.h>
#include <stdint.h>

#define CORO_CAPI_MAJOR 1
#define CORO_CAPI_MINOR 1
#define CORO_CAPI_CAPSULE "coro._capi._C_API"

#define CORO_FOREVER INT64_MAX

/* Bytes that scratch() has at the least, for a caller who must know before it calls. */
#define CORO_SCRATCH_SIZE 65536

/* What to wait for on a descriptor; the answer uses the same bits. */
#define CORO_READ 1
#define CORO_WRITE 2
/* How to wait. */
#define CORO_TRIED 4      /* it has just said EAGAIN: only what comes from now on counts */
#define CORO_ANNOUNCED 8  /* open_fd() and close_fd() are called for this number */
#define CORO_EXCLUSIVE 16 /* SimultaneousError if another coroutine waits so already */

typedef struct CoroCAPI {
    uint32_t major;
    uint32_t minor;
    uint32_t size;        /* sizeof(CoroCAPI) of the provider, bytes */
    uint32_t reserved;
    const char *provider; /* "coro-core 1.2.3" */

    /* --- time ----------------------------------------------------------- */

    /* The scheduler's clock, ns. Cannot fail. */
    int64_t (*now)(void);

    /* --- coroutines ------------------------------------------------------ */

    /* The running coroutine, a new reference. */
    PyObject *(*current)(void);

    /* Count one operation that is about to be tried without waiting. When the
     * coroutine has used up its budget of such selfish acts, let others run
     * first. Call it before the try, so that an interrupt loses nothing.
     * 0, or -1 and an exception. */
    int (*selfish_act)(void);

    /* Suspend the running coroutine until wake() or the deadline. `why` is a
     * static string for reports ("lock"), `on` what it waits on (borrowed, may
     * be NULL). 1: woken. 0: the deadline passed. -1: interrupted, with an
     * exception; a wake() that came first is then lost, and the caller, who can
     * see in its own structures that it was served, must pass it on. */
    int (*park)(const char *why, PyObject *on, int64_t deadline);

    /* Wake a coroutine that is in park(). From any thread. 1: it will return
     * from park(). 0: it is not parked, or something else woke it before (so
     * choose another). -1 and an exception. */
    int (*wake)(PyObject *coroutine);

    /* --- descriptors ------------------------------------------------------ */

    /* Suspend until one of `events` may be possible; spurious returns happen,
     * so try again and be ready to wait again. >0: the bits that came. 0: the
     * deadline passed. -1: interrupted or closed (ClosedError). */
    int (*wait_fd)(int fd, int events, int64_t deadline);

    /* `fd` is a new open file: whatever was known of the number is void. */
    int (*open_fd)(int fd);

    /* `fd` is about to be closed: wake its waiters with ClosedError. The caller
     * closes it next, without anything in between. */
    int (*close_fd)(int fd);

    /* `fd` leaves coro's care but stays open (detach). Waiters as above. */
    int (*release_fd)(int fd);

    /* A buffer that belongs to this thread's scheduler, for reads that are
     * copied out before anything can switch. */
    char *(*scratch)(Py_ssize_t *size);

    /* --- since 1.1 -------------------------------------------------------- */

    /* The running coroutine, borrowed; *is_main: whether it is the main one of its
     * thread. NULL, without an exception, where no coroutine runs: in a thread that
     * has no scheduler (none is made), and inside the scheduler. Cannot fail. */
    PyObject *(*running)(int *is_main);
} CoroCAPI;

/* The table, or NULL with an ImportError that names both versions.
 * `client` is the importing distribution, "coro-sock 1.2.3". */
static inline const CoroCAPI *
Coro_Import(const char *client)
{
    PyObject *module = PyImport_ImportModule("coro._capi");
    PyObject *capsule;
    const CoroCAPI *api;

    if (module == NULL)
        return NULL;
    capsule = PyObject_GetAttrString(module, "_C_API");
    Py_DECREF(module);
    if (capsule == NULL)
        return NULL;
    api = (const CoroCAPI *)PyCapsule_GetPointer(capsule, CORO_CAPI_CAPSULE);
    Py_DECREF(capsule); /* the module keeps the capsule, the capsule the table */
    if (api == NULL)
        return NULL;
    if (api->major != CORO_CAPI_MAJOR || api->minor < CORO_CAPI_MINOR ||
        api->size < sizeof(CoroCAPI)) {
        PyErr_Format(
            PyExc_ImportError,
            "%s was built for version %d.%d of coro's C interface, but the installed "
            "%s provides version %u.%u: install releases that fit each other, for "
            "example with 'pip install --upgrade coro-core coro-sock coro-patch', or "
            "build %s again beside the installed coro-core",
            client, CORO_CAPI_MAJOR, CORO_CAPI_MINOR, api->provider,
            (unsigned)api->major, (unsigned)api->minor, client);
        return NULL;
    }
    return api;
}

#endif /* CORO_CAPI_H */
