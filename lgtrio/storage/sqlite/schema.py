"""The tables, as a list of migrations; never edit one that has been released, add the next.

Habits of this schema:

- Rows with blobs live in ordinary (rowid) tables: measured with checkpoints of 0.7 to 4 KB,
  `WITHOUT ROWID` made inserts 2 to 3 times slower and reading the latest one 2 times.
- What is large and what changes often are in different tables: SQLite writes a whole row again
  when its length changes, and a status must not drag megabytes of values or input along.
- `seq` columns are rowids. They give the order of creation, whatever the wall clock did.
- Active runs have partial indexes; a query uses them by saying `status IN ('pending', 'running')`
  literally.
- The journal refers to runs and threads that may be gone. Checkpoints may belong to threads
  that were never made here (a checkpointer used alone). So there are no foreign keys; what goes
  with a thread or a run is deleted by triggers, within the one statement that deletes its row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from lgtrio.storage.sqlite import assistant_search, crons, thread_search
from lgtrio.storage.sqlite.items import ITEM_VALUES
from lgtrio.storage.sqlite.thread_values import VALUES_INDEX, searchable


@frozen
class Migration:
    """One step of the schema; its place in `MIGRATIONS`, counted from 1, is its number."""

    name: str
    statements: Sequence[str]


_RECORDS: Final = (
    """
    CREATE TABLE assistants (
        assistant_id TEXT NOT NULL PRIMARY KEY,
        graph_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        name TEXT NOT NULL,
        description TEXT,
        config BLOB NOT NULL,
        context BLOB NOT NULL,
        metadata TEXT NOT NULL,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX assistants_by_graph ON assistants (graph_id)",
    """
    CREATE TABLE assistant_versions (
        assistant_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        graph_id TEXT NOT NULL,
        name TEXT NOT NULL,
        description TEXT,
        config BLOB NOT NULL,
        context BLOB NOT NULL,
        metadata TEXT NOT NULL,
        created_at TEXT NOT NULL,
        PRIMARY KEY (assistant_id, version)
    ) STRICT
    """,
    """
    CREATE TABLE threads (
        thread_id TEXT NOT NULL PRIMARY KEY,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        state_updated_at TEXT NOT NULL,
        metadata TEXT NOT NULL,
        config BLOB NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('idle', 'busy', 'interrupted', 'error')),
        rest_status TEXT NOT NULL CHECK (rest_status IN ('idle', 'interrupted', 'error')),
        interrupts BLOB NOT NULL,
        error BLOB
    ) STRICT
    """,
    "CREATE INDEX threads_by_status ON threads (status, updated_at)",
    "CREATE INDEX threads_by_creation ON threads (created_at)",
    "CREATE INDEX threads_by_change ON threads (updated_at)",
    """
    CREATE TABLE thread_values (
        thread_id TEXT NOT NULL PRIMARY KEY,
        value BLOB NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE runs (
        seq INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL UNIQUE,
        thread_id TEXT NOT NULL,
        assistant_id TEXT NOT NULL,
        graph_id TEXT NOT NULL,
        status TEXT NOT NULL CHECK (
            status IN ('pending', 'running', 'success', 'error', 'timeout', 'interrupted')
        ),
        multitask_strategy TEXT NOT NULL,
        metadata TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        temporary INTEGER NOT NULL,
        resumable INTEGER NOT NULL,
        not_before TEXT,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        thread_config BLOB NOT NULL,
        before BLOB
    ) STRICT
    """,
    "CREATE INDEX runs_by_thread ON runs (thread_id, seq)",
    "CREATE INDEX runs_by_status ON runs (thread_id, status, seq)",
    """
    CREATE INDEX runs_lanes ON runs (thread_id, seq, status)
        WHERE status IN ('pending', 'running')
    """,
    "CREATE INDEX runs_queue ON runs (seq) WHERE status IN ('pending', 'running')",
    # At most one running run a thread, whatever the code above does.
    "CREATE UNIQUE INDEX runs_running ON runs (thread_id) WHERE status = 'running'",
    "CREATE INDEX runs_temporary ON runs (seq) WHERE temporary = 1",
    """
    CREATE TABLE run_kwargs (
        run_id TEXT NOT NULL PRIMARY KEY,
        kwargs BLOB NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE frames (
        run_id TEXT NOT NULL,
        seq INTEGER NOT NULL,
        mode TEXT NOT NULL,
        event TEXT NOT NULL,
        data BLOB NOT NULL,
        at_ms INTEGER NOT NULL,
        PRIMARY KEY (run_id, seq)
    ) STRICT
    """,
    """
    CREATE TABLE journal (
        seq INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL,
        thread_id TEXT NOT NULL,
        assistant_id TEXT NOT NULL,
        graph_id TEXT NOT NULL,
        at TEXT NOT NULL,
        monotonic REAL NOT NULL,
        asked REAL,
        from_status TEXT,
        to_status TEXT,
        cause TEXT NOT NULL,
        actor TEXT
    ) STRICT
    """,
    "CREATE INDEX journal_by_run ON journal (run_id)",
    "CREATE INDEX journal_by_thread ON journal (thread_id)",
    "CREATE INDEX journal_by_time ON journal (at)",
    """
    CREATE TABLE meta (
        key TEXT NOT NULL PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT
    """,
)

