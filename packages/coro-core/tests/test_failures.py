"""Exceptions that nobody catches in a coroutine."""

import sys
import weakref

import pytest

import coro


def fail(text="because"):
    raise ValueError(text)


class TestDefault:
    def test_the_traceback_is_printed_once(self, capsys):
        co = coro.spawn(fail, thread_name="poor")
        co.join()
        err = capsys.readouterr().err
        assert err.count("Traceback") == 1
        assert err.count("ValueError: because") == 1
        assert f"coroutine {co.id} (poor)" in err
        assert "in fail" in err
        with pytest.raises(ValueError, match="because"):
            co.result()
        assert capsys.readouterr().err == ""

    def test_is_told_where_a_traceback_cannot_be_made(self, capsys, monkeypatch):
        monkeypatch.setitem(sys.modules, "traceback", None)  # importing it fails, as without a descriptor
        coro.spawn(fail, thread_name="poor").join()
        err = capsys.readouterr().err
        assert "(poor)" in err
        assert f'File "{__file__}", line {fail.__code__.co_firstlineno + 1}, in fail\n' in err
        assert "ValueError: because\n" in err

    def test_what_the_function_had_goes_with_the_coroutine(self, capsys, no_collector):
        class Thing:
            pass

        seen = []

        def body():
            thing = Thing()
            seen.append(weakref.ref(thing))
            fail()

        coro.spawn(body).join()
        assert seen[0]() is None

    def test_others_go_on(self, capsys):
        log = []
        made = [coro.spawn(fail), coro.spawn(log.append, 1)]
        for co in made:
            co.join()
        assert log == [1]

    def test_a_chain_is_printed_whole(self, capsys):
        def chained():
            try:
                fail("first")
            except ValueError as error:
                raise KeyError("second") from error

        coro.spawn(chained).join()
        err = capsys.readouterr().err
        assert "first" in err
        assert "second" in err

    @pytest.mark.parametrize("interrupt", [coro.Shutdown, coro.Interrupted, coro.Shutdown("with words")])
    def test_to_be_told_to_end_is_no_failure(self, capsys, interrupt):
        def body():
            raise interrupt

        co = coro.spawn(body)
        co.join()
        assert capsys.readouterr().err == ""
        assert isinstance(co.failure, coro.Interrupted)

    def test_other_base_exceptions_are_failures(self, capsys):
        class Odd(BaseException):
            pass

        def body():
            raise Odd

        coro.spawn(body).join()
        assert "Odd" in capsys.readouterr().err

    def test_without_stderr(self, monkeypatch):
        monkeypatch.setattr(sys, "stderr", None)
        co = coro.spawn(fail)
        co.join()
        assert isinstance(co.failure, ValueError)

    def test_with_a_broken_stderr(self, monkeypatch):
        class Broken:
            def write(self, text):
                raise OSError("full")

        monkeypatch.setattr(sys, "stderr", Broken())
        co = coro.spawn(fail)
        co.join()
        assert isinstance(co.failure, ValueError)

    def test_an_exception_that_cannot_be_printed(self, capsys):
        class Unprintable(Exception):
            def __str__(self):
                raise RuntimeError("no words")

        def body():
            raise Unprintable

        coro.spawn(body).join()
        assert "Unprintable" in capsys.readouterr().err

    def test_a_name_that_fails(self, capsys):
        class Nameless(coro.coro):
            def get_name(self):
                raise RuntimeError("no name")

        co = Nameless(fail)
        co.start()
        co.join()
        assert "RuntimeError: no name" in capsys.readouterr().err
        assert isinstance(co.failure, ValueError)


