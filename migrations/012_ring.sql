-- The ring: keys are spread over several logs, and entries of a kind of their own say which slots a log's keys are in
-- from there on. After such an entry the log takes no write of a node that has not told that it has seen the entry: by
-- what the node knew before, it may send a key that the entry has given away.

-- As in 009_sites.sql: no step of a checkpoint runs from here to the commit.
SELECT pg_advisory_xact_lock(x'6b767320636b7074'::bigint);
LOCK TABLE checkpoint_entries, writers, end_of_log, log_head, transactions IN ACCESS EXCLUSIVE MODE;

ALTER TABLE transactions DROP CONSTRAINT known_event_type;
-- Not checked for the rows there are, all of which are of the kinds before.
ALTER TABLE transactions ADD CONSTRAINT known_event_type CHECK (event_type IN (1, 2, 3, 4, 5)) NOT VALID;
COMMENT ON COLUMN transactions.event_type IS
  '1 = DELETE, 2 = PUT, 3 = a site joins the group, 4 = a site leaves it, 5 = what the log owns of a ring';

ALTER TABLE log_head ADD COLUMN ring_sequence bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN log_head.ring_sequence IS 'the last entry with event_type 5; 0 for none; it does not change with other appends';
ALTER TABLE writers ADD COLUMN ring_seen bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN writers.ring_seen IS
  'the session has applied the entries with event_type 5 through this sequence; below log_head.ring_sequence, it may not append';

-- Slot of a key, as kvs/core/ring/key-slot.ts has it: the MD5 of its UTF-8 bytes as an integer, modulo 10,000, taken
-- over words of 32 bits. The prefix of the keys of the dialect with /route does not count.
CREATE FUNCTION slot_of(key text) RETURNS integer LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  digest  text := md5(CASE WHEN starts_with(key, 'route/') THEN substr(key, 7) ELSE key END);
  slot    bigint := 0;
BEGIN
  FOR word IN 0 .. 3 LOOP
    slot := (slot * 4294967296 + ('x' || substr(digest, 8 * word + 1, 8))::bit(32)::bigint) % 10000;
  END LOOP;
  RETURN slot;
END $$;

