"""Run folders as a table: one row a run. results.csv is derived from them and never a source."""

from __future__ import annotations

import contextlib
import csv
import difflib
import json
import logging
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from idim_cli import bounded, foreign, sound_result
from idim_cli.errors import FileError
from idim_cli.goal import SOLVED as SOLVED
from idim_cli.goal import UNSOLVED as UNSOLVED
from idim_cli.tables import read_csv

if TYPE_CHECKING:
    import pandas as pd

Known = MutableMapping[str, dict[str, Any]]
#: What the runs of a sweep are for: each with `run_id`, `over` and `baseline_config`.
Plan = Sequence[Mapping[str, Any]]

OK, FAILED, CANCELLED, TIMEOUT = "ok", "failed", "cancelled", "timeout"
PLAN, TABLE, SUMMARY, RECIPE = "plan.json", "results.csv", "summary.json", "recipe.yaml"
SEARCH = "search.log"  # what an adaptive search decided, and why
RUNS, RESULT, METRICS, CHECKPOINT, LOG, RUN_RECIPE = (
    "runs", "result.json", "metrics.csv", "checkpoint.safetensors", "log.txt", "run.yaml",
)  # fmt: skip
TRAININGS = "compressed"  # below a results folder: one of the trainings that `idim compress` asked for
COMPRESSED, RECORD = ".idim", ".json"  # endings of a compressed file, and behind it of what is known of it

_HEAD = ("run_id", "recipe", "status", "direct", "dataset", "model", "projector", "task")
_BODY = (
    "D", "d", "seed_theta0", "seed_projector", "seed_data", "performance", "performance_is", "metric",
    "score_on", "chance", "performance_start", "epoch", "epochs", "stop_level", "final_low",
    "final_high",
)  # fmt: skip
_TAIL = (
    "column_norm_min", "column_norm_max", "coherence", "seconds", "peak_memory_bytes", "device", "idim",
    "date", "torch", "config", "baseline_config",
)  # fmt: skip
_NAMED = 6  # files that a hint names at most
_PLANNED = ("run_id", "over", "baseline_config")
# Often unknown for all runs.
_REAL = ("chance", "performance_start", "stop_level", "final_low", "final_high")
_WHOLE = ("D", "d", "seed_theta0", "seed_projector", "seed_data", "epoch", "epochs", "peak_memory_bytes")
# What `plans` calls a run: kind, d unless it is direct, seeds, digest.
_RUN_ID = re.compile(r"\w+?-(?:d(?P<d>\d+)-)?s(?P<seeds>\d+(?:\.\d+)+)-[0-9a-f]{8}")
# Bytes, at most, and cells of a learning curve: a plan of MAX_RUNS runs is about half as large.
_MOST = {RESULT: 2**22, METRICS: 2**25, PLAN: 48 * 2**20}
_CELLS = 2_000_000
_NAME = 250  # letters that a file system takes
_log = logging.getLogger(__name__)


class HeldError(FileError):
    """Another process is at work on a run."""


def row(result: Mapping[str, Any]) -> dict[str, Any]:
    """The cells of one run, from what `finished` says of it; what is unknown is None.

    Beside the fixed columns there is one for each key of ``sweep.over`` and one for each further metric; a
    metric that has the name of another column has none.
    """
    over = {key: _cell(value) for key, value in (result.get("over") or {}).items()}
    fixed = {key: result.get(key) for key in (*_HEAD, *_BODY, *_TAIL)}
    cells = {**(result.get("metrics") or {}), **fixed, **over}
    return {key: cells[key] for key in _columns([result])}


def checkpoint_of(run: Path) -> Path:
    """The checkpoint of a run folder, or the file itself; FileError if there is none."""
    path = run / CHECKPOINT if run.is_dir() else run
    if not path.is_file():
        raise FileError(f"no checkpoint at {run}", "give a run folder, or its checkpoint.safetensors")
    return path


def table(folder: Path, known: Known | None = None, plan: Plan | None = None) -> pd.DataFrame:
    """All finished runs below `folder`, in the order of the plan (without one: by run_id).

    Runs that the plan does not name are left out. Writes nothing.

    Args:
        folder: a recipe's, as `idim sweep` makes it.
        known, plan: see `finished`.

    Raises:
        FileError: there is no such folder.
    """
    import pandas as pd

    if not folder.is_dir():
        raise FileError(f"no folder {str(folder)!r}", "a results folder is made by `idim sweep`")
    found = list(finished(folder, known, plan))
    rows = [row(result) for result in found]
    frame = pd.DataFrame(rows, columns=_columns(found))
    for name in _REAL:
        frame[name] = frame[name].astype(float)
    for name in (*_WHOLE, *_counts(found)):
        frame[name] = _whole([one.get(name) for one in rows])
    return frame