class TestNotifier:
    @pytest.fixture
    def notify(self):
        before = coro.set_exception_notifier(None)
        yield coro.set_exception_notifier
        coro.set_exception_notifier(before)

    def test_sees_what_happened_and_to_whom(self, notify, capsys):
        seen = []
        notify(lambda: seen.append((sys.exc_info()[0], str(sys.exc_info()[1]), coro.current())))
        co = coro.spawn(fail)
        co.join()
        assert seen == [(ValueError, "because", co)]
        assert capsys.readouterr().err == ""

    def test_the_one_before_comes_back(self, notify):
        assert notify(fail) is None
        assert notify(print) is fail
        assert notify(None) is print
        assert notify(None) is None

    @pytest.mark.parametrize("wrong", [5, "print", object()])
    def test_must_be_callable(self, notify, wrong):
        notify(fail)
        with pytest.raises(TypeError, match="new_func"):
            notify(wrong)
        assert notify(None) is fail

    def test_may_wait(self, notify, virtual):
        log = []

        def notifier():
            coro.sleep_relative(5)
            log.append(coro.now())

        notify(notifier)
        before = coro.now()
        coro.spawn(fail).join()
        assert log == [before + 5 * 10**9]

    @pytest.mark.parametrize("fault", [ZeroDivisionError, coro.Shutdown, GeneratorExit])
    def test_a_faulty_one_takes_nothing_down(self, notify, capsys, fault):
        def notifier():
            raise fault("".join(["war", "ped"]))  # the source line is printed too

        notify(notifier)
        log = []
        made = [coro.spawn(fail), coro.spawn(log.append, 1), coro.spawn(fail)]
        for co in made:
            co.join()
        err = capsys.readouterr().err
        assert log == [1]
        # Both stories are told: the notifier's, and the one that it should have told.
        assert err.count("warped") == 2
        assert err.count("ended by an exception") == 2
        assert isinstance(made[0].failure, ValueError)

    def test_one_with_the_wrong_signature(self, notify, capsys):
        notify(lambda error: None)
        coro.spawn(fail).join()
        err = capsys.readouterr().err
        assert "TypeError" in err
        assert "because" in err

    @pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
    def test_the_end_of_the_program_is_not_lost_in_it(self, notify, end, capsys):
        """Ctrl-C may strike there as well as anywhere."""

        def notifier():
            raise end

        notify(notifier)
        coro.spawn(fail)
        with pytest.raises(end):
            coro.sleep_relative(60)

    def test_is_not_asked_for_interrupts(self, notify):
        seen = []
        notify(lambda: seen.append(1))
        coro.spawn(coro.sleep_relative, 5).shutdown()
        co = coro.spawn(coro.sleep_relative, 5)
        coro.yield_slice()
        co.shutdown()
        co.join()
        assert seen == []

    def test_is_not_asked_for_main(self, notify):
        seen = []
        notify(lambda: seen.append(1))
        main = coro.current()
        coro.spawn(lambda: main.raise_exception(KeyError))
        with pytest.raises(KeyError):
            coro.sleep_relative(5)
        assert seen == []


class TestForTheProgram:
    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
    def test_it_reaches_main(self, error, capsys):
        def leave():
            raise error

        co = coro.spawn(leave)
        with pytest.raises(type(error)) as info:
            coro.sleep_relative(60)
        assert info.value is error
        assert co.failure is error
        assert capsys.readouterr().err == ""
        info = None
        error.__traceback__ = None

    def test_while_main_joins_it(self):
        co = coro.spawn(sys.exit, 2)
        with pytest.raises(SystemExit):
            co.join()
        assert co.dead

    def test_a_program_exits_with_the_status(self, start):
        program = start("""
            import sys, coro
            coro.spawn(sys.exit, 9)
            coro.sleep_relative(60)
        """)
        assert program.end() == (9, "", "")

    def test_of_another_thread_it_reaches_that_threads_main(self, in_thread):
        def scenario():
            coro.spawn(sys.exit, 2)
            with pytest.raises(SystemExit):
                coro.sleep_relative(60)

        in_thread(scenario)


def test_program_output(start):
    """As users see it: once, on stderr, and the program goes on."""
    program = start("""
        import coro
        co = coro.spawn(lambda: 1 / 0, thread_name="divide")
        co.join()
        print("goes on")
    """)
    status, out, err = program.end()
    assert (status, out) == (0, "goes on\n")
    assert err.count("ZeroDivisionError") == 1
    assert "(divide) ended by an exception" in err