-- 009_sites.sql says what it does. Raises KVS02 where the writer's session has not told of the last entry on the ring.
CREATE OR REPLACE FUNCTION begin_append(
  of_writer uuid, of_session uuid, after_number bigint, last_number bigint, floor bigint,
  OUT writer integer, OUT sequence bigint, OUT recorded_at timestamptz, OUT digest bytea, OUT stamp bigint
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  ignored           text := begin_change();
  number_of_writer  integer;
  unseen            bigint;
  writer_of_last    integer;
  newest            bigint;
  flaw              text;
BEGIN
  IF last_number <= after_number THEN
    RAISE EXCEPTION 'a batch ends in the number %, and the last one ended in %', last_number, after_number USING ERRCODE = 'KVS01';
  END IF;
  -- Both rows are as of when their locks were granted: an entry on the ring that this waited for is noticed.
  SELECT number, CASE WHEN ring_seen < ring_sequence THEN ring_sequence END INTO number_of_writer, unseen
  FROM writers, log_head WHERE id = of_writer AND session = of_session FOR UPDATE OF writers, log_head;
  IF NOT FOUND THEN
    IF NOT EXISTS (SELECT FROM log_head) THEN RAISE EXCEPTION 'its row in log_head is gone' USING ERRCODE = 'KVS01'; END IF;
    IF NOT EXISTS (SELECT FROM writers WHERE id = of_writer) THEN
      RAISE EXCEPTION 'this node’s row in writers is gone' USING ERRCODE = 'KVS01';
    END IF;
    RETURN;
  ELSIF unseen IS NOT NULL THEN
    RAISE EXCEPTION 'this node has not seen the entry %, which is on the ring', unseen USING ERRCODE = 'KVS02';
  END IF;

  -- In a snapshot from after the locks were granted: it has all that was committed before. The view says the same, at twice the cost.
  SELECT sequence, recorded_at, digest, writer, write_number, coalesce(highest_stamp, stamp_of(stamp, recorded_at))
  INTO sequence, recorded_at, digest, writer_of_last, newest, stamp
  FROM transactions ORDER BY sequence DESC LIMIT 1;
  IF newest IS NULL THEN
    SELECT flaw, sequence, recorded_at, digest INTO flaw, sequence, recorded_at, digest FROM end_of_log;
    IF flaw IS NOT NULL THEN RAISE EXCEPTION '%', flaw USING ERRCODE = 'KVS01'; END IF;
  END IF;
  IF writer_of_last IS DISTINCT FROM number_of_writer THEN
    SELECT write_number INTO newest FROM transactions WHERE writer = number_of_writer AND write_number IS NOT NULL
    ORDER BY write_number DESC LIMIT 1;
  END IF;
  IF coalesce(newest, 0) <> after_number THEN
    RAISE EXCEPTION 'the last write of this node in it has the number %, and not %', coalesce(newest, 0), after_number
      USING ERRCODE = 'KVS01';
  END IF;
  writer := number_of_writer;
  recorded_at := greatest(recorded_at, clock_timestamp());
  stamp := greatest(stamp + 1, floor + 1, (extract(epoch FROM recorded_at) * 1000000)::bigint);
END $$;

-- 005_append_only_head.sql says what it does. The session counts as one that has seen the entries on the ring up to
-- now: it reads the newest one next, before it appends. One that is appended meanwhile fences it.
CREATE OR REPLACE FUNCTION register_writer(
  of_writer uuid, new_session uuid, old_session uuid,
  OUT number integer, OUT last_write bigint, OUT last_sequence bigint, OUT last_digest bytea
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  ignored           text := begin_change();
  ring              bigint := coalesce((SELECT ring_sequence FROM log_head), 0);
  number_of_writer  integer;
BEGIN
  IF old_session IS NULL THEN
    INSERT INTO writers (id, session, ring_seen) VALUES (of_writer, new_session, ring)
    ON CONFLICT (id) DO NOTHING RETURNING writers.number INTO number_of_writer;
  ELSE
    UPDATE writers SET session = new_session, ring_seen = ring WHERE id = of_writer AND session = old_session
    RETURNING writers.number INTO number_of_writer;
  END IF;
  IF number_of_writer IS NULL THEN RETURN; END IF;
  -- In a snapshot from after the row was waited for
  SELECT write_number, sequence, digest INTO last_write, last_sequence, last_digest
  FROM transactions WHERE writer = number_of_writer AND write_number IS NOT NULL
  ORDER BY write_number DESC LIMIT 1;
  number := number_of_writer;
  last_write := coalesce(last_write, 0);
  last_sequence := coalesce(last_sequence, 0);
  last_digest := coalesce(last_digest, '');
  -- What append_conditional has passed over, where numbers have gaps
  DELETE FROM answers WHERE answers.number <= (SELECT max(answers.number) FROM answers) - 100000;
END $$;

-- Notes that a session has applied the entries on the ring through a sequence; never lowers it. Does nothing where
-- another session is registered for the writer.
CREATE FUNCTION see_ring(of_writer uuid, of_session uuid, through bigint) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  ignored  text := begin_change();
BEGIN
  UPDATE writers SET ring_seen = through WHERE id = of_writer AND session = of_session AND ring_seen < through;
END $$;

-- Appends an entry on the ring, as a batch of its own, unless something that it is based on has changed.
--   seen         what the entry is based on
--   vacated_*    ranges of slots that the log had, and that the entry gives away
--   outcome      'landed', with the log's end; 'overtaken': after `seen` there is another entry on the ring, or one
--                that gave a value to a key of the slots given away, and nothing was stored; 'fenced': another session
--                is registered
-- The writer of these entries has nothing else to append, so that no such entry keeps it from appending.
CREATE FUNCTION append_ring(
  of_writer uuid, of_session uuid, after_number bigint, last_number bigint,
  entry text, seen bigint, vacated_from integer[], vacated_through integer[],
  OUT outcome text, OUT sequence bigint, OUT digest bytea, OUT recorded_at timestamptz, OUT stamp bigint
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  at       record;
  ignored  text := begin_change();
BEGIN
  UPDATE writers SET ring_seen = 9223372036854775807
  WHERE id = of_writer AND session = of_session AND ring_seen < 9223372036854775807;
  at := begin_append(of_writer, of_session, after_number, last_number, NULL);
  IF at.writer IS NULL THEN
    outcome := 'fenced';
    RETURN;
  END IF;
  IF EXISTS (SELECT FROM log_head WHERE ring_sequence > seen) OR EXISTS (
    SELECT FROM transactions AS later, unnest(vacated_from, vacated_through) AS vacated (from_slot, through_slot)
    WHERE later.sequence > seen AND later.sequence <= at.sequence AND later.event_type = 2 AND NOT later.superseded
      AND slot_of(later.key) BETWEEN from_slot AND through_slot
  ) THEN
    outcome := 'overtaken';
    RETURN;
  END IF;

  digest := next_digest(at.digest, of_session, last_number);
  sequence := at.sequence + 1;
  recorded_at := at.recorded_at;
  stamp := at.stamp;
  INSERT INTO transactions (sequence, event_type, key, recorded_at, stamp, digest, superseded, writer, write_number)
  VALUES (append_ring.sequence, 5, entry, at.recorded_at, at.stamp, append_ring.digest, false, at.writer, last_number);
  UPDATE log_head SET ring_sequence = append_ring.sequence;
  ignored := notify_of_append();
  outcome := 'landed';
END $$;

-- Two functions know kinds by their numbers. The rest of them is as it was.
DO $$
DECLARE
  change      record;
  definition  text;
BEGIN
  FOR change IN
    SELECT * FROM (VALUES
      -- 011_forgotten_deletes.sql: entries on the ring are known, and no keys.
      ('advance_checkpoint', 'event_type NOT IN (1, 2, 3, 4)', 'event_type NOT IN (1, 2, 3, 4, 5)'),
      -- 010_foreign_ranking.sql: nor are they about members.
      ('append_foreign', 'AND entry.event_type > 2 AND', 'AND entry.event_type IN (3, 4) AND')
    ) AS changes (function, old, new)
  LOOP
    definition := pg_get_functiondef(change.function::regproc);
    IF position(change.old IN definition) = 0 THEN
      RAISE EXCEPTION 'the function % is not as this program has made it', change.function;
    END IF;
    EXECUTE replace(definition, change.old, change.new);
  END LOOP;
END $$;
