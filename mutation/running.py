"""Runs tests on mutants: one process imports everything and runs the tests once, and a fork of it tries each mutant.

What is imported, compiled and cached in the first process is there in each fork, so a mutant costs the time of the
tests that enter its function, up to the first that fails. In a fork the code of the mutated function takes the place of
the old one, decorated or not; a compiled kernel is compiled again. Nothing is written to the sources.
"""

from __future__ import annotations

import ast
import gc
import importlib.abc
import importlib.util
import io
import itertools
import os
import resource
import signal
import sys
import time
import types
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numba
import pytest
from operators import Mutant, mutants_of

ROOT = Path(__file__).resolve().parent.parent
SECONDS, FACTOR = 8.0, 4.0
"""Processor time that a mutant may take: these, and so many times that of its tests on the plain source."""
MEMORY = 4 << 30
"""Bytes of address space beyond those of the first process."""
KILLED, SURVIVED, LATE, CRASHED = "killed", "survived", "killed: out of time", "killed: crash"


def compiled(function: types.FunctionType) -> Any:
    """A kernel that refuses what lies outside an array, on one thread: a mutant of it must not write anywhere."""
    return numba.njit(function, boundscheck=True)


@dataclass
class Module:
    """A module whose functions are mutated."""

    file: str
    tests: tuple[str, ...]
    tree: ast.Module = field(init=False)
    mutants: list[Mutant] = field(init=False)
    kernels: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.tree = ast.parse((ROOT / self.file).read_text())
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef) and any("njit" in ast.unparse(part) for part in node.decorator_list):
                node.decorator_list = [ast.Name("__compiled__", ast.Load(), lineno=node.lineno, col_offset=0)]
                ast.fix_missing_locations(node)
                self.kernels.add(node.name)
        self.mutants = mutants_of(self.file, self.tree)

    @property
    def name(self) -> str:
        """Dotted."""
        return self.file.removeprefix("src/").removesuffix(".py").replace("/", ".").removesuffix(".__init__")

    @property
    def path(self) -> str:
        """Absolute."""
        return str(ROOT / self.file)

    def code(self, entered: bool = False) -> types.CodeType:
        """The module as it is now; with `entered`, functions tell that they were."""
        tree = self.tree
        if entered:
            tree = ast.parse(ast.unparse(ast.Module([], [])))  # an empty one
            tree.body = ast.parse((ROOT / self.file).read_text()).body
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef) and node.name in self.kernels:
                    node.decorator_list = [ast.Name("__compiled__", ast.Load())]
            _tell(tree.body, "")
            ast.fix_missing_locations(tree)
        return compile(tree, self.path, "exec", dont_inherit=True)

    def fragment(self, statement: ast.stmt) -> types.CodeType:
        """One statement of the module; `annotations` is the feature of this name, imported above."""
        return compile(ast.Module([statement], []), self.path, "exec", annotations.compiler_flag, dont_inherit=True)


