-- Transactions: several writes that land together or not at all, whose answer has more than entries.

ALTER TABLE answers ADD COLUMN note text;  -- what the answer has beside entries; null for nothing
COMMENT ON COLUMN answers.sequence IS 'the first entry; null where nothing was stored';

-- Stores, under the head's lock, what a node has decided by its view and what still holds. A decision comes to any
-- number of writes, none where nothing is to be done. 004_conditional_writes.sql has it for single writes.
--   seen                       what the decisions are based on
--   event_types to deadlines   the writes of all decisions, in order
--   sizes                      how many of them each decision has
--   readers, read_keys         each key that a decision rests on, beside the decision's place, which counts from 1
--   holds_until                from which time on each decision is off: a value that it took for there ends then
--   builders, bases            each decision that builds on an earlier one, in order, beside the place of that
--   currents                   the entry of the value that a single write's key has; null where it has none
--   idempotency_keys to notes  what is kept with the answers to requests that may be repeated
-- Returns a row for each decision, in order:
--   outcome  'landed', 'refused': the decision holds. 'overtaken': a key that it rests on has an entry after `seen`,
--            its time is over, or one that it builds on has not landed; nothing was done. 'answered': the request was
--            answered before, with `sequence`, `current` and `note`. 'reused': another request was
--   sequence                        the first of its entries
--   head, head_digest, recorded_at  the log's end after the batch, and the time of what landed
-- Returns no row where another session is registered for the writer.
DROP FUNCTION append_conditional(
  uuid, uuid, bigint, bigint, bigint, smallint[], text[], bytea[], text[], timestamptz[], boolean[], bigint[], text[], bytea[]
);
CREATE FUNCTION append_conditional(
  of_writer uuid, of_session uuid, after_number bigint, last_number bigint, seen bigint,
  event_types smallint[], keys text[], put_values bytea[], content_types text[], deadlines timestamptz[], sizes integer[],
  readers integer[], read_keys text[], holds_until timestamptz[], builders integer[], bases integer[],
  currents bigint[], idempotency_keys text[], requests bytea[], notes text[]
) RETURNS TABLE (
  outcome text, sequence bigint, current bigint, note text, head bigint, head_digest bytea, recorded_at timestamptz
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
  at := begin_append(of_writer, of_session, after_number, last_number);
  IF at.writer IS NULL THEN RETURN; END IF;

  -- In a snapshot from after the lock was granted: it has all that was committed before.
  WITH overtaken AS (
    SELECT DISTINCT place FROM unnest(readers, read_keys) AS asked (place, key)
    WHERE asked.key IN (
      SELECT entry.key FROM transactions AS entry
      WHERE entry.sequence > seen AND entry.sequence <= at.sequence AND entry.key = ANY (read_keys) AND NOT superseded
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
      SELECT array_agg(outcome = 'landed' ORDER BY place) AS lands
      FROM unnest(outcomes, sizes) WITH ORDINALITY AS asked (outcome, size, place), generate_series(1, size)
    )
    INSERT INTO transactions
      (sequence, event_type, key, value, content_type, deadline, recorded_at, digest, superseded, writer, write_number)
    SELECT at.sequence + nth, event_type, key, value, content_type, deadline, at.recorded_at, at.digest, false, at.writer,
           CASE WHEN nth = landed THEN last_number END
    FROM (
      SELECT *, row_number() OVER (ORDER BY place) AS nth
      FROM unnest((SELECT lands FROM owned), event_types, keys, put_values, content_types, deadlines)
        WITH ORDINALITY AS asked (lands, event_type, key, value, content_type, deadline, place)
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
         at.sequence, at.digest, at.recorded_at
  FROM unnest(outcomes, sequences, currents, idempotency_keys)
    WITH ORDINALITY AS asked (outcome, sequence, current, idempotency_key, place)
    LEFT JOIN answers USING (idempotency_key)
  ORDER BY place;
END $$;

-- The last sequence, through `up_to`, of the batch that an entry came with: its entries have one digest, which no other
-- batch has. An adopted entry has none, and stands for itself.
CREATE FUNCTION checkpoint_batch_end(of_sequence bigint, up_to bigint) RETURNS bigint LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
  of_batch  bytea := (SELECT digest FROM transactions WHERE sequence = of_sequence);
BEGIN
  IF of_batch = '' THEN RETURN of_sequence; END IF;
  RETURN coalesce((
    SELECT sequence - 1 FROM transactions
    WHERE sequence > of_sequence AND sequence <= up_to AND digest <> of_batch ORDER BY sequence LIMIT 1
  ), up_to);
END $$;

-- 003_checkpoint.sql says what it does. A step ends where a batch ends, past `most` if need be: the checkpoint has no
-- half of a transaction either.
CREATE OR REPLACE FUNCTION advance_checkpoint(most integer, OUT outcome text, OUT before bigint, OUT reached bigint, OUT behind bigint)
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

  SELECT max(sequence) INTO last
  FROM (
    SELECT sequence FROM transactions WHERE sequence > at.sequence AND sequence <= head.sequence ORDER BY sequence LIMIT most
  ) AS entries;
  last := checkpoint_batch_end(last, head.sequence);
  -- Sequences are gapless in commit order: what is not above the head's is all there, and final.
  SELECT max(sequence) AS sequence, count(*) FILTER (WHERE sequence > head.adopted_through) AS gapless,
         count(*) FILTER (WHERE event_type NOT IN (1, 2) OR (event_type = 2) <> (value IS NOT NULL)) AS unknown
  INTO next FROM transactions WHERE sequence > at.sequence AND sequence <= last;
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
