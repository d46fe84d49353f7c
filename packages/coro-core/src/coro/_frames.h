/* Memory for the frames of Python functions.
 *
 * CPython puts frames into chunks of 16 KiB that it gets from mmap(2). A thread has one from the
 * first call of a Python function on, and greenlet gives each greenlet a chain of its own. What a
 * coroutine usually has on it is a few frames of 100 to 300 bytes, but the first of them takes a page
 * of 4 KiB from the system: half of what an idle connection costs. So each stack of the scheduler
 * begins with a small chunk from malloc(3). If its frames need more, CPython goes on as it would.
 *
 * **The step to the next chunk.** A chunk goes back to the system when the function that needed it
 * returns. A loop that calls a function across the end of a chunk would map and unmap memory every
 * time; with 16 KiB that is rare, with a small chunk it is not. CPython keeps such a chunk from 3.14.5
 * on; for those before, every thread that has a scheduler keeps some here.
 *
 * Both go by CPython's allocator for arenas, which a program may replace (PyObject_SetArenaAllocator):
 * greenlet frees the chunks of a greenlet that ends there, and so our small ones come to us.
 */
#ifndef CORO_FRAMES_H
#define CORO_FRAMES_H

#include <Python.h>

enum {
    CORO_FIRST_CHUNK = 1520,    /* bytes: with malloc's own 16, a multiple of 512; of no other chunk or arena */
    CORO_NEXT_CHUNK = 16 << 10, /* what CPython asks for: DATA_STACK_CHUNK_SIZE */
    CORO_KEPT_CHUNKS = 8,
};

static PyObjectArenaAllocator coro_arenas; /* the one before */
static __thread void *coro_kept_chunks[CORO_KEPT_CHUNKS];
static __thread int coro_kept, coro_may_keep;

static void *
coro_arena_alloc(void *Py_UNUSED(context), size_t size)
{
    if (size == CORO_NEXT_CHUNK && coro_kept > 0)
        return coro_kept_chunks[--coro_kept];
    return coro_arenas.alloc(coro_arenas.ctx, size);
}

static void
coro_arena_free(void *Py_UNUSED(context), void *memory, size_t size)
{
    if (size == CORO_FIRST_CHUNK)
        PyMem_RawFree(memory);
    else if (size == CORO_NEXT_CHUNK && coro_kept < coro_may_keep)
        coro_kept_chunks[coro_kept++] = memory;
    else
        coro_arenas.free(coro_arenas.ctx, memory, size);
}

/* The calling thread has a scheduler from now on. */
static void
coro_frames_begin_thread(void)
{
    if (coro_arenas.free == NULL) {
        PyObjectArenaAllocator ours = {NULL, coro_arena_alloc, coro_arena_free};
        PyObject_GetArenaAllocator(&coro_arenas);
        PyObject_SetArenaAllocator(&ours);
    }
    coro_may_keep = CORO_KEPT_CHUNKS;
}

/* It has none any more. */
static void
coro_frames_end_thread(void)
{
    coro_may_keep = 0;
    while (coro_kept > 0)
        coro_arenas.free(coro_arenas.ctx, coro_kept_chunks[--coro_kept], CORO_NEXT_CHUNK);
}

/* Called at the beginning of a greenlet, which has no chunk yet. Without memory it gets CPython's own. */
static void
coro_frames_begin_stack(void)
{
    PyThreadState *thread = PyThreadState_Get();
    _PyStackChunk *chunk;

    if (thread->datastack_chunk != NULL || (chunk = PyMem_RawMalloc(CORO_FIRST_CHUNK)) == NULL)
        return;
    chunk->previous = NULL;
    chunk->size = CORO_FIRST_CHUNK;
    chunk->top = 0;
    thread->datastack_chunk = chunk;
    thread->datastack_top = &chunk->data[1]; /* CPython frees a chunk with its frame at the very beginning */
    thread->datastack_limit = (PyObject **)((char *)chunk + CORO_FIRST_CHUNK);
}

#endif /* CORO_FRAMES_H */
