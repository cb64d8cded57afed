-- From now on an append changes no row. While anybody holds a snapshot, such as a pg_dump, each change to a row leaves
-- an old version that can't be removed, and every lookup of the row passes all of them. So the log's end is the last
-- row of `transactions`, and a writer's last write is its last row there; both are found from the newest end of an
-- index. An append only locks rows of `log_head` and `writers`, which hold what does not change with it.

-- The tables in the order in which an append locks them.
LOCK TABLE writers, log_head, transactions IN ACCESS EXCLUSIVE MODE;

ALTER TABLE transactions ADD COLUMN write_number  bigint;
COMMENT ON COLUMN transactions.write_number IS 'on the last entry of a batch: its number among its writer''s writes; else null';
COMMENT ON COLUMN transactions.digest IS 'of the log up to and with this entry''s batch; empty where adopted';

DO $$
DECLARE
  head  log_head;
  last  transactions;
  lost  bigint;
BEGIN
  SELECT * INTO head FROM log_head;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the log has no head: its row in log_head is gone' USING HINT = 'Restore the log from a backup.';
  END IF;
  SELECT * INTO last FROM transactions ORDER BY sequence DESC LIMIT 1;
  IF coalesce(last.sequence, 0) <> head.sequence OR (last.sequence > head.adopted_through AND last.digest <> head.digest) THEN
    RAISE EXCEPTION 'the log was changed by other hands: its head is at %, and its last entry is %', head.sequence, coalesce(last.sequence, 0)
      USING HINT = 'Make them agree, or restore the log from a backup.';
  END IF;
  SELECT max(last_sequence) INTO lost FROM writers
  WHERE last_write > 0 AND NOT EXISTS (SELECT FROM transactions WHERE sequence = last_sequence);
  IF lost IS NOT NULL THEN
    RAISE EXCEPTION 'the log was changed by other hands: it lacks the entry %, the last of one of its writers', lost
      USING HINT = 'Restore the log from a backup.';
  END IF;

  ALTER TABLE transactions DISABLE TRIGGER append_only;
  UPDATE transactions SET write_number = last_write, writer = number FROM writers WHERE sequence = last_sequence AND last_write > 0;
  -- Of a writer whose row is gone
  UPDATE transactions SET write_number = 0
  WHERE sequence = head.sequence AND sequence > head.adopted_through AND write_number IS NULL;
  ALTER TABLE transactions ENABLE TRIGGER append_only;
END $$;

-- Entries carry their writer's number: two writers with the same would take each other's writes for their own.
ALTER TABLE writers ADD UNIQUE (number);

-- It has one row for each batch.
CREATE UNIQUE INDEX transactions_by_write ON transactions (writer, write_number) WHERE write_number IS NOT NULL;

ALTER TABLE writers DROP COLUMN last_write, DROP COLUMN last_sequence, DROP COLUMN last_digest;
ALTER TABLE log_head DROP COLUMN sequence;
ALTER TABLE log_head RENAME COLUMN recorded_at TO begun_at;
ALTER TABLE log_head RENAME COLUMN digest TO first_digest;
COMMENT ON COLUMN log_head.begun_at IS
  'the time of the log''s end as long as it has no entry beyond the adopted ones; in a log from before this migration, of its end then';
COMMENT ON COLUMN log_head.first_digest IS 'the digest of the log''s end, in the same way';

-- The log's end as of the reader's snapshot: the last entry's sequence, time and digest. `flaw` is null, or says what
-- is wrong with a log that somebody changed past the triggers below; then nothing may be appended, and nothing more be
-- read.
CREATE VIEW log_end AS
SELECT log_id, adopted_through, adopted_entries,
       coalesce(last.sequence, adopted_through) AS sequence,
       CASE WHEN last.sequence > adopted_through THEN last.recorded_at ELSE begun_at END AS recorded_at,
       CASE WHEN last.sequence > adopted_through THEN last.digest ELSE first_digest END AS digest,
       last.writer, last.write_number,
       CASE WHEN last.sequence > adopted_through AND (last.write_number IS NULL OR last.digest = '')
            THEN 'no append has written its last entry, ' || last.sequence
            WHEN adopted_entries > 0 AND (last.sequence >= adopted_through) IS NOT TRUE
            THEN 'it lacks entries up to ' || adopted_through END AS flaw
FROM log_head
LEFT JOIN LATERAL (
  SELECT sequence, recorded_at, digest, writer, write_number FROM transactions ORDER BY sequence DESC LIMIT 1
) AS last ON true;

