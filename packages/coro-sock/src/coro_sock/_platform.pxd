# Cython's view of _platform.h and of the system calls that it includes.
from libc.stdint cimport int64_t

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
    struct iovec:
        void *iov_base
        size_t iov_len
    struct msghdr:
        iovec *msg_iov
        size_t msg_iovlen

    const int AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC
    const int SOCK_STREAM, SOCK_DGRAM, CORO_TYPE_FLAGS
    const int SOL_SOCKET, SO_ERROR, SO_RCVLOWAT, SO_REUSEADDR, SO_RCVTIMEO, SO_SNDTIMEO
    const int IPPROTO_TCP, TCP_ULP, CORO_TCP_INQ
    const int MSG_DONTWAIT, MSG_ERRQUEUE, MSG_NOSIGNAL, MSG_OOB, MSG_PEEK, MSG_TRUNC, MSG_WAITALL
    const int IOV_MAX

    unsigned short htons(unsigned short)
    unsigned short ntohs(unsigned short)
    unsigned int htonl(unsigned int)
    unsigned int ntohl(unsigned int)
    int inet_pton(int family, const char *text, void *address)
    const char *inet_ntop(int family, const void *address, char *text, socklen_t size)

    int coro_socket(int domain, int type, int protocol)
    int coro_socketpair(int domain, int type, int protocol, int *ends)
    int coro_accept(int listener, sockaddr *address, socklen_t *size)
    int coro_may_accept(int listener)
    int coro_dup(int fd)
    int coro_fd_setup(int fd)
    int coro_is_socket(int fd)
    int coro_socket_domain(int fd)
    int coro_socket_type(int fd)
    int coro_socket_protocol(int fd)
    void coro_unconnect(int fd)
    int coro_tell_what_is_left(int fd, bint on)
    ssize_t coro_recv_and_tell(int fd, char *buffer, size_t size, int *left)
    int coro_is_ready(int fd, bint for_writing)
    long coro_readable_amount(int fd)
    long coro_writable_amount(int fd, bint is_socket)
    ssize_t coro_sendfile(int fd, int source, int64_t *offset, size_t count)

    int c_bind "bind"(int fd, const sockaddr *address, socklen_t size)
    int c_connect "connect"(int fd, const sockaddr *address, socklen_t size)
    int c_listen "listen"(int fd, int backlog)
    int c_shutdown "shutdown"(int fd, int how)
    int c_close "close"(int fd)
    int c_getsockname "getsockname"(int fd, sockaddr *address, socklen_t *size)
    int c_getpeername "getpeername"(int fd, sockaddr *address, socklen_t *size)
    int c_getsockopt "getsockopt"(int fd, int level, int name, void *value, socklen_t *size)
    int c_setsockopt "setsockopt"(int fd, int level, int name, const void *value, socklen_t size)
    ssize_t c_read "read"(int fd, void *buffer, size_t size)
    ssize_t c_write "write"(int fd, const void *buffer, size_t size)
    ssize_t c_readv "readv"(int fd, const iovec *parts, int count)
    ssize_t c_writev "writev"(int fd, const iovec *parts, int count)
    ssize_t c_recv "recv"(int fd, void *buffer, size_t size, int flags)
    ssize_t c_send "send"(int fd, const void *buffer, size_t size, int flags)
    ssize_t c_recvfrom "recvfrom"(
        int fd, void *buffer, size_t size, int flags, sockaddr *address, socklen_t *address_size)
    ssize_t c_sendto "sendto"(
        int fd, const void *buffer, size_t size, int flags, const sockaddr *address, socklen_t address_size)
    ssize_t c_sendmsg "sendmsg"(int fd, const msghdr *message, int flags)