def _tell(body: list[ast.stmt], prefix: str) -> None:
    for node in body:
        if isinstance(node, ast.ClassDef):
            _tell(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            if any(isinstance(part, ast.Name) and part.id == "__compiled__" for part in node.decorator_list):
                continue
            call = ast.Expr(ast.Call(ast.Name("__entered__", ast.Load()), [ast.Constant(prefix + node.name)], []))
            node.body.insert(1 if ast.get_docstring(node) else 0, ast.copy_location(call, node.body[0]))


class _Loader(importlib.abc.InspectLoader):
    """Loads mutated modules with functions that tell when they are entered."""

    def __init__(self, module: Module, entered: set[tuple[str, str]]):
        self._module, self._entered = module, entered

    def get_source(self, fullname: str) -> str:
        return (ROOT / self._module.file).read_text()

    def get_code(self, fullname: str) -> types.CodeType:
        return self._module.code(entered=True)

    def is_package(self, fullname: str) -> bool:
        return self._module.file.endswith("__init__.py")

    def exec_module(self, module: types.ModuleType) -> None:
        file = self._module.file
        module.__dict__["__compiled__"] = compiled
        module.__dict__["__entered__"] = lambda name: self._entered.add((file, name))
        super().exec_module(module)


class Finder(importlib.abc.MetaPathFinder):
    """Finds the modules that are mutated."""

    def __init__(self, modules: Iterable[Module], entered: set[tuple[str, str]]):
        self._modules, self._entered = {module.name: module for module in modules}, entered

    def find_spec(self, fullname: str, path: object, target: object = None) -> Any:
        """As the import system asks."""
        module = self._modules.get(fullname)
        if module is None:
            return None
        loader = _Loader(module, self._entered)
        return importlib.util.spec_from_file_location(fullname, module.path, loader=loader)


Functions = dict[tuple[str, str], list[types.FunctionType]]
"""Function objects by file and qualified name: a decorator may hold one that no name leads to."""


def functions_of(modules: Iterable[Module]) -> Functions:
    """Those of the modules, all that are in memory."""
    functions: Functions = defaultdict(list)
    paths = {module.path for module in modules}
    for thing in gc.get_objects():
        if type(thing) is types.FunctionType and thing.__code__.co_filename in paths:
            functions[thing.__code__.co_filename, thing.__code__.co_qualname].append(thing)
    return functions


class Swap:
    """Puts a mutant in the place of the function, or of the values of a module or a class."""

    def __init__(self, module: Module, mutant: Mutant, functions: Functions):
        self._module, self._mutant, self._functions = module, mutant, functions
        self._loaded = sys.modules[module.name]

    def __call__(self) -> None:
        """Do it, in this process for good."""
        owner, statement = self._statement()
        self._mutant.apply()
        if isinstance(statement, ast.FunctionDef):
            if statement.name in self._module.kernels:
                self._put(statement.name, self._run(statement)[statement.name])
            else:
                self._function(statement, owner)
        elif owner is not None:
            self._class(owner)
        else:
            values = self._run(statement)
            for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:  # type: ignore[attr-defined]
                for node in ast.walk(target):
                    if isinstance(node, ast.Name):
                        self._put(node.id, values[node.id])

    def _statement(self) -> tuple[ast.ClassDef | None, ast.stmt]:
        """The function or the statement of the module that is changed, and the class it is in."""
        body, owner = self._module.tree.body, None
        for name in self._mutant.function.split(".") if self._mutant.function else []:
            definition = next(node for node in body if getattr(node, "name", "") == name)
            if isinstance(definition, ast.FunctionDef):
                return owner, definition
            assert isinstance(definition, ast.ClassDef)
            owner, body = definition, definition.body
        line = self._mutant.line
        return owner, next(node for node in body if node.lineno <= line <= (node.end_lineno or line))

    def _run(self, statement: ast.stmt) -> dict[str, Any]:
        names = dict(self._loaded.__dict__)
        exec(self._module.fragment(statement), names)
        return names

    def _function(self, statement: ast.FunctionDef, owner: ast.ClassDef | None) -> None:
        """Code and defaults of every function object that was made of this definition."""
        old = self._functions[self._module.path, self._mutant.function]
        assert old, f"no function {self._mutant.function} in memory"
        plain = ast.copy_location(ast.FunctionDef(statement.name, statement.args, statement.body, []), statement)
        outer = plain if owner is None else ast.copy_location(ast.ClassDef(owner.name, [], [], [plain], []), owner)
        made = self._run(outer)[outer.name]
        new = made if owner is None else made.__dict__[statement.name]
        for function in old:
            function.__code__ = new.__code__
            function.__defaults__, function.__kwdefaults__ = new.__defaults__, new.__kwdefaults__

    def _class(self, statement: ast.ClassDef) -> None:
        """Defaults of a data class, and values of a class."""
        old, new = getattr(self._loaded, statement.name), self._run(statement)[statement.name]
        if hasattr(new, "model_fields"):  # pydantic's, whose fields were made with the class
            self._put(statement.name, new)
            return
        for name, value in vars(new).items():
            if isinstance(value, types.FunctionType):
                mine = vars(old)[name]
                mine.__defaults__, mine.__kwdefaults__ = value.__defaults__, value.__kwdefaults__
            elif not name.startswith("__") and not isinstance(value, types.MemberDescriptorType | property):
                setattr(old, name, value)

    def _put(self, name: str, value: Any) -> None:
        """A value of the module, wherever the old one is held by its name, or in a dictionary or as a default."""
        old = self._loaded.__dict__[name]
        for module in list(sys.modules.values()):
            if type(module) is types.ModuleType and module.__dict__.get(name, self) is old:
                module.__dict__[name] = value
        if not isinstance(old, int | float | str | bool | type(None)):
            gc.unfreeze()
            for holder in gc.get_referrers(old):
                names = holder if type(holder) is dict else getattr(holder, "__dict__", {})
                for key in [key for key, thing in names.items() if thing is old]:
                    if type(holder) is dict:
                        holder[key] = value
                    elif not isinstance(holder, types.ModuleType):
                        object.__setattr__(holder, key, value)  # of a frozen data class too
            for function in itertools.chain.from_iterable(self._functions.values()):
                if function.__defaults__:
                    function.__defaults__ = tuple(
                        value if default is old else default for default in function.__defaults__
                    )
        for kernel in self._module.kernels - {name}:
            dispatcher = self._loaded.__dict__[kernel]
            if name in dispatcher.py_func.__code__.co_names:
                self._put(kernel, compiled(dispatcher.py_func))


@dataclass
class Trial:
    """A mutant in a process of its own."""

    number: int
    started: float
    limit: float
    read: int


class Tests:
    """A pytest session that runs its tests once, and then runs those that a mutant can reach, in forks."""

    def __init__(self, modules: list[Module], jobs: int, deselected: tuple[str, ...]):
        self._modules, self._jobs, self._deselected = modules, jobs, deselected
        self.entered: set[tuple[str, str]] = set()
        self._reach: dict[str, set[tuple[str, str]]] = {}
        self._time: dict[str, float] = {}
        self._named: dict[str, set[str]] = {}
        self._failed: list[str] = []
        self._killers: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self.on_result: Any = None
        self.todo: list[tuple[Module, Mutant]] = []

    # -- hooks of pytest --------------------------------------------------------------------------------------------

    def pytest_configure(self, config: pytest.Config) -> None:
        """No search for smaller examples, and the same examples each time."""
        from hypothesis import Phase, settings  # pytest rewrites its assertions on import, so not before pytest runs

        settings.register_profile(
            "mutants",
            settings.get_profile("sparserec"),
            phases=(Phase.explicit, Phase.generate),
            derandomize=True,
            database=None,
        )
        settings.load_profile("mutants")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """What can't be collected ends the run."""
        if report.failed:
            sys.exit(f"tests can't be collected: {report.longrepr}")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out tests that take too long, or that compare threads."""
        items[:] = [item for item in items if not any(part in item.nodeid for part in self._deselected)]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember failures."""
        if report.failed:
            self._failed.append(f"{report.nodeid}\n{report.longreprtext}")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """The run."""
        for _ in range(2):  # the first time kernels are compiled, which no mutant should pay for
            for item, following in zip(session.items, [*session.items[1:], None], strict=True):
                self.entered.clear()
                before = time.process_time()
                self._run(item, following)
                self._time[item.nodeid] = time.process_time() - before
                self._reach.setdefault(item.nodeid, set()).update(self.entered)
            self._named = {item.nodeid: _names_in(item) for item in session.items}
        if self._failed:
            sys.exit("tests fail without any mutant:\n" + "\n".join(self._failed))
        print(f"{len(session.items)} tests take {sum(self._time.values()):.0f} s of processor time", flush=True)
        self._try_all({item.nodeid: item for item in session.items})
        return True

    # -- mutants ----------------------------------------------------------------------------------------------------

    def _run(self, item: pytest.Item, following: pytest.Item | None) -> None:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)

    def _names(self, module: Module, mutant: Mutant) -> list[str]:
        """Tests that enter the mutant's function: those that failed at its other mutants first, then quick ones."""
        tests = [test for test in self._time if test.startswith(module.tests)]
        reached = [test for test in tests if self._reaches(module, mutant, test)]
        killers = self._killers[mutant.file, mutant.function]
        return sorted(reached or tests, key=lambda test: (-killers[test], self._time[test]))

    def _reaches(self, module: Module, mutant: Mutant, test: str) -> bool:
        """Whether a test enters the mutant's function, or one that names the kernel or the value that is mutated."""
        function = mutant.function
        if function and function not in module.kernels:
            return (module.file, function) in self._reach[test] or function not in self._functions(module)
        names = {function} if function else mutant.names
        callers = [name for name in self._functions(module) if _mentions(module, name, names)]
        reached = any((module.file, caller) in self._reach[test] for caller in callers)
        return reached or not callers or bool(names & self._named[test])

    def _functions(self, module: Module) -> set[str]:
        return {name for file, name in self._all() if file == module.file}

    def _all(self) -> set[tuple[str, str]]:
        if not hasattr(self, "_cached"):
            self._cached = set().union(*self._reach.values())
        return self._cached

    def _try_all(self, items: dict[str, pytest.Item]) -> None:
        gc.collect()
        self._functions_in_memory = functions_of(self._modules)
        gc.freeze()
        running: dict[int, Trial] = {}
        waiting = list(enumerate(self.todo))[::-1]
        while waiting or running:
            while waiting and len(running) < self._jobs:
                number, (module, mutant) = waiting.pop()
                names = self._names(module, mutant)
                limit = SECONDS + FACTOR * sum(self._time[name] for name in names)
                read, write = os.pipe()
                child = os.fork()
                if child == 0:
                    os.close(read)
                    self._child(module, mutant, [items[name] for name in names], limit, write)
                os.close(write)
                running[child] = Trial(number, time.monotonic(), limit, read)
            self._collect(running)

    def _collect(self, running: dict[int, Trial]) -> None:
        """Take the results of processes that have ended, and end those that don't."""
        time.sleep(0.005)
        for child, trial in list(running.items()):
            ended, status = os.waitpid(child, os.WNOHANG)
            if not ended:
                if time.monotonic() - trial.started > 10 * trial.limit:
                    os.kill(child, signal.SIGKILL)
                continue
            del running[child]
            with os.fdopen(trial.read) as pipe:
                text = pipe.read()
            module, mutant = self.todo[trial.number]
            outcome, by = SURVIVED, ""
            if os.WIFSIGNALED(status):
                late = os.WTERMSIG(status) in {signal.SIGXCPU, signal.SIGKILL}
                outcome = LATE if late else CRASHED
            elif os.WEXITSTATUS(status) == 1:
                outcome, by = KILLED, text.split("\n")[0]
                self._killers[mutant.file, mutant.function][by] += 1
            elif os.WEXITSTATUS(status) != 0:
                sys.exit(f"{mutant.key} can't be put in place:\n{text}")
            self.on_result(module, mutant, outcome, by, time.monotonic() - trial.started)

    def _child(self, module: Module, mutant: Mutant, items: list[pytest.Item], limit: float, write: int) -> None:
        """Try one mutant and end the process: 0 where all tests pass, 1 where one fails, 3 for a fault of this file."""
        code, text = 3, ""
        try:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 1)
            os.dup2(null, 2)
            sys.stdout = sys.stderr = io.StringIO()
            room = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + MEMORY
            resource.setrlimit(resource.RLIMIT_AS, (room, room))
            resource.setrlimit(resource.RLIMIT_CPU, (int(limit) + 1, int(limit) + 30))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            code, text = self._verdict(module, mutant, items)
        except BaseException as error:
            import traceback

            text = "".join(traceback.format_exception(error))
        finally:
            os.write(write, text.encode()[:4000])
            os._exit(code)

    def _verdict(self, module: Module, mutant: Mutant, items: list[pytest.Item]) -> tuple[int, str]:
        try:
            Swap(module, mutant, self._functions_in_memory)()
        except (AssertionError, StopIteration, KeyError):
            raise
        except Exception as error:  # the module could not even be imported
            return 1, f"import: {error!r}"
        self._failed.clear()
        for item, following in zip(items, [*items[1:], None], strict=True):
            self._run(item, following)
            if self._failed:
                return 1, self._failed[0].split("\n")[0]
        return 0, ""


def _names_in(item: pytest.Item) -> set[str]:
    """What the function of a test names."""
    function = item.obj  # type: ignore[attr-defined]
    inner = getattr(getattr(function, "hypothesis", None), "inner_test", function)
    return set(getattr(inner, "__code__", _names_in.__code__).co_names)


def _mentions(module: Module, name: str, names: set[str]) -> bool:
    """Whether a function of the module names one of these."""
    body: list[ast.stmt] = module.tree.body
    for part in name.split("."):
        body = next(node for node in body if getattr(node, "name", "") == part).body  # type: ignore[attr-defined]
    return any(isinstance(node, ast.Name) and node.id in names for statement in body for node in ast.walk(statement))