_CHECKPOINTS: Final = (
    """
    CREATE TABLE checkpoints (
        thread_id TEXT NOT NULL,
        checkpoint_ns TEXT NOT NULL,
        checkpoint_id TEXT NOT NULL,
        parent_checkpoint_id TEXT,
        run_id TEXT,
        type TEXT NOT NULL,
        checkpoint BLOB NOT NULL,
        metadata TEXT NOT NULL,
        blob_refs TEXT,
        PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id)
    )
    """,
    "CREATE INDEX checkpoints_by_run ON checkpoints (run_id) WHERE run_id IS NOT NULL",
    """
    CREATE TABLE checkpoint_blobs (
        thread_id TEXT NOT NULL,
        checkpoint_ns TEXT NOT NULL,
        channel TEXT NOT NULL,
        version TEXT NOT NULL,
        type TEXT NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (thread_id, checkpoint_ns, channel, version)
    )
    """,
    # run_id is part of the key: what a resuming run writes onto an earlier run's checkpoint
    # can be rolled back without losing the earlier run's row. `id` is the order of writing.
    """
    CREATE TABLE checkpoint_writes (
        id INTEGER PRIMARY KEY,
        thread_id TEXT NOT NULL,
        checkpoint_ns TEXT NOT NULL,
        checkpoint_id TEXT NOT NULL,
        task_id TEXT NOT NULL,
        task_path TEXT NOT NULL DEFAULT '',
        idx INTEGER NOT NULL,
        channel TEXT NOT NULL,
        run_id TEXT NOT NULL DEFAULT '',
        type TEXT NOT NULL,
        value BLOB NOT NULL,
        UNIQUE (thread_id, checkpoint_ns, checkpoint_id, task_id, idx, run_id)
    )
    """,
    "CREATE INDEX checkpoint_writes_by_run ON checkpoint_writes (run_id) WHERE run_id <> ''",
)

_DELETES: Final = (
    """
    CREATE TRIGGER run_deleted AFTER DELETE ON runs BEGIN
        DELETE FROM run_kwargs WHERE run_id = old.run_id;
        DELETE FROM frames WHERE run_id = old.run_id;
    END
    """,
    """
    CREATE TRIGGER thread_deleted AFTER DELETE ON threads BEGIN
        DELETE FROM runs WHERE thread_id = old.thread_id;
        DELETE FROM thread_values WHERE thread_id = old.thread_id;
        DELETE FROM checkpoints WHERE thread_id = old.thread_id;
        DELETE FROM checkpoint_blobs WHERE thread_id = old.thread_id;
        DELETE FROM checkpoint_writes WHERE thread_id = old.thread_id;
    END
    """,
)

_STORE: Final = (
    """
    CREATE TABLE store_items (
        item_id INTEGER PRIMARY KEY,
        namespace TEXT NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        expires_at TEXT,
        ttl_minutes REAL,
        UNIQUE (namespace, key)
    ) STRICT
    """,
    "CREATE INDEX store_items_by_expiry ON store_items (expires_at) WHERE expires_at IS NOT NULL",
    *ITEM_VALUES.statements(),
    "CREATE TABLE store_vectors (item_id INTEGER NOT NULL, embedding BLOB NOT NULL) STRICT",
    "CREATE INDEX store_vectors_by_item ON store_vectors (item_id)",
    """
    CREATE TRIGGER store_item_deleted AFTER DELETE ON store_items BEGIN
        DELETE FROM store_vectors WHERE item_id = old.item_id;
    END
    """,
)

