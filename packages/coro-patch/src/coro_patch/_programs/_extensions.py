"""What blocks, and what to do about it.

What belongs here: a table of extension modules that people use, and of what blocks by nature in
the standard library. `doctor` and the documentation are read from it.

An extension is known by the names of its modules, a package by its name. C code that waits
in the kernel holds up all coroutines of its OS thread, whatever is emulated.
"""

from typing import NamedTuple

BLOCKS, HARMLESS, CONFLICTS = "blocks", "harmless", "conflicts"

_IN_THREAD = "call it in a real thread: coro.run_in_thread"


class Extension(NamedTuple):
    """An extension module, or several of one package."""

    #: what to call it
    name: str
    #: names of modules and packages
    modules: tuple[str, ...]
    #: BLOCKS, HARMLESS or CONFLICTS
    kind: str
    #: what it does, or what to do
    advice: str


EXTENSIONS: tuple[Extension, ...] = (
    # databases
    Extension("psycopg2", ("psycopg2",), BLOCKS, "coro_patch.psycopg.install() lets others run while it waits"),
    Extension(
        "psycopg 3",
        ("psycopg_c", "psycopg_binary"),
        BLOCKS,
        "coro_patch.psycopg.install() lets others run while it waits",
    ),
    Extension("mysqlclient", ("MySQLdb",), BLOCKS, f"use PyMySQL, which is Python, or {_IN_THREAD}"),
    Extension(
        "mysql-connector",
        ("_mysql_connector", "mysql"),
        BLOCKS,
        "connect with use_pure=True: then it is Python on sockets",
    ),
    Extension("mariadb", ("mariadb",), BLOCKS, f"use PyMySQL, which is Python, or {_IN_THREAD}"),
    Extension("cx_Oracle", ("cx_Oracle",), BLOCKS, "use oracledb in its thin mode, which is Python on sockets"),
    Extension(
        "oracledb",
        ("oracledb",),
        BLOCKS,
        "its thin mode is on Python's sockets and cooperates; the thick one (init_oracle_client) blocks",
    ),
    Extension("pyodbc", ("pyodbc",), BLOCKS, _IN_THREAD),
    Extension("pymssql", ("pymssql",), BLOCKS, f"pymssql.set_wait_callback, or {_IN_THREAD}"),
    Extension("pymongo", ("pymongo", "bson"), HARMLESS, "it packs data; sockets and locks are Python's"),
    Extension("hiredis", ("hiredis",), HARMLESS, "it parses; sockets are Python's"),
    Extension("sqlite3", ("_sqlite3", "apsw", "pysqlite3"), BLOCKS, f"it reads and writes files: {_IN_THREAD}"),
    Extension("LMDB, LevelDB, RocksDB", ("lmdb", "plyvel", "rocksdict"), BLOCKS, _IN_THREAD),
    # the network
    Extension("grpc", ("grpc",), BLOCKS, f"its C core waits by itself: {_IN_THREAD}, or run it in another process"),
    Extension("uvloop", ("uvloop",), BLOCKS, "its loops wait by themselves; use asyncio's own event loop"),
    Extension(
        "pyzmq",
        ("zmq",),
        BLOCKS,
        "send and receive with zmq.NOBLOCK, and wait for the socket's FD with select; or " + _IN_THREAD,
    ),
    Extension("confluent-kafka", ("confluent_kafka",), BLOCKS, "poll(0) and sleep between, or use kafka-python"),
    Extension("pycurl", ("pycurl",), BLOCKS, "use CurlMulti with its socket functions, or urllib3; or " + _IN_THREAD),
    Extension("python-ldap", ("_ldap",), BLOCKS, "use ldap3, which is Python, or " + _IN_THREAD),
    Extension("pysnmp's and Net-SNMP", ("netsnmp", "easysnmp"), BLOCKS, _IN_THREAD),
    Extension("libssh", ("ssh2", "pylibsshext"), BLOCKS, "set_blocking(False) and select, or use paramiko"),
    Extension("pygit2", ("pygit2",), BLOCKS, _IN_THREAD),
    Extension("Kerberos", ("gssapi", "kerberos"), BLOCKS, _IN_THREAD),
    # other schedulers
    Extension("gevent", ("gevent",), CONFLICTS, "two schedulers cannot own one thread: do not patch with both"),
    Extension("eventlet", ("eventlet",), CONFLICTS, "two schedulers cannot own one thread: do not patch with both"),
    Extension("greenlet", ("greenlet",), HARMLESS, "coroutines are greenlets"),
    Extension("pyuv, libev", ("pyuv", "pyev"), BLOCKS, "their loops wait by themselves"),
    # what computes
    Extension("numpy, scipy, pandas", ("numpy", "scipy", "pandas"), HARMLESS, "they compute"),
    Extension("torch, tensorflow", ("torch", "tensorflow"), HARMLESS, f"they compute; if that is long, {_IN_THREAD}"),
    Extension("pyarrow", ("pyarrow",), HARMLESS, f"it computes; what reads files or the network: {_IN_THREAD}"),
    Extension("lxml", ("lxml",), HARMLESS, f"it parses; parse() of a file or an address reads it: {_IN_THREAD}"),
    Extension("Pillow", ("PIL",), HARMLESS, "it computes, and reads files"),
    Extension(
        "cryptography",
        ("cryptography", "_cffi_backend", "nacl", "bcrypt", "Crypto", "Cryptodome"),
        HARMLESS,
        "it computes; password hashes take long: coro.run_in_thread",
    ),
    Extension(
        "serializers",
        ("msgpack", "orjson", "ujson", "simplejson", "yaml", "_yaml", "google", "rapidjson"),
        HARMLESS,
        "they compute",
    ),
    Extension(
        "parsers and tools",
        tuple(
            "Cython aiohttp brotli charset_normalizer contourpy coverage frozenlist httptools kiwisolver librt lz4 "
            "markupsafe matplotlib multidict mypyc propcache psutil pydantic_core regex rpds setproctitle snappy "
            "sqlalchemy wrapt yarl zope zstandard".split()
        ),
        HARMLESS,
        "they compute",
    ),
)

#: What blocks by nature in the standard library: modules, what, and what to do.
BY_NATURE: tuple[tuple[str, str, str], ...] = (
    ("io", "files: open(), read(), write()", _IN_THREAD + " where the disk is slow"),
    ("sqlite3", "connections and statements", _IN_THREAD),
    ("dbm", "databases in files", _IN_THREAD),
    ("fcntl", "flock() and lockf()", "ask with LOCK_NB and sleep between, or " + _IN_THREAD),
    ("shutil", "copying", _IN_THREAD),
    ("zipfile", "files and compressing", _IN_THREAD),
    ("hashlib", "pbkdf2_hmac() and scrypt()", _IN_THREAD),
    ("readline", "input() at a terminal", _IN_THREAD),
    ("ctypes", "functions of C libraries", _IN_THREAD),
)


def find(module: str) -> Extension | None:
    """What is known of a module; None if nothing is."""
    for extension in EXTENSIONS:
        for known in extension.modules:
            if module == known or module.startswith(known + "."):
                return extension
    return None
