-- A key may have a deadline, from which on it counts as absent. It is part of the entry that sets the key, and goes
-- with the key into the checkpoint; so does the entry's time. The old checkpoint is emptied, and a new one is made from
-- the log. A node of the version before would misread such entries, and is cut off: the functions that it appends with
-- are gone, and so is the view that it asks for the log's end.

-- No step of a checkpoint runs from here to the commit. A start that reads the checkpoint locks its entries first, and
-- an append locks its writer first; whoever asks for the log's end locks the view first.
SELECT pg_advisory_xact_lock(x'6b767320636b7074'::bigint);
LOCK TABLE checkpoint_entries, writers, log_end, log_head, transactions IN ACCESS EXCLUSIVE MODE;

ALTER TABLE transactions ADD COLUMN deadline  timestamptz;
COMMENT ON COLUMN transactions.deadline IS
  'on a PUT: when its key ends, or null; on a DELETE: the deadline that passed, where it records that; else null';
-- Not checked for the rows there are, all of which have none.
ALTER TABLE transactions
  ADD CONSTRAINT deadline_in_range CHECK (deadline BETWEEN '1970-01-01 00:00:00Z' AND '9999-12-31 23:59:59.999Z') NOT VALID;

DELETE FROM checkpoint;
TRUNCATE checkpoint_entries;
-- Those of the entry in transactions
ALTER TABLE checkpoint_entries ADD COLUMN recorded_at timestamptz NOT NULL, ADD COLUMN deadline timestamptz;

DROP FUNCTION checkpoint_hash(bigint, text, bytea, text, bytea);

-- The sequence seeds the hash, so that fields which two rows exchanged do not cancel out.
CREATE FUNCTION checkpoint_hash(
  sequence bigint, key text, value bytea, content_type text, digest bytea, recorded_at timestamptz, deadline timestamptz
) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT hash_record_extended(ROW(key, value, content_type, digest, recorded_at, deadline), sequence)
$$;

ALTER VIEW log_end RENAME TO end_of_log;

-- 005_append_only_head.sql says what it does; the name of the view is new.
CREATE OR REPLACE FUNCTION begin_append(
  of_writer uuid, of_session uuid, after_number bigint, last_number bigint,
  OUT writer integer, OUT sequence bigint, OUT recorded_at timestamptz, OUT digest bytea
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
  SELECT sequence, recorded_at, digest, writer, write_number INTO sequence, recorded_at, digest, writer_of_last, newest
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
END $$;

-- 005_append_only_head.sql says what it does; `deadlines` and `recorded_at`, the time of the batch, are new. A null for
-- all deadlines is none for each write.
DROP FUNCTION append_writes(
  uuid, uuid, bigint, bigint, smallint[], text[], bytea[], text[], double precision, boolean[], bigint
);
CREATE FUNCTION append_writes(
  of_writer uuid, of_session uuid, after_number bigint, last_number bigint,
  event_types smallint[], keys text[], put_values bytea[], content_types text[], deadlines timestamptz[],
  lands_until double precision, superseded boolean[], seen bigint,
  OUT outcome text, OUT sequence bigint, OUT digest bytea, OUT recorded_at timestamptz
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  at       record;
  writes   bigint := cardinality(keys);
  flags    boolean[] := superseded;
  ignored  text;
BEGIN
  at := begin_append(of_writer, of_session, after_number, last_number);
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
    ) ORDER BY place) INTO flags
    FROM unnest(keys, flags) WITH ORDINALITY AS asked (key, flag, place);
  END IF;

  digest := next_digest(at.digest, of_session, last_number);
  INSERT INTO transactions
    (sequence, event_type, key, value, content_type, deadline, recorded_at, digest, superseded, writer, write_number)
  SELECT at.sequence + place, entry.event_type, entry.key, entry.value, entry.content_type, entry.deadline, at.recorded_at,
         append_writes.digest, coalesce(entry.flag, false), at.writer, CASE WHEN place = writes THEN last_number END
  FROM unnest(event_types, keys, put_values, content_types, deadlines, flags)
    WITH ORDINALITY AS entry (event_type, key, value, content_type, deadline, flag, place);
  ignored := notify_of_append();
  outcome := 'landed';
  sequence := at.sequence + writes;
  recorded_at := at.recorded_at;
