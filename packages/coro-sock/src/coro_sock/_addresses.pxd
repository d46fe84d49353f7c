cdef extern from "_platform.h" nogil:
    ctypedef unsigned int socklen_t
    ctypedef unsigned short sa_family_t
    struct sockaddr:
        sa_family_t sa_family
    struct sockaddr_storage:
        sa_family_t ss_family
    struct in_addr:
        unsigned int s_addr
    struct in6_addr:
        unsigned char s6_addr[16]
    struct sockaddr_in:
        sa_family_t sin_family
        unsigned short sin_port
        in_addr sin_addr
    struct sockaddr_in6:
        sa_family_t sin6_family
        unsigned short sin6_port
        unsigned int sin6_flowinfo
        in6_addr sin6_addr
        unsigned int sin6_scope_id
    struct sockaddr_un:
        sa_family_t sun_family
        char sun_path[108]
    const int AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC
    unsigned short htons(unsigned short)
    unsigned short ntohs(unsigned short)
    unsigned int htonl(unsigned int)
    unsigned int ntohl(unsigned int)
    int inet_pton(int family, const char *text, void *address)
    const char *inet_ntop(int family, const void *address, char *text, socklen_t size)


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
