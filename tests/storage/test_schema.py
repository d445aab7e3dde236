from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, create_engine, event
from sqlalchemy.engine import Engine

from inspector_app.core.errors import KeeperError
from inspector_app.core.protocols import HistoryFilter
from inspector_app.storage import schema
from inspector_app.storage.store import SqlRecordStore
from inspector_app.storage.tables import Base
from tests.makers import START, FakeClock, make_result

ALL = HistoryFilter()
NOW = schema.HEAD
LATER = f"{int(schema.HEAD) + 1:04}"
NEXT = f'''
"""A column and a rebuilt table."""
import sqlalchemy as sa
from alembic import op
revision = "{LATER}"
down_revision = "{schema.HEAD}"

def upgrade():
    with op.batch_alter_table("inspections", recreate="always") as table:
        table.add_column(sa.Column("shift", sa.Text(), nullable=False, server_default="early"))
'''


def opened(path: Path, timeout: int = 5_000) -> SqlRecordStore:
    return SqlRecordStore(path, FakeClock(), "0.1", busy_timeout_ms=timeout)


def filled(path: Path) -> None:
    store = opened(path)
    store.add([make_result(serial="S1")], [None])
    store.close()


def sql(path: Path, *statements: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        rows = [row for statement in statements for row in connection.execute(statement)]
        connection.commit()
        return rows


def newer_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str = "") -> None:
    """From now on the program has one more migration."""
    scripts = tmp_path / "scripts"
    shutil.copytree(Path(schema.__file__).parent / "migrations", scripts)
    (scripts / "versions" / f"v{LATER}_shift.py").write_text(NEXT + more)
    usual = schema.alembic_config

    def config() -> Config:
        made = usual()
        made.set_main_option("script_location", str(scripts))
        return made

    monkeypatch.setattr(schema, "alembic_config", config)
    monkeypatch.setattr(schema, "HEAD", LATER)


