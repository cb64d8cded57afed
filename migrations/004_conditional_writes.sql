-- Conditional writes and idempotency keys. A node decides on a condition by its view, and the log accepts the decision
-- only where no entry that the view lacked has the same key. Answers are kept for requests that are repeated.

-- The newest 100,000 answers; older ones are forgotten.
CREATE TABLE answers (
  idempotency_key  text    COLLATE "C" PRIMARY KEY,
  number           bigint  GENERATED ALWAYS AS IDENTITY UNIQUE,
  request          bytea   NOT NULL,  -- a hash of the request, which tells a repetition from another request
  sequence         bigint,            -- the entry; null where the condition did not hold, and nothing was stored
  current          bigint             -- the entry of the value that the key had; null where it had none
);

-- Stores, under the head's lock, those of a batch's writes whose decision still holds. Returns a row for each, in
-- order:
--   outcome  'landed', 'refused': the decision holds; 'overtaken': the key has an entry after `seen`, and nothing was
--            done; 'answered': the request was answered before, with `sequence` and `current`; 'reused': another
--            request was
--   head, head_digest  the log's end after the batch
-- Returns no row where another session is registered for the writer.
CREATE FUNCTION append_conditional(
  of_writer uuid, of_session uuid, last_number bigint, seen bigint,
  event_types smallint[], keys text[], put_values bytea[], content_types text[],
  lands boolean[], currents bigint[], idempotency_keys text[], requests bytea[]
) RETURNS TABLE (outcome text, sequence bigint, current bigint, head bigint, head_digest bytea)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  claimed    writers;
  at         log_head;
  outcomes   text[];
  sequences  bigint[];
  landed     bigint;
BEGIN
  SELECT * INTO claimed FROM writers WHERE id = of_writer AND session = of_session AND last_write < last_number FOR UPDATE;
  IF NOT FOUND THEN RETURN; END IF;
  SELECT * INTO STRICT at FROM log_head FOR UPDATE;

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
    UPDATE log_head
    SET sequence = at.sequence + landed,
        recorded_at = greatest(recorded_at, clock_timestamp()),
        digest = substring(sha256(digest || uuid_send(of_session) || int8send(last_number)) FOR 8)
    RETURNING * INTO STRICT at;
    INSERT INTO transactions (sequence, event_type, key, value, content_type, recorded_at, digest, superseded, writer)
    SELECT asked.sequence, event_type, key, value, content_type, at.recorded_at, at.digest, false, claimed.number
    FROM unnest(sequences, event_types, keys, put_values, content_types)
      AS asked (sequence, event_type, key, value, content_type)
    WHERE asked.sequence IS NOT NULL;
    UPDATE writers SET last_write = last_number, last_sequence = at.sequence, last_digest = at.digest
    WHERE id = of_writer;
    PERFORM pg_notify('kvs_log', '');
  END IF;

  INSERT INTO answers (idempotency_key, request, sequence, current)
  SELECT asked.idempotency_key, asked.request, asked.sequence, asked.current
  FROM unnest(idempotency_keys, requests, sequences, currents, outcomes)
    AS asked (idempotency_key, request, sequence, current, outcome)
  WHERE asked.idempotency_key IS NOT NULL AND asked.outcome IN ('landed', 'refused');
  IF FOUND THEN DELETE FROM answers WHERE number <= (SELECT max(number) FROM answers) - 100000; END IF;

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