def finished(folder: Path, known: Known | None = None, plan: Plan | None = None) -> Iterator[dict[str, Any]]:
    """What is known of each run that has a result.json, in the order of the plan.

    The plan says what a run is for (`over`, `baseline_config`), and result.json what came of it: a run may
    serve another plan later. Without a plan it serves none.

    Args:
        folder: a recipe's, as `idim sweep` makes it.
        known: results by run_id that need not be read again; those read now are added.
        plan: None is what plan.json says; a sweep at work has its own, as another may replace the file.
    """
    known = {} if known is None else known
    for planned in _planned(folder) if plan is None else plan:
        run_id = planned["run_id"]
        result = known.get(run_id) or _readable(folder / RUNS / run_id)
        if result is not None:
            known[run_id] = result
            yield _serving(result, planned)


def _serving(result: Mapping[str, Any], planned: Mapping[str, Any]) -> dict[str, Any]:
    """A run's result with what it is for; that nothing asked for it leaves what its coordinates may be."""
    return {**result, "over": result.get("coords") or {}, **planned}


def _readable(run_folder: Path) -> dict[str, Any] | None:
    """A run's result; None, with a warning, where it is damaged or another run's: the others can be read."""
    try:
        result = read_result(run_folder)
    except FileError as error:
        _log.warning("%s; the run is left out (%s)", error.message, error.hint)
        return None
    if result is not None and (why := misplaced(result, run_folder.name)):
        _log.warning("%s %s; the run is left out (delete it and run again)", run_folder / RESULT, why)
        return None
    return result


def misplaced(result: Mapping[str, Any], run_id: str) -> str:
    """Why a result is not that of the run called `run_id`, in words; empty if it is."""
    named = _RUN_ID.fullmatch(run_id)
    if named is None:  # a folder of another name, such as a copy's
        return ""
    if result["run_id"] != run_id:
        return f"is the result of another run, {result['run_id']}"
    seeds = (result.get(f"seed_{name}") for name in ("theta0", "projector", "data"))
    if named["seeds"] != ".".join(str(seed) for seed in seeds if seed is not None):
        return "has other seeds than its run"
    return "" if named["d"] in (None, str(result.get("d"))) else f"has d = {result.get('d')}, unlike its run"


def is_run_id(name: str) -> bool:
    """Whether `idim` calls runs so; a folder that was copied may have any name."""
    return _RUN_ID.fullmatch(name) is not None


def unplanned(folder: Path, plan: Plan) -> list[str]:
    """The run_ids of the runs below `folder` that have a result, and no place in the plan."""
    planned = {run["run_id"] for run in plan}
    names = (path.parent.name for path in (folder / RUNS).glob(f"*/{RESULT}"))
    return sorted(name for name in names if name not in planned)


