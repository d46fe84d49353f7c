"""Things by their ids, which count up.

What belongs here: the table of what is alive. Who is in it, and when, the scheduler knows.

Every birth and every end comes by, so this is a table in C: a dict would want an int object for
each id, and with tens of thousands of coroutines an end would touch four places in memory that no
cache holds, instead of one. Ids that count up need no hashing: the lower bits of the id say where
its entry is, or the next free place behind. Taking one away moves those that stand behind it for
lack of room, so there are no marks of what was. The garbage collector does not look into it: what
is alive here is alive.
"""

from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.ref cimport Py_DECREF, Py_INCREF, PyObject
from libc.stdint cimport int64_t

from _collections_abc import Mapping  # without what else is in its package

cdef enum:
    FIRST_ROOM = 64

cdef class Registry:
    """A mapping of ids to those that have them, in the order of ids, to read.

    What `keys`, `values`, `items` and iterating give is a list, of those that are in it now.
    """

    def __dealloc__(self):
        cdef size_t i
        for i in range(self.room):
            if self.entries[i].id:
                Py_DECREF(<object> self.entries[i].thing)
        PyMem_Free(self.entries)

    def __len__(self):
        return self.used

    def __getitem__(self, number):
        found = self.get(number)
        if found is None:
            raise KeyError(number)
        return found

    def __contains__(self, number):
        return self.get(number) is not None

    def __iter__(self):
        return iter(self.keys())

    def __eq__(self, other):
        return dict(self) == dict(other) if isinstance(other, Mapping) else NotImplemented

    def __repr__(self):
        return repr(dict(self))

    def get(self, number, default=None):
        """The one of that id, or `default`."""
        try:
            found = self.find(number) if isinstance(number, int) else None
        except OverflowError:  # more than there can be
            return default
        return default if found is None else found

    def keys(self):
        """The ids, a list."""
        cdef size_t i
        cdef list found = []
        for i in range(self.room):
            if self.entries[i].id:
                found.append(self.entries[i].id)
        found.sort()
        return found

    def values(self):
        """Those that are in it, a list."""
        return self.all()

    def items(self):
        """Pairs of an id and who has it, a list."""
        # Not by the attribute `id`, which a class of the program may have another of.
        return [(number, found) for number in self.keys() if (found := self.find(number)) is not None]

    cdef int reserve(self) except -1:
        """Make room for one more, which is to be added before other code can run."""
        if 2 * (self.used + 1) > self.room:
            self.resize(2 * self.room if self.room else FIRST_ROOM)
        return 0

    cdef void add(self, int64_t number, object thing) noexcept:
        """Add one that is not in it, for whom `reserve` has made room."""
        cdef Entry *entry = self.place(number)
        Py_INCREF(thing)
        entry.thing = <PyObject *> thing
        entry.id = number
        self.used += 1

    cdef object find(self, int64_t number):
        """The one of that id, or None."""
        cdef Entry *entry
        if self.used == 0 or number <= 0:
            return None
        entry = self.place(number)
        return <object> entry.thing if entry.id else None

    cdef int discard(self, int64_t number) except -1:
        """Take the one of that id away, if it is in it."""
        cdef size_t free, at, home, mask = self.room - 1
        cdef PyObject *thing
        if self.used == 0:
            return 0
        free = self.place(number) - self.entries
        if self.entries[free].id == 0:
            return 0
        thing = self.entries[free].thing
        at = free
        while True:
            at = (at + 1) & mask
            if self.entries[at].id == 0:
                break
            home = <size_t> self.entries[at].id & mask
            if (at - home) & mask >= (at - free) & mask:  # it may stand where there is room now
                self.entries[free] = self.entries[at]
                free = at
        self.entries[free].id = 0
        self.used -= 1
        if self.room > FIRST_ROOM and 8 * self.used < self.room:
            try:
                self.resize(self.room // 2)
            except MemoryError:
                pass  # it stays as large as it is
        Py_DECREF(<object> thing)
        return 0

    cdef list all(self):
        """All that are in it, in the order of their ids."""
        return [found for number in self.keys() if (found := self.find(number)) is not None]

    cdef list unordered(self):
        """The same sooner, in no order."""
        cdef size_t i
        cdef list found = []
        for i in range(self.room):  # nothing in this loop lets other code run
            if self.entries[i].id:
                found.append(<object> self.entries[i].thing)
        return found

    cdef Entry *place(self, int64_t number) noexcept:
        """Its entry, or the empty one where it would be. There is always one."""
        cdef size_t mask = self.room - 1
        cdef size_t at = <size_t> number & mask
        while self.entries[at].id and self.entries[at].id != number:
            at = (at + 1) & mask
        return &self.entries[at]

    cdef int resize(self, size_t room) except -1:
        cdef Entry *before = self.entries
        cdef size_t i, had = self.room
        cdef Entry *entries = <Entry *> PyMem_Calloc(room, sizeof(Entry))
        if entries == NULL:
            raise MemoryError("no memory for another coroutine")
        self.entries = entries
        self.room = room
        for i in range(had):
            if before[i].id:
                self.place(before[i].id)[0] = before[i]
        PyMem_Free(before)
        return 0


class RegistryProbe(Registry):
    """A registry that tests can change."""

    def put(self, thing):
        (<Registry> self).reserve()
        (<Registry> self).add(thing.id, thing)

    def take(self, number):
        (<Registry> self).discard(number)


Mapping.register(Registry)
