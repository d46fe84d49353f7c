AtExitError: type[RuntimeError]