def readable(folder: Path, run_ids: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The results of these runs below `folder`, but for those that cannot be read, of which it warns."""
    found = (_readable(folder / RUNS / run_id) for run_id in run_ids)
    return (result for result in found if result is not None)


def progress(folder: Path) -> tuple[int, int]:
    """How many runs of the plan below `folder` have ended, and how many there are; 0 of 0 without one."""
    try:
        planned = {run["run_id"] for run in _plan(folder) or ()}
    except FileError:  # the table says so
        planned = set()
    return sum((folder / RUNS / run_id / RESULT).is_file() for run_id in planned), len(planned)


def plan_text(recipe: str, runs: Plan) -> str:
    """The content of plan.json."""
    return json.dumps({"recipe": recipe, "runs": [dict(run) for run in runs]}, indent=1) + "\n"


def read_result(run_folder: Path) -> dict[str, Any] | None:
    """The content of a run's result.json; None when the run has not ended.

    Raises:
        FileError: the file is not what `idim` wrote.
    """
    path = run_folder / RESULT
    try:
        return sound_result.parsed(bounded.read_bytes(path, _MOST[RESULT]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except FileError as error:
        raise FileError(str(error), "delete it and run again") from error
    except OSError as error:
        raise FileError(f"cannot read {path}: {error}", "delete it and run again") from error
    except ValueError as error:
        raise FileError(f"{path} is not the result of a run: {error}", "delete it and run again") from error


def metrics(run_folder: Path) -> list[dict[str, float]]:
    """The learning curve of a run so far: the figures of each evaluation, without those that are empty.

    Empty before the first evaluation; also when the run is still being trained.
    """
    try:
        text = bounded.read_bytes(run_folder / METRICS, _MOST[METRICS]).decode()
        whole = text[: text.rfind("\n") + 1]  # a line that is being written is left for the next time
        if (text.partition("\n")[0].count(",") + 1) * whole.count("\n") > _CELLS:
            raise ValueError(f"it has more than {_CELLS:,} cells")
        return [
            {name: float(cell) for name, cell in row.items() if cell}
            for row in csv.DictReader(whole.splitlines())
        ]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (FileError, OSError, ValueError, TypeError, csv.Error) as error:
        _log.warning("cannot read %s: %s; the learning curve is left out", run_folder / METRICS, error)
        return []


def write_result(run_folder: Path, result: Mapping[str, Any]) -> None:
    """Write a run's result.json."""
    write_atomic(run_folder / RESULT, json.dumps(result, indent=2, allow_nan=False) + "\n")


def discard(run_folder: Path) -> None:
    """Remove result and checkpoint of a run that is to be made again, unless a process is at work on it."""
    with contextlib.suppress(HeldError), sole_writer(run_folder):
        for name in (RESULT, CHECKPOINT):
            (run_folder / name).unlink(missing_ok=True)


def write_csv(folder: Path, known: Known | None = None, plan: Plan | None = None) -> Path:
    """Write results.csv of a results folder anew; returns its path. For `known` and `plan` see `finished`."""
    path = folder / TABLE
    update(path, to_csv(table(folder, known, plan)))
    return path


def to_csv(frame: pd.DataFrame) -> str:
    """A table of runs as text, in which no cell begins as a spreadsheet's formula does."""
    words = frame.select_dtypes(["object", "string"]).columns
    shown = frame.assign(**{name: frame[name].map(foreign.shielded) for name in words})
    return str(shown.rename(columns=foreign.shielded).to_csv(index=False, lineterminator="\n"))


def holds_runs(path: Path) -> bool:
    """Whether `read` finds a table at a path: a results folder, one run's folder, or a file."""
    return (
        path.is_file() or (path / RUNS).is_dir() or any((path / name).is_file() for name in (RESULT, TABLE))
    )


def read(path: str | Path) -> pd.DataFrame:
    """The table of a results folder, of one run's folder, or of any CSV file.

    Raises:
        FileError: there is nothing of that kind at `path`.
    """
    import pandas as pd

    path = as_path(path)
    if path.is_file():
        return read_csv(path)
    if (path / RUNS).is_dir():
        return table(path)
    result = read_result(path)
    if result is not None:
        return pd.DataFrame([row(_serving(result, {}))])
    if (path / TABLE).is_file():
        return read_csv(path / TABLE)
    raise FileError(f"no results at {str(path)!r}", _near(path))


def as_path(path: object) -> Path:
    """The path that text stands for; FileError for what is neither."""
    if not isinstance(path, str | os.PathLike):
        raise FileError(f"a {type(path).__name__} is no path", "give the name of a file or folder, or a Path")
    return Path(path)


def as_folder(path: str | Path) -> Path:
    """A folder that need not be there yet; FileError if something else stands there."""
    folder = as_path(path)
    if folder.exists() and not folder.is_dir():
        raise FileError(f"{folder} is not a folder")
    return folder


def update(path: Path, text: str) -> None:
    """Write a file as `write_atomic` does, unless it says that already."""
    if not says(path, text):
        write_atomic(path, text)


def says(path: Path, text: str) -> bool:
    """Whether this is the content of a file."""
    try:
        content = text.encode()
        return bounded.read_bytes(path, len(content)) == content
    except (OSError, FileError):
        return False


def write_atomic(path: Path, content: bytes | str, *, durable: bool = True) -> None:
    """Write a file so that a reader, or a crash, meets the old content or the new, never a part.

    `durable` waits for the disk: the content then outlives a power failure too.
    """
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.errno is not None:  # name the file that was asked for
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def clear_temporaries(folder: Path, seconds: float = 0.0) -> None:
    """Remove what writers that were killed have left: temporary files that are so old."""
    now = time.time()
    for path in folder.glob(".*.tmp"):
        with contextlib.suppress(OSError):  # its writer may have come to its end
            if now - path.stat().st_mtime >= seconds:
                path.unlink()


@contextlib.contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold a run's folder, by a lock on its log; the lock falls with the process, however that ends.

    Raises:
        HeldError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in (LOG, METRICS):  # what is written to: a pipe would wait for a reader
        if (folder / name).exists() and not (folder / name).is_file():
            raise FileError(f"{folder / name} is not a regular file", "remove it")
    with (folder / LOG).open("a") as file:
        _lock(file, folder)
        clear_temporaries(folder)
        yield


def _lock(file: IO[str], folder: Path) -> None:
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        hint = "wait until it has ended, or give another --out"
        raise HeldError(f"another process is at work in {folder}", hint) from error
    except OSError:  # a file system without locks
        return


def _planned(folder: Path) -> list[dict[str, Any]]:
    """The runs of the plan; without one that can be read all that lie there, which then serve none."""
    try:
        if (plan := _plan(folder)) is not None:
            return plan
    except FileError as error:
        _log.warning(
            "%s; all runs of the folder are read, as no plan says what for (%s)", error.message, error.hint
        )
    names = sorted(path.name for path in (folder / RUNS).glob("*") if path.is_dir())
    return [{"run_id": name, "baseline_config": None} for name in names]


def _plan(folder: Path) -> list[dict[str, Any]] | None:
    """The runs that plan.json names; None if it is not there, FileError if it is damaged."""
    try:
        runs = _runs_of(foreign.loads(bounded.read_bytes(folder / PLAN, _MOST[PLAN])))
        return [run for run in runs if _is_inside(run["run_id"])]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, FileError) as error:
        again = "run the same `idim sweep` again: it trains nothing twice, and writes the plan anew"
        raise FileError(f"{folder / PLAN} is damaged: {error}", again) from error


