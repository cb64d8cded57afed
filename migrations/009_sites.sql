-- Sites: logs that take over each other's entries. An entry knows where and when it was first written, and a log takes
-- over entries of other logs at places of its own. An entry that lands is the newest of its key in this log; one that
-- is taken over is not where a newer one is there already, and has no effect then.

-- No step of a checkpoint runs from here to the commit. A start that reads the checkpoint locks its entries first, and
-- an append locks its writer first; whoever asks for the log's end locks the view first.
SELECT pg_advisory_xact_lock(x'6b767320636b7074'::bigint);
LOCK TABLE checkpoint_entries, writers, end_of_log, log_head, transactions IN ACCESS EXCLUSIVE MODE;

ALTER TABLE transactions
  ADD COLUMN stamp            bigint,
  ADD COLUMN highest_stamp    bigint,
  ADD COLUMN origin           text COLLATE "C",
  ADD COLUMN origin_sequence  bigint,
  ADD COLUMN dependency       text;
COMMENT ON COLUMN transactions.stamp IS
  'hybrid logical time in microseconds since 1970, by the log that it was first written in; null where older than this column: stamp_of';
COMMENT ON COLUMN transactions.highest_stamp IS 'the highest stamp of the log up to here; null where it is this entry''s';
COMMENT ON COLUMN transactions.origin IS 'log_id of the log that it was first written in; null where that is this one';
COMMENT ON COLUMN transactions.origin_sequence IS 'its sequence there';
COMMENT ON COLUMN transactions.dependency IS 'the position that its client had seen, where this or the other log had not; else null';
COMMENT ON COLUMN transactions.superseded IS
  'has no effect: accepted while the log was down, and overtaken by another node''s write; or taken over, and older than its key''s';

-- A group's members are entries as well, so that they reach every site as all else does: event_type 3 makes the site at
-- the address in `key` a member, 4 takes it out. They are few, and no keys of the store.
ALTER TABLE transactions DROP CONSTRAINT known_event_type;
-- Not checked for the rows there are, all of which are of the first two.
ALTER TABLE transactions ADD CONSTRAINT known_event_type CHECK (event_type IN (1, 2, 3, 4)) NOT VALID;
COMMENT ON COLUMN transactions.event_type IS '1 = DELETE, 2 = PUT, 3 = a site joins the group, 4 = a site leaves it';
CREATE INDEX transactions_of_members ON transactions (sequence) WHERE event_type > 2;

-- How far each other log was taken over: the last entry of an origin has the highest of its sequences.
CREATE INDEX transactions_by_origin ON transactions (origin, sequence) WHERE origin IS NOT NULL;