def test_models_and_migrations_agree(database: Path) -> None:
    opened(database).close()
    engine = create_engine(f"sqlite:///{database}", poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []
    scripts = ScriptDirectory.from_config(schema.alembic_config())
    assert scripts.get_heads() == [schema.HEAD]
    assert [script.revision for script in scripts.walk_revisions()] == sorted(
        (script.revision for script in scripts.walk_revisions()), reverse=True
    )


def test_the_database_is_kept_as_it_must_be(database: Path, store: SqlRecordStore) -> None:
    assert sql(database, "PRAGMA journal_mode") == [("wal",)]
    with store._database.writing() as session:
        connection = session.connection()
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 10_000


def test_an_older_database_is_copied_then_upgraded(
    tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(database)
    newer_app(tmp_path, monkeypatch)
    store = opened(database)
    assert [record.identity.serial for record in store.iterate(ALL)] == ["S1"]
    assert store.check() == []
    store.close()
    assert sql(database, "SELECT shift FROM inspections", "SELECT version_num FROM alembic_version") == [
        ("early",),
        (LATER,),
    ]
    [copy] = database.parent.glob(f"*.before-{LATER}-*")
    assert sql(copy, "SELECT version_num FROM alembic_version", "SELECT serial FROM inspections") == [
        (NOW,),
        ("S1",),
    ]


def test_records_of_the_first_schema_are_kept(database: Path) -> None:
    store = opened(database)
    (record,) = store.add([make_result(serial="S1")], [None])
    store.close()
    sql(
        database,
        "DROP TABLE other_goldens",
        "ALTER TABLE change_maps DROP COLUMN in_test_frame",
        "UPDATE alembic_version SET version_num = '0001'",
    )
    store = opened(database)
    assert store.get(record.id) == record
    change_map = store.get_map(record.id)
    assert change_map is not None
    assert not change_map.in_test_frame
    assert store.check() == []
    store.close()


def test_a_failed_upgrade_leaves_the_database_as_it_was(
    tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(database)
    newer_app(tmp_path, monkeypatch, "    op.execute('INSERT INTO nowhere VALUES (1)')\n")
    with pytest.raises(Exception, match="nowhere"):
        opened(database)
    assert sql(database, "SELECT version_num FROM alembic_version") == [(NOW,)]
    assert "shift" not in [row[1] for row in sql(database, "PRAGMA table_info(inspections)")]


def refused(path: Path, timeout: int = 5_000) -> KeeperError:
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(KeeperError) as caught:
        opened(path, timeout)
    assert not before or path.read_bytes() == before
    return caught.value


def test_a_newer_database_is_refused_and_untouched(database: Path) -> None:
    filled(database)
    sql(database, "UPDATE alembic_version SET version_num = '0099'")
    assert refused(database).code == "database_newer"


def test_another_programs_database_is_refused_and_untouched(database: Path) -> None:
    sql(database, "CREATE TABLE inspections (id INTEGER)")
    assert refused(database).code == "database_foreign"


@pytest.mark.parametrize("data", [b"hello, world, this is text", b"\x00" * 8192])
def test_a_file_that_is_no_database_is_refused_and_untouched(database: Path, data: bytes) -> None:
    database.write_bytes(data)
    assert refused(database).code == "database_damaged"


def test_a_database_with_rubbish_in_it_is_damaged(database: Path) -> None:
    filled(database)
    data = bytearray(database.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    database.write_bytes(data)

    def read() -> None:
        with contextlib.closing(opened(database)) as store:
            store.search(ALL)

    with pytest.raises(KeeperError) as caught:
        read()
    assert caught.value.code == "database_damaged"
    assert database.read_bytes() == data


def test_a_map_with_rubbish_in_it_is_damaged(database: Path) -> None:
    filled(database)
    sql(database, "UPDATE change_maps SET png = x'00ff'")
    store = opened(database)
    with pytest.raises(KeeperError) as caught:
        store.get_map(1)
    store.close()
    assert caught.value.code == "database_damaged"


def test_a_locked_database_is_told_and_nothing_is_written(database: Path) -> None:
    store = opened(database, timeout=50)
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(KeeperError) as caught:
            store.add([make_result()], [None])
        assert caught.value.code == "database_locked"
        assert store.search(ALL) == []
        other.execute("ROLLBACK")
    assert len(store.add([make_result()], [None])) == 1
    store.close()


def add_without_end(store: SqlRecordStore) -> None:
    for seed in range(100):
        store.add([make_result(seed=seed, size=256) for _ in range(4)], [None] * 4)


def test_a_full_disk_is_told_and_nothing_is_written(database: Path) -> None:
    def limit(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA max_page_count = 80")

    store = opened(database)
    store.close()
    event.listen(Engine, "connect", limit)
    try:
        store = opened(database)
        with pytest.raises(KeeperError) as caught:
            add_without_end(store)
        assert caught.value.code == "disk_full"
        count = store.counters(ALL).total
        assert count % 4 == 0
        assert store.check() == []
        store.close()
    finally:
        event.remove(Engine, "connect", limit)
    store = opened(database)
    assert store.counters(ALL).total == count
    store.add([make_result()], [None])
    store.close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert refused(tmp_path / "file" / "records.sqlite3").code == "file_not_written"


def test_a_folder_in_place_of_the_database_is_told(database: Path) -> None:
    database.mkdir()
    assert refused(database).code in {"folder_not_writable", "file_not_written"}


def test_odd_folder_names(tmp_path: Path) -> None:
    path = tmp_path / "50% of #1? & more" / "récords.sqlite3"
    filled(path)
    assert path.is_file()


WORKER = """
import sys
from pathlib import Path
from inspector_app.storage.store import SqlRecordStore
from tests.makers import FakeClock, make_result
store = SqlRecordStore(Path(sys.argv[1]), FakeClock(), "0.1")
for _ in range(10):
    store.add([make_result(serial="S")], [None])
store.close()
"""


def test_two_processes_open_and_add_at_once(database: Path) -> None:
    root = Path(__file__).parents[2]
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, str(database)], cwd=root, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for worker in workers:
        _, said = worker.communicate(timeout=60)
        assert worker.returncode == 0, said.decode()
    store = opened(database)
    assert sorted(record.attempt for record in store.iterate(ALL)) == list(range(1, 21))
    assert store.check() == []
    store.close()


class _Busy:
    """A connection whose first calls meet another process."""

    def __init__(self, times: int) -> None:
        self.left = times

    def execute(self, _statement: str) -> None:
        if self.left:
            self.left -= 1
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error


def test_who_turns_the_log_on_second_tries_again_until_the_timeout() -> None:
    busy = _Busy(3)
    schema._turn_log_on(busy, 5000)  # type: ignore[arg-type]
    assert busy.left == 0
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        schema._turn_log_on(_Busy(1000), 50)  # type: ignore[arg-type]


def test_an_up_to_date_database_opens_without_alembic(database: Path) -> None:
    filled(database)
    code = "import sys\n" + WORKER + "assert 'alembic' not in sys.modules"
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code, str(database)], cwd=root, check=True, timeout=60)


def test_prepare_is_given_the_time(database: Path) -> None:
    schema.prepare(database, START, 1_000)
    assert sql(database, "SELECT version_num FROM alembic_version") == [(schema.HEAD,)]
