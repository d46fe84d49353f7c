"""What is replaced by what: the one table of the emulation.

What belongs here: a row for each name that is replaced, and the differences between the
Pythons. `install`, `uninstall`, documentation and tests are all read from it.

A row names an attribute of a module, or of a class in it, and what takes its place. A
method of a class changes the class in place, so every object of it and every name that is
bound to it follows. A function or a class of a module is replaced there and, by identity,
wherever ``from module import name`` has put it (see `_sweep`).
"""

from typing import NamedTuple

FIRST = (3, 0)
LAST = (3, 999)


class Row(NamedTuple):
    """One replacement."""

    #: what `install` calls it: ``install(part=False)`` leaves it out
    part: str
    module: str
    #: the attribute; with dots, one of an object in the module
    name: str
    #: ``module:name`` in coro_patch
    replacement: str
    #: the first and the last Python that have it, or need it replaced
    since: tuple[int, int] = FIRST
    until: tuple[int, int] = LAST
    #: the replacement is made by calling `replacement` with the original
    made: bool = False
    #: not in force before the module is imported by somebody who uses it
    late: bool = False


TABLE: tuple[Row, ...] = (
    # time
    Row("time", "time", "sleep", "_time:sleep"),
    Row("time", "time", "pthread_getcpuclockid", "_time:pthread_getcpuclockid"),
    # select. The rows for `selectors` are found by the sweep: it keeps them in its classes.
    Row("select", "select", "select", "_select:select"),
    Row("select", "select", "poll", "_select:poll"),
    Row("select", "select", "epoll", "_select:epoll"),
    # socket: what is not here is built on these.
    Row("socket", "socket", "socket.recv", "_socket:recv"),
    Row("socket", "socket", "socket.recv_into", "_socket:recv_into"),
    Row("socket", "socket", "socket.recvfrom", "_socket:recvfrom"),
    Row("socket", "socket", "socket.recvfrom_into", "_socket:recvfrom_into"),
    Row("socket", "socket", "socket.recvmsg", "_socket:recvmsg"),
    Row("socket", "socket", "socket.recvmsg_into", "_socket:recvmsg_into"),
    Row("socket", "socket", "socket.send", "_socket:send"),
    Row("socket", "socket", "socket.sendall", "_socket:sendall"),
    Row("socket", "socket", "socket.sendto", "_socket:sendto"),
    Row("socket", "socket", "socket.sendmsg", "_socket:sendmsg"),
    Row("socket", "socket", "socket.sendmsg_afalg", "_socket:sendmsg_afalg"),
    Row("socket", "socket", "socket._accept", "_socket:_accept"),
    Row("socket", "socket", "socket.connect", "_socket:connect"),
    Row("socket", "socket", "socket.connect_ex", "_socket:connect_ex"),
    Row("socket", "socket", "socket.settimeout", "_socket:settimeout"),
    Row("socket", "socket", "socket.setblocking", "_socket:setblocking"),
    Row("socket", "socket", "socket.setsockopt", "_socket:setsockopt"),
    Row("socket", "socket", "socket._real_close", "_socket:_real_close"),
    Row("socket", "socket", "socket.detach", "_socket:detach"),
    Row("socket", "socket", "socket._sendfile_use_sendfile", "_socket:_sendfile_use_sendfile"),
    Row("socket", "_socket", "close", "_os:close_socket"),
    Row("socket", "_socket", "getaddrinfo", "_socket_names:getaddrinfo"),
    Row("socket", "_socket", "getnameinfo", "_socket_names:getnameinfo"),
    Row("socket", "_socket", "gethostbyname", "_socket_names:gethostbyname"),
    Row("socket", "_socket", "gethostbyname_ex", "_socket_names:gethostbyname_ex"),
    Row("socket", "_socket", "gethostbyaddr", "_socket_names:gethostbyaddr"),
    # The mode of a socket may be set by these, too.
    Row("socket", "os", "set_blocking", "_fcntl:set_blocking"),
    Row("socket", "fcntl", "fcntl", "_fcntl:fcntl", late=True),
    Row("socket", "fcntl", "ioctl", "_fcntl:ioctl", late=True),
    # ssl: `SSLSocket` is built on its TLS object, but all of a `sendall` is one write.
    Row("ssl", "_ssl", "_SSLSocket.do_handshake", "_ssl:do_handshake"),
    Row("ssl", "_ssl", "_SSLSocket.read", "_ssl:read"),
    Row("ssl", "_ssl", "_SSLSocket.write", "_ssl:write"),
    Row("ssl", "_ssl", "_SSLSocket.shutdown", "_ssl:shutdown"),
    # TLS in the kernel sends files by itself.
    Row("ssl", "_ssl", "_SSLSocket.sendfile", "_ssl:sendfile", since=(3, 15)),
    Row("ssl", "ssl", "SSLSocket.sendall", "_ssl:sendall"),
    # os: what waits for other processes.
    Row("os", "os", "close", "_os:close"),
    Row("os", "os", "dup2", "_os:dup2"),
    Row("os", "os", "closerange", "_os:closerange"),
    Row("os", "os", "read", "_os:read"),
    Row("os", "os", "write", "_os:write"),
    Row("os", "os", "readv", "_os:readv"),
    Row("os", "os", "writev", "_os:writev"),
    Row("os", "os", "sendfile", "_os:sendfile"),
    Row("os", "os", "eventfd_read", "_os:eventfd_read"),
    Row("os", "os", "waitpid", "_os:waitpid"),
    Row("os", "os", "wait", "_os:wait"),
    Row("os", "os", "wait3", "_os:wait3"),
    Row("os", "os", "wait4", "_os:wait4"),
    Row("os", "os", "waitid", "_os:waitid"),
    Row("os", "os", "system", "_os:system"),
    # io: the files of pipes. Buffered files have a lock of their own, hence the other rows.
    Row("io", "io", "FileIO.readinto", "_io:readinto"),
    Row("io", "io", "FileIO.read", "_io:read"),
    Row("io", "io", "FileIO.readall", "_io:readall"),
    Row("io", "io", "FileIO.write", "_io:write"),
    Row("io", "io", "FileIO.close", "_io:close"),
    *(
        Row("io", "io", f"{kind}.{name}", "_io:buffered", made=True)
        for kind, names in {
            "BufferedReader": ("read", "read1", "readinto", "readinto1", "readline", "peek", "close"),
            "BufferedWriter": ("write", "flush", "close"),
        }.items()
        for name in names
    ),
    # signal
    Row("signal", "_signal", "signal", "_signal:signal"),
    Row("signal", "_signal", "getsignal", "_signal:getsignal"),
    Row("signal", "_signal", "raise_signal", "_signal:raise_signal"),
    Row("signal", "_signal", "sigwait", "_signal:sigwait"),
    Row("signal", "_signal", "sigwaitinfo", "_signal:sigwaitinfo"),
    Row("signal", "_signal", "sigtimedwait", "_signal:sigtimedwait"),
    Row("signal", "_signal", "pause", "_signal:pause"),
    Row("signal", "_signal", "set_wakeup_fd", "_signal:set_wakeup_fd"),
    Row("signal", "_signal", "pthread_kill", "_signal:pthread_kill"),
    # queue
    Row("queue", "_queue", "SimpleQueue", "_queue:SimpleQueue"),
    # thread: threads are coroutines, and their locks let others run.
    Row("thread", "_thread", "start_new_thread", "_thread:start_new_thread"),
    Row("thread", "_thread", "start_new", "_thread:start_new_thread"),
    Row("thread", "_thread", "allocate_lock", "_thread_locks:allocate_lock"),
    Row("thread", "_thread", "allocate", "_thread_locks:allocate_lock"),
    Row("thread", "_thread", "LockType", "_thread_locks:lock"),
    Row("thread", "_thread", "RLock", "_thread_locks:RLock"),
    Row("thread", "_thread", "get_ident", "_thread:get_ident"),
    Row("thread", "_thread", "get_native_id", "_thread:get_native_id"),
    Row("thread", "_thread", "_local", "_thread_local:_local"),
    Row("thread", "_thread", "_count", "_thread:_count"),
    # Up to 3.12 `threading` learns of a thread's end by a lock that C code releases.
    Row("thread", "_thread", "_set_sentinel", "_thread:_set_sentinel", until=(3, 12)),
    Row(
        "thread",
        "threading",
        "_main_thread._tstate_lock",
        "_threading:main_sentinel",
        until=(3, 12),
        made=True,
    ),
    # From 3.13 on `threading` itself forgets the threads of coroutines and C code when they end.
    Row("thread", "threading", "_DummyThread.__init__", "_threading:dummy_thread", until=(3, 12), made=True),
    # From 3.13 on it has thread handles instead, and the type of locks can be called.
    Row("thread", "_thread", "lock", "_thread_locks:lock", since=(3, 13)),
    Row("thread", "_thread", "start_joinable_thread", "_thread:start_joinable_thread", since=(3, 13)),
    Row("thread", "_thread", "_ThreadHandle", "_thread:_ThreadHandle", since=(3, 13)),
    Row("thread", "_thread", "_make_thread_handle", "_thread:_make_thread_handle", since=(3, 13)),
    Row("thread", "_thread", "_get_main_thread_ident", "_thread:_get_main_thread_ident", since=(3, 13)),
    Row("thread", "_thread", "_shutdown", "_thread:_shutdown", since=(3, 13)),
    Row("thread", "threading", "_main_thread._handle", "_threading:main_handle", (3, 13), (3, 13), True),
    # 3.14 gave the handle another name.
    Row("thread", "threading", "_main_thread._os_thread_handle", "_threading:main_handle", (3, 14), LAST, True),
    # From 3.14 on a thread names its OS thread, which emulated ones share.
    Row("thread", "_thread", "set_name", "_thread:set_name", since=(3, 14)),
    Row("thread", "_thread", "_get_name", "_thread:_get_name", since=(3, 14)),
    # `concurrent.interpreters` is new in 3.14: nothing is emulated in the others.
    *(
        Row("thread", "_interpreters", name, f"_interpreters:{name}", since=(3, 14), late=True)
        for name in ("call", "exec", "run_func", "run_string")
    ),
    # `threading` keeps in it, for each thread, what ends its entry for a foreign thread.
    # (3.12 has it from some bugfix release on; where there is none the row does nothing.)
    Row("thread", "threading", "_thread_local_info", "_threading:new_local", since=(3, 12), made=True),
    # asyncio: what Python keeps of a running loop for a thread.
    Row("asyncio", "_asyncio", "_set_running_loop", "_asyncio:_set_running_loop", late=True),
    Row("asyncio", "asyncio.events", "_running_loop", "_asyncio:new_local", made=True, late=True),
    # 3.14 deprecates policies, and gave the class another name.
    Row(
        "asyncio",
        "asyncio.events",
        "BaseDefaultEventLoopPolicy._Local",
        "_asyncio:new_local_class",
        until=(3, 13),
        made=True,
        late=True,
    ),
    Row(
        "asyncio",
        "asyncio.events",
        "_BaseDefaultEventLoopPolicy._Local",
        "_asyncio:new_local_class",
        since=(3, 14),
        made=True,
        late=True,
    ),
    Row("asyncio", "asyncio.events", "_event_loop_policy._local", "_asyncio:new_local", made=True, late=True),
    # multiprocessing
    Row("multiprocessing", "_multiprocessing", "SemLock", "_multiprocessing:SemLock", late=True),
)

PARTS: tuple[str, ...] = tuple(dict.fromkeys(row.part for row in TABLE))
