from coro_sock._descriptor cimport Attempt, Descriptor

cdef bint is_foreign(Descriptor self) noexcept
cdef object call(Descriptor self, str method, tuple args)
cdef object ask(Descriptor self, str method, tuple args)
cdef object retry(Descriptor self, int events, int flags, str method, tuple args)
cdef object retry_begun(Descriptor self, Attempt *attempt, str method, tuple args)