-- Sets what a transaction that changes the log relies on, whatever role, database and session set: the commit waits for
-- the disk (only `off` is overridden), and a wait for a standby that is cut short causes a warning. A function's own
-- SET would not do, since it ends before the commit. The result means nothing: callers assign it, which costs a tenth
-- of a PERFORM.
CREATE FUNCTION begin_change() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  ignored text;
BEGIN
  IF current_setting('synchronous_commit') = 'off' THEN ignored := set_config('synchronous_commit', 'on', true); END IF;
  IF current_setting('client_min_messages') = 'error' THEN ignored := set_config('client_min_messages', 'warning', true); END IF;
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    -- The end of the log is read after its lock was waited for, and has to be the newest.
    RAISE EXCEPTION 'appends need the isolation level read committed, and this is %', current_setting('transaction_isolation')
      USING ERRCODE = 'serialization_failure';
  END IF;
  RETURN set_config('kvs.changes', 'on', true);
END $$;

-- Takes the turn to append, until the end of the transaction, and returns the log's end. Returns nulls where another
-- session is registered for the writer (fencing). Raises KVS01 where the log is broken. `after_number` is the writer's
-- last write in the log, as the writer knows it; `last_number` has to be larger.
CREATE FUNCTION begin_append(
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
    SELECT flaw, sequence, recorded_at, digest INTO flaw, sequence, recorded_at, digest FROM log_end;
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

-- The digest covers the session, which is random, so that no two histories have the same digest.
CREATE FUNCTION next_digest(digest bytea, of_session uuid, last_number bigint) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
  SELECT substring(sha256(digest || uuid_send(of_session) || int8send(last_number)) FOR 8)
$$;

-- Wakes nodes that follow the log. It is only a hint, and left out while the queue of notifications is half full,
-- because some session does not read its own: with a full queue the commit would fail.
CREATE FUNCTION notify_of_append() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  RETURN CASE WHEN pg_notification_queue_usage() < 0.5 THEN pg_notify('kvs_log', '') END;
END $$;

-- Appends a batch under the numbers that end in `last_number`.
--   lands_until  from this time on, by the server's clock in seconds, the batch must not land; null is no bound
--   superseded   which writes have no effect; null where all have one
--   seen         writes whose key has an entry after this sequence have no effect either; null where `superseded` is
--   outcome      'landed', with the last entry's sequence and digest; 'late'; 'fenced': another session is registered
CREATE FUNCTION append_writes(
  of_writer uuid, of_session uuid, after_number bigint, last_number bigint,
  event_types smallint[], keys text[], put_values bytea[], content_types text[],
  lands_until double precision, superseded boolean[], seen bigint,
  OUT outcome text, OUT sequence bigint, OUT digest bytea
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
    ) ORDER BY place) INTO flags
    FROM unnest(keys, flags) WITH ORDINALITY AS asked (key, flag, place);
  END IF;

  digest := next_digest(at.digest, of_session, last_number);
  INSERT INTO transactions
    (sequence, event_type, key, value, content_type, recorded_at, digest, superseded, writer, write_number)
  SELECT at.sequence + place, entry.event_type, entry.key, entry.value, entry.content_type, at.recorded_at, append_writes.digest,
         coalesce(entry.flag, false), at.writer, CASE WHEN place = writes THEN last_number END
  FROM unnest(event_types, keys, put_values, content_types, flags)
    WITH ORDINALITY AS entry (event_type, key, value, content_type, flag, place);
  ignored := notify_of_append();
  outcome := 'landed';
  sequence := at.sequence + writes;
END $$;
DROP FUNCTION is_overtaken(text, bigint, bigint);

-- 004_conditional_writes.sql says what it does; `after_number` is new.
DROP FUNCTION append_conditional(
  uuid, uuid, bigint, bigint, smallint[], text[], bytea[], text[], boolean[], bigint[], text[], bytea[]
);
CREATE FUNCTION append_conditional(
  of_writer uuid, of_session uuid, after_number bigint, last_number bigint, seen bigint,
  event_types smallint[], keys text[], put_values bytea[], content_types text[],
  lands boolean[], currents bigint[], idempotency_keys text[], requests bytea[]
) RETURNS TABLE (outcome text, sequence bigint, current bigint, head bigint, head_digest bytea)
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
      (sequence, event_type, key, value, content_type, recorded_at, digest, superseded, writer, write_number)
    SELECT asked.sequence, event_type, key, value, content_type, at.recorded_at, at.digest, false, at.writer,
           CASE WHEN asked.sequence = at.sequence THEN last_number END
    FROM unnest(sequences, event_types, keys, put_values, content_types)
      AS asked (sequence, event_type, key, value, content_type)
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
         at.sequence, at.digest
  FROM unnest(outcomes, sequences, currents, idempotency_keys)
    WITH ORDINALITY AS asked (outcome, sequence, current, idempotency_key, place)
    LEFT JOIN answers USING (idempotency_key)
  ORDER BY place;