_THREAD_TTL: Final = (
    """
    CREATE TABLE thread_ttl (
        thread_id TEXT NOT NULL PRIMARY KEY,
        minutes REAL NOT NULL,
        strategy TEXT NOT NULL CHECK (strategy IN ('delete', 'keep_latest')),
        due_at TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX thread_ttl_by_time ON thread_ttl (due_at)",
    """
    CREATE TRIGGER thread_ttl_deleted AFTER DELETE ON threads BEGIN
        DELETE FROM thread_ttl WHERE thread_id = old.thread_id;
    END
    """,
)

_THREAD_SEARCH: Final = (
    "ALTER TABLE thread_values ADD COLUMN searchable TEXT NOT NULL DEFAULT '{}'",
    f"UPDATE thread_values SET searchable = {searchable('value')}",
    *VALUES_INDEX.statements(),
    *thread_search.METADATA_INDEX.statements(),
)

_ASSISTANT_SEARCH: Final = (
    *assistant_search.METADATA_INDEX.statements(),
    "CREATE INDEX assistants_by_creation ON assistants (created_at)",
    "CREATE INDEX assistants_by_change ON assistants (updated_at)",
    """
    CREATE TRIGGER assistant_deleted AFTER DELETE ON assistants BEGIN
        DELETE FROM assistant_versions WHERE assistant_id = old.assistant_id;
    END
    """,
)

_CRONS: Final = (
    """
    CREATE TABLE crons (
        cron_id TEXT NOT NULL PRIMARY KEY,
        assistant_id TEXT NOT NULL,
        thread_id TEXT,
        user_id TEXT NOT NULL,
        schedule TEXT NOT NULL,
        timezone TEXT,
        end_time TEXT,
        ends_at TEXT,
        payload BLOB NOT NULL,
        metadata TEXT NOT NULL,
        on_run_completed TEXT CHECK (on_run_completed IN ('delete', 'keep')),
        enabled INTEGER NOT NULL,
        next_run_date TEXT,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX crons_by_time ON crons (next_run_date, ends_at) WHERE enabled = 1",
    "CREATE INDEX crons_by_assistant ON crons (assistant_id)",
    "CREATE INDEX crons_by_thread ON crons (thread_id) WHERE thread_id IS NOT NULL",
    *crons.METADATA_INDEX.statements(),
    """
    CREATE TRIGGER crons_of_deleted_thread AFTER DELETE ON threads BEGIN
        DELETE FROM crons WHERE thread_id = old.thread_id;
    END
    """,
    """
    CREATE TRIGGER crons_of_deleted_assistant AFTER DELETE ON assistants BEGIN
        DELETE FROM crons WHERE assistant_id = old.assistant_id;
    END
    """,
)

_WEBHOOKS: Final = (
    "ALTER TABLE runs ADD COLUMN webhook TEXT",
    """
    CREATE TABLE webhooks (
        webhook_id INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL,
        url TEXT NOT NULL,
        body BLOB NOT NULL,
        attempts INTEGER NOT NULL,
        due_at TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX webhooks_by_time ON webhooks (due_at)",
)

_KEPT_STREAMS: Final = (
    """
    CREATE TABLE kept_streams (
        run_id TEXT NOT NULL PRIMARY KEY,
        thread_id TEXT NOT NULL,
        until TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX kept_streams_by_time ON kept_streams (until)",
    "DROP TRIGGER run_deleted",
    """
    CREATE TRIGGER run_deleted AFTER DELETE ON runs BEGIN
        DELETE FROM run_kwargs WHERE run_id = old.run_id;
        DELETE FROM frames WHERE run_id = old.run_id
            AND NOT EXISTS (SELECT 1 FROM kept_streams WHERE run_id = old.run_id);
    END
    """,
    """
    CREATE TRIGGER kept_stream_deleted AFTER DELETE ON kept_streams BEGIN
        DELETE FROM frames WHERE run_id = old.run_id;
    END
    """,
)

_STOPS: Final = (
    "ALTER TABLE runs ADD COLUMN stop BLOB",
    # So far the strategies of newer runs told which running ones were being displaced.
    """
    UPDATE runs SET stop = (
        SELECT CAST(json_object(
            'kind', newer.multitask_strategy, 'cause', 'displaced', 'actor', newer.run_id,
            'message', 'superseded by run ' || newer.run_id
                || ' (multitask_strategy=' || newer.multitask_strategy || ')'
        ) AS BLOB)
        FROM runs AS newer WHERE newer.thread_id = runs.thread_id AND newer.seq > runs.seq
            AND newer.multitask_strategy IN ('interrupt', 'rollback')
        ORDER BY newer.multitask_strategy = 'rollback' DESC, newer.seq LIMIT 1
    ) WHERE status = 'running'
    """,
)

MIGRATIONS: Final[Sequence[Migration]] = (
    Migration("records, checkpoints, store", (*_RECORDS, *_CHECKPOINTS, *_DELETES, *_STORE)),
    Migration("time to live and search of threads", (*_THREAD_TTL, *_THREAD_SEARCH)),
    Migration("search of assistants", _ASSISTANT_SEARCH),
    Migration("crons and webhooks", (*_CRONS, *_WEBHOOKS)),
    Migration("streams of stateless runs that have ended", _KEPT_STREAMS),
    Migration("stops of running runs", _STOPS),
)