def _runs_of(plan: Any) -> list[dict[str, Any]]:
    """The runs of the content of plan.json; ValueError if that is none."""
    runs = plan.get("runs") if isinstance(plan, dict) else None
    if not isinstance(runs, list) or not all(isinstance(run, dict) for run in runs):
        raise ValueError("it holds no list of runs")
    return [_sound_plan({key: run[key] for key in _PLANNED}) for run in runs]


def _is_inside(run_id: str) -> bool:
    """Whether this names a folder below ``runs``: a plan from anywhere must not lead elsewhere."""
    fits = len(run_id) <= _NAME and not set(run_id) & {"/", "\\", "\0"}
    if fits and run_id not in ("", ".", ".."):
        return True
    _log.warning("%s names a run %r, which is no folder's name; it is left out", PLAN, run_id)
    return False


def _sound_plan(run: dict[str, Any]) -> dict[str, Any]:
    """One run of a plan; ValueError if it is none."""
    for name, kind in (("run_id", str), ("over", dict | None), ("baseline_config", str | None)):
        if not isinstance(run[name], kind):
            raise ValueError(f"{name} is a {type(run[name]).__name__}")
    return run


def _columns(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """The columns of all results together: fixed ones in their places, others as they first appear."""
    over = [key for result in results for key in result.get("over") or {}]
    metrics = [key for result in results for key in result.get("metrics") or {}]
    # A key such as "projector" may be swept over and is a fixed column already.
    return list(dict.fromkeys([*_HEAD, *over, *_BODY, *metrics, *_TAIL]))


def _counts(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys of ``sweep.over`` that have whole numbers alone."""
    found: dict[str, set[type]] = {}
    for key, value in (pair for result in results for pair in (result.get("over") or {}).items()):
        fits = type(value) is not int or abs(value) < 2**63  # as a column can hold it
        found.setdefault(key, set()).add(type(value) if fits else str)
    return [key for key, types in found.items() if types == {int} and key not in _HEAD]


def _cell(value: Any) -> Any:
    """A value of ``sweep.over`` as one cell: numbers and words as they are, others as JSON."""
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else value


def _whole(values: list[Any]) -> pd.Series[Any]:
    """Whole numbers as such, also where some are unknown: as decimals, large seeds would lose digits."""
    import pandas as pd

    if None in values:
        return pd.Series(values, dtype="Int64")
    return pd.Series(values, dtype=object).infer_objects()


def _near(path: Path) -> str:
    below = [child for child in path.glob("*") if (child / RUNS).is_dir()] if path.is_dir() else []
    if below:
        return f"it holds results of several recipes: {', '.join(str(p) for p in sorted(below))}"
    tables = sorted(str(child) for child in path.glob("*.csv")) if path.is_dir() else []
    if tables:
        more = ", ..." if len(tables) > _NAMED else ""
        return f"it holds CSV files, of which one can be read: {', '.join(tables[:_NAMED])}{more}"
    others = [child.name for child in path.parent.glob("*") if child.name != path.name]
    near = difflib.get_close_matches(path.name, others, n=2)
    return f"did you mean {' or '.join(near)}?" if near else "a results folder is made by `idim sweep`"