END $$;

-- Registers a session as the only one that may append for the writer, in the place of `old_session` and of no other;
-- null is a new writer. Waits for an append of the old session that holds the writer's row, and fences one that is
-- still on its way, so the result is final. Returns nulls where another session was registered in the meantime.
CREATE FUNCTION register_writer(
  of_writer uuid, new_session uuid, old_session uuid,
  OUT number integer, OUT last_write bigint, OUT last_sequence bigint, OUT last_digest bytea
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  ignored           text := begin_change();
  number_of_writer  integer;
BEGIN
  IF old_session IS NULL THEN
    INSERT INTO writers (id, session) VALUES (of_writer, new_session)
    ON CONFLICT (id) DO NOTHING RETURNING writers.number INTO number_of_writer;
  ELSE
    UPDATE writers SET session = new_session WHERE id = of_writer AND session = old_session
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

-- The checkpoint's functions, which read the log's end as well.

CREATE OR REPLACE FUNCTION checkpoint_is_of_log(checkpoint) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (
    SELECT FROM log_head AS head
    WHERE head.log_id = $1.log_id
      AND ($1.sequence = 0 OR $1.digest = (SELECT digest FROM transactions WHERE sequence = $1.sequence))
  )
$$;

-- 003_checkpoint.sql says what it does.
CREATE OR REPLACE FUNCTION advance_checkpoint(most integer, OUT outcome text, OUT before bigint, OUT reached bigint, OUT behind bigint)
LANGUAGE plpgsql VOLATILE
-- Each key is looked up in the index, whatever is known of a table that was filled or emptied just now.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
  head  log_end;
  at    checkpoint;
  next  record;
  fold  record;
BEGIN
  outcome := 'busy';
  IF NOT pg_try_advisory_xact_lock(x'6b767320636b7074'::bigint) THEN RETURN; END IF;  -- any number; this spells "kvs ckpt"
  SELECT * INTO STRICT head FROM log_end;
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
           CASE WHEN octet_length(value) <= 2000 THEN value END AS value, content_type
    FROM transactions
    WHERE sequence > at.sequence AND sequence <= next.sequence AND NOT superseded
    ORDER BY key COLLATE "C", sequence DESC
  ), change AS MATERIALIZED (
    SELECT latest.*, old.ctid AS place,
           CASE WHEN lives THEN checkpoint_hash(latest.sequence, latest.key, latest.value, latest.content_type) END AS hash,
           CASE WHEN old.ctid IS NOT NULL THEN checkpoint_hash(old.sequence, old.key, old.value, old.content_type) END AS old_hash
    FROM latest LEFT JOIN checkpoint_entries AS old ON old.key = latest.key COLLATE "C"
  ), updated AS (
    UPDATE checkpoint_entries AS entry
    SET sequence = change.sequence, value = change.value, content_type = change.content_type
    FROM change WHERE lives AND entry.ctid = place
  ), deleted AS (
    DELETE FROM checkpoint_entries AS entry USING change WHERE NOT lives AND entry.ctid = place
  ), inserted AS (
    INSERT INTO checkpoint_entries (sequence, key, value, content_type)
    SELECT sequence, key, value, content_type FROM change WHERE lives AND place IS NULL
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

-- Only the functions above may change the log's tables: an entry by hand would pass for an acknowledged write, or make
-- the functions fail. A dump's rows are restored before its triggers exist. The check is in the function, since a
-- trigger's WHEN is parsed anew for each statement.
CREATE FUNCTION refuse_stray_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('kvs.changes', true) = 'on' THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'the table "%" belongs to the transaction log: % by hand is refused', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'restrict_violation', HINT = 'Write through a node of the service, by HTTP.';
END $$;
CREATE TRIGGER appends_only BEFORE INSERT ON transactions
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_stray_change();
CREATE TRIGGER unchanged BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON log_head
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_stray_change();
CREATE TRIGGER registrations_only BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON writers
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_stray_change();
CREATE TRIGGER appends_only BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON answers
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_stray_change();