-- The stamp of an entry that is older than stamps: its time in whole milliseconds, which is all that nodes see of it.
CREATE FUNCTION stamp_of(stamp bigint, recorded_at timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(stamp, floor(extract(epoch FROM recorded_at) * 1000)::bigint * 1000)
$$;

CREATE FUNCTION stamp_at(of_sequence bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT stamp_of(stamp, recorded_at) FROM transactions WHERE sequence = of_sequence
$$;

DELETE FROM checkpoint;
TRUNCATE checkpoint_entries;
ALTER TABLE checkpoint_entries
  ADD COLUMN lives       boolean NOT NULL,  -- false for a tombstone: the entry is a DELETE
  ADD COLUMN stamp       bigint,            -- these are as in transactions
  ADD COLUMN origin      text COLLATE "C",
  ADD COLUMN dependency  text;
ALTER TABLE checkpoint
  ADD COLUMN own_sequence    bigint   NOT NULL,  -- the last entry that was first written in this log; 0 for none
  ADD COLUMN stamp           bigint   NOT NULL,  -- the highest stamp
  ADD COLUMN vector          jsonb    NOT NULL,  -- the highest origin_sequence of each other origin
  ADD COLUMN has_tombstones  boolean  NOT NULL;  -- whether deleted keys have rows as well
COMMENT ON COLUMN checkpoint.keys IS 'rows in checkpoint_entries';

DROP FUNCTION checkpoint_hash(bigint, text, bytea, text, bytea, timestamptz, timestamptz);

-- The sequence seeds the hash, so that fields which two rows exchanged do not cancel out.
CREATE FUNCTION checkpoint_hash(
  sequence bigint, lives boolean, key text, value bytea, content_type text, digest bytea, recorded_at timestamptz,
  deadline timestamptz, stamp bigint, origin text, dependency text
) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT hash_record_extended(
    ROW(lives, key, value, content_type, digest, recorded_at, deadline, stamp, origin, dependency), sequence
  )
$$;

CREATE OR REPLACE FUNCTION checkpoint_hash(checkpoint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT hash_record_extended(
    ROW($1.log_id, $1.digest, $1.keys, $1.own_sequence, $1.stamp, $1.vector, $1.has_tombstones), $1.sequence
  )
$$;

-- 005_append_only_head.sql says what it does. `stamp` is that of what is appended now: later than all stamps of the
-- log, later than `floor`, and no earlier than the time.
DROP FUNCTION begin_append(uuid, uuid, bigint, bigint);
CREATE FUNCTION begin_append(
  of_writer uuid, of_session uuid, after_number bigint, last_number bigint, floor bigint,
  OUT writer integer, OUT sequence bigint, OUT recorded_at timestamptz, OUT digest bytea, OUT stamp bigint
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  ignored           text := begin_change();
  number_of_writer  integer;
  writer_of_last    integer;
  newest            bigint;
  flaw              text;
BEGIN
  IF last_number <= after_number THEN
    RAISE EXCEPTION 'a batch ends in the number %, and the last one ended in %', last_number, after_number USING ERRCODE = 'KVS01';
  END IF;
  SELECT number INTO number_of_writer FROM writers, log_head WHERE id = of_writer AND session = of_session
  FOR UPDATE OF writers, log_head;
  IF NOT FOUND THEN
    IF NOT EXISTS (SELECT FROM log_head) THEN RAISE EXCEPTION 'its row in log_head is gone' USING ERRCODE = 'KVS01'; END IF;
    IF NOT EXISTS (SELECT FROM writers WHERE id = of_writer) THEN
      RAISE EXCEPTION 'this node’s row in writers is gone' USING ERRCODE = 'KVS01';
    END IF;
    RETURN;
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

-- 005_append_only_head.sql says what it does; stamps are new, `dependencies` with the highest stamp among them,
-- `floor`. A null for all dependencies is none for each write.
DROP FUNCTION append_writes(
  uuid, uuid, bigint, bigint, smallint[], text[], bytea[], text[], timestamptz[], double precision, boolean[], bigint
);
CREATE FUNCTION append_writes(
  of_writer uuid, of_session uuid, after_number bigint, last_number bigint,
  event_types smallint[], keys text[], put_values bytea[], content_types text[], deadlines timestamptz[],
  dependencies text[], floor bigint,
  lands_until double precision, superseded boolean[], seen bigint,
  OUT outcome text, OUT sequence bigint, OUT digest bytea, OUT recorded_at timestamptz, OUT stamp bigint
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  at       record;
  writes   bigint := cardinality(keys);
  flags    boolean[] := superseded;
  ignored  text;
BEGIN
  at := begin_append(of_writer, of_session, after_number, last_number, floor);
  IF at.writer IS NULL THEN
    outcome := 'fenced';
    RETURN;
  ELSIF clock_timestamp() >= to_timestamp(lands_until) THEN
    outcome := 'late';
    RETURN;
  END IF;

  IF seen IS NOT NULL THEN
    -- The upper bound is for the planner: without one, a plan for any `seen` expects a third of the log, and scans all of it.
    SELECT array_agg(asked.flag OR asked.key IN (
      SELECT entry.key FROM transactions AS entry
      WHERE entry.sequence > seen AND entry.sequence <= at.sequence AND entry.key = ANY (keys) AND NOT entry.superseded
        AND (entry.event_type <> 1 OR entry.deadline IS NULL)  -- no client asked for an expiry, and the write may renew its key
        AND entry.event_type <= 2  -- nor is a member a key
        AND entry.origin IS NULL  -- of entries of other logs, the later stamp is the newer one, which the write gets now
    ) ORDER BY place) INTO flags
    FROM unnest(keys, flags) WITH ORDINALITY AS asked (key, flag, place);
  END IF;

  digest := next_digest(at.digest, of_session, last_number);
  INSERT INTO transactions
    (sequence, event_type, key, value, content_type, deadline, dependency, recorded_at, stamp, digest, superseded, writer,
     write_number)
  SELECT at.sequence + place, entry.event_type, entry.key, entry.value, entry.content_type, entry.deadline, entry.dependency,
         at.recorded_at, at.stamp, append_writes.digest, coalesce(entry.flag, false), at.writer,
         CASE WHEN place = writes THEN last_number END
  FROM unnest(event_types, keys, put_values, content_types, deadlines, dependencies, flags)
    WITH ORDINALITY AS entry (event_type, key, value, content_type, deadline, dependency, flag, place);
  ignored := notify_of_append();
  outcome := 'landed';
  sequence := at.sequence + writes;
  recorded_at := at.recorded_at;
  stamp := at.stamp;
END $$;

-- 008_transactions.sql says what it does; stamps, `dependencies` and `floor` are new. An expiry has the stamp of the
-- entry that has lapsed: it removes that one, and nothing that was written since, though it be on its way still.
DROP FUNCTION append_conditional(
  uuid, uuid, bigint, bigint, bigint, smallint[], text[], bytea[], text[], timestamptz[], integer[], integer[], text[],
  timestamptz[], integer[], integer[], bigint[], text[], bytea[], text[]
);
CREATE FUNCTION append_conditional(
  of_writer uuid, of_session uuid, after_number bigint, last_number bigint, seen bigint,
  event_types smallint[], keys text[], put_values bytea[], content_types text[], deadlines timestamptz[],
  dependencies text[], floor bigint, sizes integer[],
  readers integer[], read_keys text[], holds_until timestamptz[], builders integer[], bases integer[],
  currents bigint[], idempotency_keys text[], requests bytea[], notes text[]
) RETURNS TABLE (
  outcome text, sequence bigint, current bigint, note text, head bigint, head_digest bytea, recorded_at timestamptz,
  stamp bigint
)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  at         record;
  outcomes   text[];
  sequences  bigint[];
  landed     bigint;
  kept       record;
  ignored    text;
BEGIN
  at := begin_append(of_writer, of_session, after_number, last_number, floor);
  IF at.writer IS NULL THEN RETURN; END IF;

  -- In a snapshot from after the lock was granted: it has all that was committed before.
  WITH overtaken AS (
    SELECT DISTINCT place FROM unnest(readers, read_keys) AS asked (place, key)
    WHERE asked.key IN (
      SELECT entry.key FROM transactions AS entry
      WHERE entry.sequence > seen AND entry.sequence <= at.sequence AND entry.key = ANY (read_keys) AND NOT superseded
        AND entry.event_type <= 2
    )
  )
  SELECT array_agg(CASE
    WHEN answers.request = asked.request THEN 'answered'
    WHEN answers.request IS NOT NULL THEN 'reused'
    WHEN overtaken.place IS NOT NULL OR asked.holds_until <= at.recorded_at THEN 'overtaken'
    WHEN asked.size > 0 THEN 'landed'
    ELSE 'refused' END ORDER BY asked.place) INTO outcomes
  FROM unnest(sizes, idempotency_keys, requests, holds_until)
    WITH ORDINALITY AS asked (size, idempotency_key, request, holds_until, place)
    LEFT JOIN answers USING (idempotency_key) LEFT JOIN overtaken USING (place);

  IF outcomes && ARRAY['overtaken', 'answered', 'reused'] THEN
    FOR pair IN 1 .. cardinality(builders) LOOP
      IF outcomes[bases[pair]] <> 'landed' AND outcomes[builders[pair]] IN ('landed', 'refused') THEN
        outcomes[builders[pair]] := 'overtaken';
      END IF;
    END LOOP;
  END IF;

  SELECT sum(size), array_agg(CASE outcome WHEN 'landed' THEN at.sequence + up_to - size + 1 END ORDER BY place)
  INTO landed, sequences
  FROM (
    SELECT place, outcome, CASE outcome WHEN 'landed' THEN size ELSE 0 END AS size,
           sum(CASE outcome WHEN 'landed' THEN size ELSE 0 END) OVER (ORDER BY place) AS up_to
    FROM unnest(outcomes, sizes) WITH ORDINALITY AS asked (outcome, size, place)
  ) AS placed;

  IF landed > 0 THEN
    at.digest := next_digest(at.digest, of_session, last_number);
    WITH owned AS (
      SELECT array_agg(outcome = 'landed' ORDER BY place) AS lands, array_agg(current ORDER BY place) AS lapsed
      FROM unnest(outcomes, sizes, currents) WITH ORDINALITY AS asked (outcome, size, current, place), generate_series(1, size)
    )
    INSERT INTO transactions
      (sequence, event_type, key, value, content_type, deadline, dependency, recorded_at, stamp, highest_stamp, digest,
       superseded, writer, write_number)
    SELECT at.sequence + nth, event_type, key, value, content_type, deadline, dependency, at.recorded_at,
           CASE WHEN is_expiry THEN coalesce(stamp_at(lapsed), at.stamp) ELSE at.stamp END, CASE WHEN is_expiry THEN at.stamp END,
           at.digest, false, at.writer, CASE WHEN nth = landed THEN last_number END
    FROM (
      SELECT *, event_type = 1 AND deadline IS NOT NULL AS is_expiry, row_number() OVER (ORDER BY place) AS nth
      FROM unnest(
        (SELECT lands FROM owned), (SELECT lapsed FROM owned),
        event_types, keys, put_values, content_types, deadlines, dependencies
      ) WITH ORDINALITY AS asked (lands, lapsed, event_type, key, value, content_type, deadline, dependency, place)
      WHERE lands
    ) AS entry;
    at.sequence := at.sequence + landed;
    ignored := notify_of_append();
  END IF;

  WITH answered AS (
    INSERT INTO answers (idempotency_key, request, sequence, current, note)
    SELECT asked.idempotency_key, asked.request, asked.sequence, asked.current, asked.note
    FROM unnest(idempotency_keys, requests, sequences, currents, notes, outcomes)
      AS asked (idempotency_key, request, sequence, current, note, outcome)
    WHERE asked.idempotency_key IS NOT NULL AND asked.outcome IN ('landed', 'refused')
    RETURNING number
  )
  SELECT min(number) AS first, max(number) AS last INTO kept FROM answered;
  -- Those alone that go out now: past them are rows deleted before, which a snapshot somewhere may keep from being cleared away.
  IF kept.last > 100000 THEN DELETE FROM answers WHERE number BETWEEN kept.first - 100000 AND kept.last - 100000; END IF;

  RETURN QUERY
  SELECT asked.outcome,
         CASE WHEN asked.outcome = 'answered' THEN answers.sequence ELSE asked.sequence END,
         CASE WHEN asked.outcome = 'answered' THEN answers.current ELSE asked.current END,
         CASE WHEN asked.outcome = 'answered' THEN answers.note END,
         at.sequence, at.digest, at.recorded_at, at.stamp
  FROM unnest(outcomes, sequences, currents, idempotency_keys)
    WITH ORDINALITY AS asked (outcome, sequence, current, idempotency_key, place)
    LEFT JOIN answers USING (idempotency_key)
  ORDER BY place;
END $$;

-- Takes over entries of other logs as one batch, in this order, which has each after its causes.
--   seen        what `superseded` was decided by; of a later entry of the same key it is decided here
--   superseded  which entries are older than the newest of their key
--   outcome     'landed', with the log's end; 'repeated': an entry is there already, comes after a later one of its
--               origin, or is this log's own, and nothing was stored; 'fenced': another session is registered
-- Of two entries of a key, the newer has the later stamp. Where that is equal: an expiry, then the larger origin, then
-- what came later from there.
CREATE FUNCTION append_foreign(
  of_writer uuid, of_session uuid, after_number bigint, last_number bigint, seen bigint,
  event_types smallint[], keys text[], put_values bytea[], content_types text[], deadlines timestamptz[],
  dependencies text[], stamps bigint[], origins text[], origin_sequences bigint[], superseded boolean[],
  OUT outcome text, OUT sequence bigint, OUT digest bytea, OUT recorded_at timestamptz, OUT stamp bigint
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  at       record;
  entries  bigint := cardinality(keys);
  own      text;
  flags    boolean[];
  ignored  text;
BEGIN
  at := begin_append(of_writer, of_session, after_number, last_number, NULL);
  IF at.writer IS NULL THEN
    outcome := 'fenced';
    RETURN;
  END IF;
  SELECT log_id INTO own FROM log_head;
  IF EXISTS (
    SELECT FROM (
      SELECT origin, min(origin_sequence) AS first FROM unnest(origins, origin_sequences) AS asked (origin, origin_sequence)
      GROUP BY origin
    ) AS asked
    WHERE asked.origin = own OR asked.first <= (
      SELECT entry.origin_sequence FROM transactions AS entry WHERE entry.origin = asked.origin ORDER BY entry.sequence DESC LIMIT 1
    )
  ) OR EXISTS (
    SELECT FROM (
      SELECT origin_sequence <= lag(origin_sequence) OVER (PARTITION BY origin ORDER BY place) AS goes_back
      FROM unnest(origins, origin_sequences) WITH ORDINALITY AS asked (origin, origin_sequence, place)
    ) AS asked WHERE goes_back
  ) THEN
    outcome := 'repeated';
    RETURN;
  END IF;

  WITH later AS (
    SELECT false AS is_member, entry.key, stamp_of(entry.stamp, entry.recorded_at) AS stamp,
           coalesce(entry.origin, own) AS origin, entry.event_type = 1 AND entry.deadline IS NOT NULL AS is_expiry
    FROM transactions AS entry
    WHERE entry.sequence > seen AND entry.sequence <= at.sequence AND entry.key = ANY (keys) AND NOT entry.superseded
      AND entry.event_type <= 2
    UNION ALL  -- No view has members, so that these are ranked against all there are.
    SELECT true, entry.key, entry.stamp, coalesce(entry.origin, own), false
    FROM transactions AS entry
    WHERE 2 < ANY (event_types) AND entry.event_type > 2 AND entry.key = ANY (keys) AND NOT entry.superseded
  ), newest AS MATERIALIZED (  -- One for each key: each entry against each later one takes time with the square of a batch.
    SELECT DISTINCT ON (is_member, key) * FROM later ORDER BY is_member, key, stamp DESC, is_expiry DESC, origin DESC
  )
  SELECT array_agg(asked.flag OR coalesce(
    (newest.stamp, newest.is_expiry, newest.origin) >
      (asked.stamp, asked.event_type = 1 AND asked.deadline IS NOT NULL, asked.origin),
    false
  ) ORDER BY place) INTO flags
  FROM unnest(event_types, keys, deadlines, stamps, origins, superseded)
    WITH ORDINALITY AS asked (event_type, key, deadline, stamp, origin, flag, place)
    LEFT JOIN newest ON newest.key = asked.key AND newest.is_member = (asked.event_type > 2);

  digest := next_digest(at.digest, of_session, last_number);
  stamp := greatest(at.stamp - 1, (SELECT max(asked) FROM unnest(stamps) AS asked));
  INSERT INTO transactions
    (sequence, event_type, key, value, content_type, deadline, dependency, recorded_at, stamp, highest_stamp, origin,
     origin_sequence, digest, superseded, writer, write_number)
  SELECT at.sequence + place, entry.event_type, entry.key, entry.value, entry.content_type, entry.deadline, entry.dependency,
         at.recorded_at, entry.stamp, append_foreign.stamp, entry.origin, entry.origin_sequence, append_foreign.digest,
         entry.flag, at.writer, CASE WHEN place = entries THEN last_number END
  FROM unnest(
    event_types, keys, put_values, content_types, deadlines, dependencies, stamps, origins, origin_sequences, flags
  ) WITH ORDINALITY AS entry (
    event_type, key, value, content_type, deadline, dependency, stamp, origin, origin_sequence, flag, place
  );
  ignored := notify_of_append();
  outcome := 'landed';
  sequence := at.sequence + entries;
  recorded_at := at.recorded_at;
END $$;

-- How far each other log was taken over, through a sequence here: the sequence there of its last entry, and that
-- entry's stamp. One look-up for each origin.
CREATE FUNCTION origins_through(up_to bigint) RETURNS TABLE (origin text, reached bigint, stamp bigint)
LANGUAGE sql STABLE AS $$
  WITH RECURSIVE known AS (
    (SELECT origin FROM transactions WHERE origin IS NOT NULL ORDER BY origin LIMIT 1)
    UNION ALL
    SELECT (SELECT entry.origin FROM transactions AS entry WHERE entry.origin > known.origin ORDER BY entry.origin LIMIT 1)
    FROM known WHERE known.origin IS NOT NULL
  )
  SELECT known.origin, last.origin_sequence, stamp_of(last.stamp, last.recorded_at)
  FROM known JOIN LATERAL (
    SELECT origin_sequence, stamp, recorded_at FROM transactions AS entry
    WHERE entry.origin = known.origin AND entry.sequence <= up_to ORDER BY entry.sequence DESC LIMIT 1
  ) AS last ON true
$$;

-- 008_transactions.sql says what it does. With `tombstones`, a key that was deleted keeps a row, so that an older PUT
-- of another log does not bring it back; a checkpoint without them is begun anew then. One that has them keeps them.
DROP FUNCTION advance_checkpoint(integer);
CREATE FUNCTION advance_checkpoint(
  most integer, tombstones boolean DEFAULT false, OUT outcome text, OUT before bigint, OUT reached bigint, OUT behind bigint
)
LANGUAGE plpgsql VOLATILE
-- Each key is looked up in the index, whatever is known of a table that was filled or emptied just now.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
  head  end_of_log;
  at    checkpoint;
  last  bigint;
  next  record;
  fold  record;
BEGIN
  outcome := 'busy';
  IF NOT pg_try_advisory_xact_lock(x'6b767320636b7074'::bigint) THEN RETURN; END IF;  -- any number; this spells "kvs ckpt"
  SELECT * INTO STRICT head FROM end_of_log;
  IF head.flaw IS NOT NULL THEN RAISE EXCEPTION 'the log is broken: %', head.flaw; END IF;
  SELECT * INTO at FROM checkpoint FOR UPDATE;

  IF NOT FOUND OR NOT checkpoint_is_of_log(at) OR (tombstones AND NOT at.has_tombstones) THEN
    IF EXISTS (SELECT FROM checkpoint_entries) THEN
      BEGIN
        -- Long enough for an autovacuum to give way; who wants to read queues up behind this.
        PERFORM set_config('lock_timeout', '2s', true);
        TRUNCATE checkpoint_entries;
      EXCEPTION WHEN lock_not_available THEN
        RETURN;
      END;
    END IF;
    outcome := 'begun';
    at := ROW(true, head.log_id, 0, '', 0, 0, 0, 0, '{}', tombstones);
    at.checksum := checkpoint_hash(at);
    DELETE FROM checkpoint;
    INSERT INTO checkpoint SELECT at.*;
  ELSE
    outcome := 'advanced';
  END IF;
  before := at.sequence;
  reached := at.sequence;
  behind := head.sequence - at.sequence;
  IF behind = 0 THEN RETURN; END IF;

  SELECT max(sequence) INTO last
  FROM (
    SELECT sequence FROM transactions WHERE sequence > at.sequence AND sequence <= head.sequence ORDER BY sequence LIMIT most
  ) AS entries;
  last := checkpoint_batch_end(last, head.sequence);
  -- Sequences are gapless in commit order: what is not above the head's is all there, and final.
  SELECT max(sequence) AS sequence, count(*) FILTER (WHERE sequence > head.adopted_through) AS gapless,
         count(*) FILTER (WHERE event_type NOT IN (1, 2, 3, 4) OR (event_type = 2) <> (value IS NOT NULL)) AS unknown,
         max(sequence) FILTER (WHERE origin IS NULL) AS own_sequence, max(stamp_of(stamp, recorded_at)) AS stamp
  INTO next FROM transactions WHERE sequence > at.sequence AND sequence <= last;
  IF next.sequence IS NULL OR next.gapless <>
     greatest(next.sequence, head.adopted_through) - greatest(at.sequence, head.adopted_through) THEN
    RAISE EXCEPTION 'the log lacks entries after %', at.sequence;
  ELSIF next.unknown > 0 THEN
    RAISE EXCEPTION 'the log has entries of an unknown kind after %', at.sequence;
  END IF;

  WITH latest AS (
    SELECT DISTINCT ON (key COLLATE "C") sequence, event_type = 2 AS lives, event_type = 2 OR at.has_tombstones AS stays,
           key, CASE WHEN octet_length(value) <= 2000 THEN value END AS value, content_type, digest, recorded_at, deadline,
           stamp, origin, dependency
    FROM transactions
    WHERE sequence > at.sequence AND sequence <= next.sequence AND NOT superseded AND event_type <= 2
    ORDER BY key COLLATE "C", sequence DESC
  ), change AS MATERIALIZED (
    SELECT latest.*, old.ctid AS place,
           CASE WHEN stays
                THEN checkpoint_hash(latest.sequence, latest.lives, latest.key, latest.value, latest.content_type, latest.digest,
                                     latest.recorded_at, latest.deadline, latest.stamp, latest.origin, latest.dependency)
                END AS hash,
           CASE WHEN old.ctid IS NOT NULL
                THEN checkpoint_hash(old.sequence, old.lives, old.key, old.value, old.content_type, old.digest,
                                     old.recorded_at, old.deadline, old.stamp, old.origin, old.dependency) END AS old_hash
    FROM latest LEFT JOIN checkpoint_entries AS old ON old.key = latest.key COLLATE "C"
  ), updated AS (
    UPDATE checkpoint_entries AS entry
    SET sequence = change.sequence, lives = change.lives, value = change.value, content_type = change.content_type,
        digest = change.digest, recorded_at = change.recorded_at, deadline = change.deadline, stamp = change.stamp,
        origin = change.origin, dependency = change.dependency
    FROM change WHERE stays AND entry.ctid = place
  ), deleted AS (
    DELETE FROM checkpoint_entries AS entry USING change WHERE NOT stays AND entry.ctid = place
  ), inserted AS (
    INSERT INTO checkpoint_entries
      (sequence, lives, key, value, content_type, digest, recorded_at, deadline, stamp, origin, dependency)
    SELECT sequence, lives, key, value, content_type, digest, recorded_at, deadline, stamp, origin, dependency
    FROM change WHERE stays AND place IS NULL
  )
  SELECT count(hash) - count(old_hash) AS keys, coalesce(bit_xor(hash), 0) # coalesce(bit_xor(old_hash), 0) AS hash
  INTO fold FROM change;

  at.checksum := at.checksum # checkpoint_hash(at) # fold.hash;
  at.vector := at.vector || coalesce((
    SELECT jsonb_object_agg(origin, highest) FROM (
      SELECT origin, max(origin_sequence) AS highest FROM transactions
      WHERE sequence > at.sequence AND sequence <= next.sequence AND origin IS NOT NULL GROUP BY origin
    ) AS of_origins
  ), '{}');
  at.own_sequence := greatest(at.own_sequence, next.own_sequence);
  at.stamp := greatest(at.stamp, next.stamp);
  at.sequence := next.sequence;
  at.digest := (SELECT digest FROM transactions WHERE sequence = next.sequence);
  at.keys := at.keys + fold.keys;
  at.checksum := at.checksum # checkpoint_hash(at);
  UPDATE checkpoint
  SET sequence = at.sequence, digest = at.digest, keys = at.keys, checksum = at.checksum,
      own_sequence = at.own_sequence, stamp = at.stamp, vector = at.vector;
  reached := at.sequence;
  behind := head.sequence - at.sequence;
END $$;