END $$;

-- 004_conditional_writes.sql says what it does; `deadlines` and `recorded_at`, the time of the writes that landed, are
-- new.
DROP FUNCTION append_conditional(
  uuid, uuid, bigint, bigint, bigint, smallint[], text[], bytea[], text[], boolean[], bigint[], text[], bytea[]
);
CREATE FUNCTION append_conditional(
  of_writer uuid, of_session uuid, after_number bigint, last_number bigint, seen bigint,
  event_types smallint[], keys text[], put_values bytea[], content_types text[], deadlines timestamptz[],
  lands boolean[], currents bigint[], idempotency_keys text[], requests bytea[]
) RETURNS TABLE (outcome text, sequence bigint, current bigint, head bigint, head_digest bytea, recorded_at timestamptz)
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
  at := begin_append(of_writer, of_session, after_number, last_number);
  IF at.writer IS NULL THEN RETURN; END IF;

  -- In a snapshot from after the lock was granted: it has all that was committed before.
  WITH judged AS (
    SELECT place, CASE
      WHEN answers.request = asked.request THEN 'answered'
      WHEN answers.request IS NOT NULL THEN 'reused'
      WHEN asked.key IN (
        SELECT entry.key FROM transactions AS entry
        WHERE entry.sequence > seen AND entry.sequence <= at.sequence AND entry.key = ANY (keys) AND NOT superseded
      ) THEN 'overtaken'
      WHEN asked.lands THEN 'landed'
      ELSE 'refused' END AS outcome
    FROM unnest(keys, lands, idempotency_keys, requests)
      WITH ORDINALITY AS asked (key, lands, idempotency_key, request, place)
      LEFT JOIN answers USING (idempotency_key)
  ), placed AS (
    SELECT place, outcome, count(*) FILTER (WHERE outcome = 'landed') OVER (ORDER BY place) AS nth FROM judged
  )
  SELECT array_agg(outcome ORDER BY place), max(nth),
         array_agg(CASE outcome WHEN 'landed' THEN at.sequence + nth END ORDER BY place)
  INTO outcomes, landed, sequences FROM placed;

  IF landed > 0 THEN
    at.sequence := at.sequence + landed;
    at.digest := next_digest(at.digest, of_session, last_number);
    INSERT INTO transactions
      (sequence, event_type, key, value, content_type, deadline, recorded_at, digest, superseded, writer, write_number)
    SELECT asked.sequence, event_type, key, value, content_type, deadline, at.recorded_at, at.digest, false, at.writer,
           CASE WHEN asked.sequence = at.sequence THEN last_number END
    FROM unnest(sequences, event_types, keys, put_values, content_types, deadlines)
      AS asked (sequence, event_type, key, value, content_type, deadline)
    WHERE asked.sequence IS NOT NULL;
    ignored := notify_of_append();
  END IF;

  WITH answered AS (
    INSERT INTO answers (idempotency_key, request, sequence, current)
    SELECT asked.idempotency_key, asked.request, asked.sequence, asked.current
    FROM unnest(idempotency_keys, requests, sequences, currents, outcomes)
      AS asked (idempotency_key, request, sequence, current, outcome)
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
         at.sequence, at.digest, at.recorded_at
  FROM unnest(outcomes, sequences, currents, idempotency_keys)
    WITH ORDINALITY AS asked (outcome, sequence, current, idempotency_key, place)
    LEFT JOIN answers USING (idempotency_key)
  ORDER BY place;
END $$;

-- 003_checkpoint.sql says what it does; times and deadlines are new.
CREATE OR REPLACE FUNCTION advance_checkpoint(most integer, OUT outcome text, OUT before bigint, OUT reached bigint, OUT behind bigint)
LANGUAGE plpgsql VOLATILE
-- Each key is looked up in the index, whatever is known of a table that was filled or emptied just now.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
  head  end_of_log;
  at    checkpoint;
  next  record;
  fold  record;
BEGIN
  outcome := 'busy';
  IF NOT pg_try_advisory_xact_lock(x'6b767320636b7074'::bigint) THEN RETURN; END IF;  -- any number; this spells "kvs ckpt"
  SELECT * INTO STRICT head FROM end_of_log;
  IF head.flaw IS NOT NULL THEN RAISE EXCEPTION 'the log is broken: %', head.flaw; END IF;
  SELECT * INTO at FROM checkpoint FOR UPDATE;

  IF NOT FOUND OR NOT checkpoint_is_of_log(at) THEN
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
    at := ROW(true, head.log_id, 0, '', 0, 0);
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

  -- Sequences are gapless in commit order: what is not above the head's is all there, and final.
  SELECT max(sequence) AS sequence, count(*) FILTER (WHERE sequence > head.adopted_through) AS gapless,
         count(*) FILTER (WHERE event_type NOT IN (1, 2) OR (event_type = 2) <> (value IS NOT NULL)) AS unknown
  INTO next
  FROM (
    SELECT * FROM transactions WHERE sequence > at.sequence AND sequence <= head.sequence ORDER BY sequence LIMIT most
  ) AS entries;
  IF next.sequence IS NULL OR next.gapless <>
     greatest(next.sequence, head.adopted_through) - greatest(at.sequence, head.adopted_through) THEN
    RAISE EXCEPTION 'the log lacks entries after %', at.sequence;
  ELSIF next.unknown > 0 THEN
    RAISE EXCEPTION 'the log has entries of an unknown kind after %', at.sequence;
  END IF;

  WITH latest AS (
    SELECT DISTINCT ON (key COLLATE "C") sequence, event_type = 2 AS lives, key,
           CASE WHEN octet_length(value) <= 2000 THEN value END AS value, content_type, digest, recorded_at, deadline
    FROM transactions
    WHERE sequence > at.sequence AND sequence <= next.sequence AND NOT superseded
    ORDER BY key COLLATE "C", sequence DESC
  ), change AS MATERIALIZED (
    SELECT latest.*, old.ctid AS place,
           CASE WHEN lives
                THEN checkpoint_hash(latest.sequence, latest.key, latest.value, latest.content_type, latest.digest,
                                     latest.recorded_at, latest.deadline) END AS hash,
           CASE WHEN old.ctid IS NOT NULL
                THEN checkpoint_hash(old.sequence, old.key, old.value, old.content_type, old.digest,
                                     old.recorded_at, old.deadline) END AS old_hash
    FROM latest LEFT JOIN checkpoint_entries AS old ON old.key = latest.key COLLATE "C"
  ), updated AS (
    UPDATE checkpoint_entries AS entry
    SET sequence = change.sequence, value = change.value, content_type = change.content_type, digest = change.digest,
        recorded_at = change.recorded_at, deadline = change.deadline
    FROM change WHERE lives AND entry.ctid = place
  ), deleted AS (
    DELETE FROM checkpoint_entries AS entry USING change WHERE NOT lives AND entry.ctid = place
  ), inserted AS (
    INSERT INTO checkpoint_entries (sequence, key, value, content_type, digest, recorded_at, deadline)
    SELECT sequence, key, value, content_type, digest, recorded_at, deadline FROM change WHERE lives AND place IS NULL
  )
  SELECT count(hash) - count(old_hash) AS keys, coalesce(bit_xor(hash), 0) # coalesce(bit_xor(old_hash), 0) AS hash
  INTO fold FROM change;

  at.checksum := at.checksum # checkpoint_hash(at) # fold.hash;
  at.sequence := next.sequence;
  at.digest := (SELECT digest FROM transactions WHERE sequence = next.sequence);
  at.keys := at.keys + fold.keys;
  at.checksum := at.checksum # checkpoint_hash(at);
  UPDATE checkpoint SET sequence = at.sequence, digest = at.digest, keys = at.keys, checksum = at.checksum;
  reached := at.sequence;
  behind := head.sequence - at.sequence;
END $$;
