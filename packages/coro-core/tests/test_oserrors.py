"""The errors of the operating system: one class for each name, and both styles of ``except``."""

import copy
import errno
import os
import pickle
import sys
import threading

import pytest

import coro
from coro import oserrors

NUMBERS = {name: getattr(errno, name) for name in dir(errno) if name.startswith("E")}
KINDS = {name: getattr(oserrors, name) for name in NUMBERS}
NAMELESS = max(errno.errorcode) + 1000


class TestEachName:
    def test_derives_from_the_builtin_of_its_number(self):
        for name, kind in KINDS.items():
            assert kind.__bases__ == (type(OSError(NUMBERS[name], "")),)

    def test_all_names_of_a_number_are_one_class(self):
        for name, kind in KINDS.items():
            assert kind is oserrors.class_of(NUMBERS[name])
            assert kind is KINDS[errno.errorcode[NUMBERS[name]]]
        assert len(set(KINDS.values())) == len(errno.errorcode)
        assert oserrors.EWOULDBLOCK is oserrors.EAGAIN  # on every platform of ours

    def test_knows_where_it_is_found(self):
        for name, kind in KINDS.items():
            assert (kind.__module__, kind.__qualname__) == ("coro.oserrors", errno.errorcode[NUMBERS[name]])

    def test_without_arguments_it_says_what_it_is(self):
        for name, kind in KINDS.items():
            error, number, words = kind(), NUMBERS[name], os.strerror(NUMBERS[name])
            assert (error.errno, error.strerror, error.args) == (number, words, (number, words))
            assert str(error) == str(OSError(number, words))

    @pytest.mark.parametrize(
        "arguments", [("why",), (5, "why"), (5, "why", "here"), (5, "why", b"here", None, "there"), (1, 2, 3, 4, 5, 6)]
    )
    def test_with_arguments_it_is_as_the_builtin(self, arguments):
        for kind in KINDS.values():
            ours, builtin = kind(*arguments), kind.__base__(*arguments)
            assert type(ours) is kind
            assert str(ours) == str(builtin)
            for field in ("args", "errno", "strerror", "filename", "filename2"):
                assert getattr(ours, field) == getattr(builtin, field)

    def test_no_keywords(self):
        for kind in KINDS.values():
            with pytest.raises(TypeError, match="keyword"):
                kind(errno=5)

    def test_errors_can_be_copied(self):
        for kind in KINDS.values():
            for error in (kind(), kind("why"), kind(5, "why", "here", None, "there")):
                error.note = "kept"
                for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
                    assert type(twin) is kind
                    assert str(twin) == str(error)
                    assert vars(twin) == {"note": "kept"}

    def test_classes_can_be_pickled(self):
        for kind in KINDS.values():
            assert pickle.loads(pickle.dumps(kind)) is kind

    def test_raised_by_number_and_caught_in_both_styles(self):
        for name, kind in KINDS.items():
            for style in (kind, type(OSError(NUMBERS[name], "")), OSError):
                with pytest.raises(style) as caught:
                    raise oserrors.error(NUMBERS[name])
                assert type(caught.value) is kind

    def test_is_listed(self):
        assert NUMBERS.keys() <= set(oserrors.__all__)
        assert NUMBERS.keys() <= set(dir(oserrors))


class TestExcept:
    def test_by_name(self):
        try:
            raise oserrors.error(errno.ECONNRESET)
        except coro.oserrors.EPIPE:
            pytest.fail("another number")
        except coro.oserrors.ECONNRESET:
            pass

    def test_by_the_builtin(self):
        with pytest.raises(ConnectionResetError):
            raise oserrors.ECONNRESET
        with pytest.raises(BlockingIOError):
            raise oserrors.EWOULDBLOCK
        with pytest.raises(TimeoutError):
            raise oserrors.ETIMEDOUT
        with pytest.raises(FileNotFoundError, match="'nowhere'"):
            raise oserrors.error(errno.ENOENT, "nowhere")

    def test_numbers_of_one_builtin_are_told_apart(self):
        assert issubclass(oserrors.EPIPE, BrokenPipeError)
        assert issubclass(oserrors.ESHUTDOWN, BrokenPipeError)
        assert not issubclass(oserrors.EPIPE, oserrors.ESHUTDOWN)

    def test_a_class_of_ones_own(self):
        class Both(oserrors.ECONNRESET, oserrors.EPIPE):
            """Two at once."""

        assert Both().errno == errno.ECONNRESET
        assert Both(5, "why").strerror == "why"
        assert issubclass(Both, ConnectionResetError)
        assert issubclass(Both, BrokenPipeError)


