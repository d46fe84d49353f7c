/* The part of greenlet's C API that the scheduler uses, on plain PyObject pointers. */
#ifndef CORO_GREENLET_H
#define CORO_GREENLET_H

#include <Python.h>
#include <greenlet/greenlet.h>

#include "_platform.h"

/* 0, or -1 and ImportError. */
static int
coro_greenlet_import(void)
{
    PyGreenlet_Import();
    return _PyGreenlet_API == NULL ? -1 : 0;
}

static inline PyObject *
coro_greenlet_new(PyObject *run, PyObject *parent)
{
    /* PyGreenlet_New() makes a dict and two strings on the way. */
    return PyObject_CallFunctionObjArgs((PyObject *)&PyGreenlet_Type, run, parent, NULL);
}

static inline PyObject *
coro_greenlet_current(void)
{
    return (PyObject *)PyGreenlet_GetCurrent();
}

/* Run `target` until something switches back here: 0. -1 if an exception was thrown
 * into the greenlet that called this. */
static inline int
coro_greenlet_switch(PyObject *target)
{
    PyObject *nothing = PyGreenlet_Switch((PyGreenlet *)target, NULL, NULL);
    if (nothing == NULL)
        return -1;
    Py_DECREF(nothing);
    return 0;
}

/* Let `target` run on when the calling greenlet, which is about to end, has ended. */
static inline int
coro_greenlet_end_in(PyObject *target)
{
    PyGreenlet *me = PyGreenlet_GetCurrent();
    int failed = me == NULL ? -1 : PyGreenlet_SetParent(me, (PyGreenlet *)target);
    Py_XDECREF(me);
    return failed;
}

/* Fetch ahead what a switch to `greenlet` begins with. It is read itself, so it must be alive. */
static inline void
coro_greenlet_prefetch_state(PyObject *greenlet)
{
    const char *state = (const char *)((PyGreenlet *)greenlet)->pimpl;
    coro_prefetch(state);
    coro_prefetch(state + 128);
}

#endif /* CORO_GREENLET_H */
