from coro_sock._platform cimport (
    sockaddr, sockaddr_in, sockaddr_in6, sockaddr_storage, sockaddr_un, socklen_t,
)


cdef union AnyAddress:
    sockaddr any
    sockaddr_in ip4
    sockaddr_in6 ip6
    sockaddr_un un
    sockaddr_storage storage


cdef struct Address:
    AnyAddress of
    socklen_t size


cdef enum Parsed:
    PARSED
    NEEDS_RESOLVING


cdef Parsed parse(int family, object address, Address *parsed) except *
cdef object unparse(const Address *address)
cdef object unparse_peer(int family, const Address *address)
cdef object in_our_form(int family, object address)