class TestByNumber:
    def test_error_takes_file_names(self):
        error = oserrors.error(errno.EXDEV, "here", None, "there")
        assert type(error) is oserrors.EXDEV
        assert error.strerror == os.strerror(errno.EXDEV)
        assert (error.filename, error.filename2) == ("here", "there")

    @pytest.mark.parametrize("number", [NAMELESS, 0, -1])
    def test_a_number_without_a_name(self, number):
        assert oserrors.class_of(number) is OSError
        error = oserrors.error(number)
        assert type(error) is OSError
        assert (error.errno, error.strerror) == (number, os.strerror(number))

    def test_no_number(self):
        with pytest.raises(TypeError):
            oserrors.error("ECONNRESET")
        with pytest.raises(TypeError):
            oserrors.error(None)


class TestModule:
    def test_is_found_in_coro(self, run):
        assert coro.oserrors is sys.modules["coro.oserrors"]
        run("import coro; assert coro.oserrors.ECONNRESET.__name__ == 'ECONNRESET'")
        run("import coro.oserrors; assert coro.oserrors.ECONNRESET.__name__ == 'ECONNRESET'")
        run("from coro.oserrors import ECONNRESET; assert ECONNRESET.__name__ == 'ECONNRESET'")

    @pytest.mark.parametrize("unknown", ["ENONSENSE", "econnreset", "errorcode", "__path__"])
    def test_an_unknown_name(self, unknown):
        with pytest.raises(AttributeError, match=rf"'coro\.oserrors' has no attribute '{unknown}'"):
            getattr(oserrors, unknown)
        assert unknown not in dir(oserrors)

    def test_an_unknown_name_in_an_import(self):
        with pytest.raises(ImportError, match="ENONSENSE"):
            from coro.oserrors import ENONSENSE  # noqa: F401

    def test_all_of_it(self):
        taken = {}
        exec("from coro.oserrors import *", taken)
        assert {*NUMBERS, "class_of", "error"} == taken.keys() - {"__builtins__"}
        assert sorted(oserrors.__all__) == sorted(set(oserrors.__all__))

    def test_classes_are_made_when_they_are_asked_for(self, run):
        run("""
            import errno
            from coro import oserrors

            def made():
                return vars(oserrors).keys() & errno.errorcode.values()

            assert made() == {"EBADF"}  # ClosedError derives from it
            assert "ECONNRESET" in dir(oserrors)
            assert not ConnectionResetError.__subclasses__()
            kind = oserrors.class_of(errno.ECONNRESET)
            assert ConnectionResetError.__subclasses__() == [kind]
            assert made() == {"EBADF"}
            assert oserrors.ECONNRESET is kind
            assert made() == {"EBADF", "ECONNRESET"}
        """)

    def test_numbers_without_a_name_are_not_kept(self):
        before = len(oserrors._classes)
        for number in range(NAMELESS, NAMELESS + 100):
            oserrors.class_of(number)
        assert len(oserrors._classes) == before

    def test_threads_that_ask_at_once_get_one_class(self, monkeypatch):
        """Each has found none, and makes one: all but one are thrown away."""
        monkeypatch.setattr(oserrors, "_classes", {})
        together = threading.Barrier(4, timeout=60)
        strerror = os.strerror

        def meet(number):
            together.wait()
            return strerror(number)

        found = []
        threads = [threading.Thread(target=lambda: found.append(oserrors.class_of(errno.EPIPE))) for _ in range(4)]
        with monkeypatch.context() as patch:
            patch.setattr(os, "strerror", meet)
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len(found) == 4
        assert len(set(found)) == 1
