-- Keys move between the logs of a ring. A value that has moved keeps the version that it had in the log that it was
-- first written in, so that clients go on knowing it by its tag and its time. What moves keys deletes copies as well,
-- by entries that have a version in the same way: no client asked for them.

-- As in 009_sites.sql: no step of a checkpoint runs from here to the commit.
SELECT pg_advisory_xact_lock(x'6b767320636b7074'::bigint);
LOCK TABLE checkpoint_entries, writers, end_of_log, log_head, transactions IN ACCESS EXCLUSIVE MODE;

ALTER TABLE transactions ADD COLUMN earlier_version  text;
COMMENT ON COLUMN transactions.earlier_version IS
  'where the key moved between logs by this entry: the version that the value had before, or that a deleted copy had, as TAG@MILLISECONDS; else null';
ALTER TABLE checkpoint_entries ADD COLUMN earlier_version  text;

-- 009_sites.sql says what it does; `earlier_version` is new. The hash of a row without one is as it was, so that a
-- checkpoint from before goes on. A program of the version before gets no answer, and replays the log.
DROP FUNCTION checkpoint_hash(
  bigint, boolean, text, bytea, text, bytea, timestamptz, timestamptz, bigint, text, text
);
CREATE FUNCTION checkpoint_hash(
  sequence bigint, lives boolean, key text, value bytea, content_type text, digest bytea, recorded_at timestamptz,
  deadline timestamptz, stamp bigint, origin text, dependency text, earlier_version text
) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT hash_record_extended(
    ROW(lives, key, value, content_type, digest, recorded_at, deadline, stamp, origin, dependency), sequence
  ) # coalesce(hashtextextended(earlier_version, sequence), 0)
$$;

-- The function is volatile, so that it sees what the calling statement's append has waited for; null for no version.
CREATE FUNCTION earlier_version_at(of_sequence bigint) RETURNS text LANGUAGE plpgsql VOLATILE STRICT AS $$
BEGIN
  RETURN (SELECT earlier_version FROM transactions WHERE sequence = of_sequence);
END $$;

-- Appends the entries by which keys move as one batch, in this order.
--   ring_entry  the entry on the ring that the caller goes by
--   outcome     'landed', with the log's end; 'overtaken': the newest entry on the ring is another one, and nothing was
--               stored; 'fenced': another session is registered
-- All else is as in append_writes. The writer of these entries goes by `ring_entry`, and so no entry on the ring keeps
-- it from appending in another way.
CREATE FUNCTION append_moved(
  of_writer uuid, of_session uuid, after_number bigint, last_number bigint, ring_entry bigint,
  event_types smallint[], keys text[], put_values bytea[], content_types text[], deadlines timestamptz[],
  dependencies text[], floor bigint, earlier_versions text[],
  OUT outcome text, OUT sequence bigint, OUT digest bytea, OUT recorded_at timestamptz, OUT stamp bigint
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  at       record;
  entries  bigint := cardinality(keys);
  ignored  text := begin_change();
BEGIN
  UPDATE writers SET ring_seen = 9223372036854775807
  WHERE id = of_writer AND session = of_session AND ring_seen < 9223372036854775807;
  at := begin_append(of_writer, of_session, after_number, last_number, floor);
  IF at.writer IS NULL THEN
    outcome := 'fenced';
    RETURN;
  END IF;
  IF EXISTS (SELECT FROM log_head WHERE ring_sequence <> ring_entry) THEN
    outcome := 'overtaken';
    RETURN;
  END IF;

  digest := next_digest(at.digest, of_session, last_number);
  INSERT INTO transactions
    (sequence, event_type, key, value, content_type, deadline, dependency, earlier_version, recorded_at, stamp, digest,
     superseded, writer, write_number)
  SELECT at.sequence + place, entry.event_type, entry.key, entry.value, entry.content_type, entry.deadline,
         entry.dependency, entry.earlier_version, at.recorded_at, at.stamp, append_moved.digest, false, at.writer,
         CASE WHEN place = entries THEN last_number END
  FROM unnest(event_types, keys, put_values, content_types, deadlines, dependencies, earlier_versions)
    WITH ORDINALITY AS entry (event_type, key, value, content_type, deadline, dependency, earlier_version, place);
  ignored := notify_of_append();
  outcome := 'landed';
  sequence := at.sequence + entries;
  recorded_at := at.recorded_at;
  stamp := at.stamp;
END $$;

-- 012_ring.sql says what it does. Under its old name a program of the version before asks for it, which would misread
-- the entries above. They come after an entry on the ring alone: at that one it gets no answer, and connects anew to a
-- schema that it refuses.
ALTER FUNCTION see_ring(uuid, uuid, bigint) RENAME TO note_ring_seen;

-- Two functions look at these versions. The rest of them is as it was.
DO $$
DECLARE
  change      record;
  definition  text;
BEGIN
  FOR change IN
    SELECT * FROM (VALUES
      -- 009_sites.sql: no client asked for what a mover has deleted, and a spooled write of the key stays.
      ('append_writes', 'AND entry.origin IS NULL',
       'AND (entry.event_type <> 1 OR entry.earlier_version IS NULL) AND entry.origin IS NULL'),
      -- 011_forgotten_deletes.sql: the checkpoint has them.
      ('advance_checkpoint', 'stamp, origin, dependency', 'stamp, origin, dependency, earlier_version'),
      ('advance_checkpoint', 'entry.dependency)', 'entry.dependency, entry.earlier_version)'),
      ('advance_checkpoint', 'latest.dependency)', 'latest.dependency, latest.earlier_version)'),
      ('advance_checkpoint', 'old.dependency)', 'old.dependency, old.earlier_version)'),
      ('advance_checkpoint', 'dependency = change.dependency',
       'dependency = change.dependency, earlier_version = change.earlier_version')
    ) AS changes (function, old, new)
  LOOP
    definition := pg_get_functiondef(change.function::regproc);
    IF position(change.old IN definition) = 0 THEN
      RAISE EXCEPTION 'the function % is not as this program has made it', change.function;
    END IF;
    EXECUTE replace(definition, change.old, change.new);
  END LOOP;
END $$;
