-- The answers that are kept for idempotency keys move with the key that the request was about, so that a request that
-- is repeated at another log is answered as before. An answer that was made in another log has what a reply needs of
-- the entries there.

-- As in 013_moved_keys.sql, and `answers` after what an append locks before it.
LOCK TABLE writers, log_head, answers IN ACCESS EXCLUSIVE MODE;

ALTER TABLE answers
  ADD COLUMN slot         integer,
  ADD COLUMN origin       text,
  ADD COLUMN digest       bytea,
  ADD COLUMN current_tag  text;
COMMENT ON COLUMN answers.number IS 'in the order of commits; a moved answer counts from when it was kept here';
COMMENT ON COLUMN answers.slot IS
  'slot of the key that the request was about, one of them for a transaction; null on what was answered before there were slots, which moves nowhere';
COMMENT ON COLUMN answers.origin IS 'id of the log that has answered, which sequence and digest are of; null for this one';
COMMENT ON COLUMN answers.digest IS 'of the entry, where another log has answered; else null';
COMMENT ON COLUMN answers.current_tag IS
  'where another log has answered: tag of the value that the key had, and `current` is null; else null';

-- Keeps answers of another log, in this order: those whose idempotency key has no answer here.
--   ring_entry  the entry on the ring that the caller goes by
--   outcome     'kept'; 'overtaken': the newest entry on the ring is another one, and nothing was stored; 'fenced':
--               another session is registered
CREATE FUNCTION keep_answers(
  of_writer uuid, of_session uuid, ring_entry bigint,
  idempotency_keys text[], requests bytea[], slots integer[], origins text[], sequences bigint[], digests bytea[],
  current_tags text[], notes text[], OUT outcome text
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  ignored  text := begin_change();
  newest   bigint;
  kept     record;
BEGIN
  -- The head's lock is held until the commit, as by an append: numbers are in the order of commits.
  SELECT ring_sequence INTO newest FROM writers, log_head WHERE id = of_writer AND session = of_session
  FOR UPDATE OF writers, log_head;
  IF NOT FOUND THEN
    outcome := 'fenced';
    RETURN;
  ELSIF newest <> ring_entry THEN
    outcome := 'overtaken';
    RETURN;
  END IF;

  WITH answered AS (
    INSERT INTO answers (idempotency_key, request, slot, origin, sequence, digest, current_tag, note)
    SELECT asked.idempotency_key, asked.request, asked.slot, asked.origin, asked.sequence, asked.digest, asked.current_tag, asked.note
    FROM unnest(idempotency_keys, requests, slots, origins, sequences, digests, current_tags, notes)
      WITH ORDINALITY AS asked (idempotency_key, request, slot, origin, sequence, digest, current_tag, note, place)
    -- ON CONFLICT would use up a number for each that is here already, and so put others out.
    WHERE NOT EXISTS (SELECT FROM answers AS known WHERE known.idempotency_key = asked.idempotency_key COLLATE "C")
    ORDER BY place
    RETURNING number
  )
  SELECT min(number) AS first, max(number) AS last INTO kept FROM answered;
  -- As append_conditional does
  IF kept.last > 100000 THEN DELETE FROM answers WHERE number BETWEEN kept.first - 100000 AND kept.last - 100000; END IF;
  outcome := 'kept';
END $$;

-- append_conditional keeps the slot of each answer, which the node tells, and returns what another log has answered.
-- The rest of it is as in 009_sites.sql.
DO $$
DECLARE
  former      text := 'append_conditional'::regproc::regprocedure;
  definition  text := pg_get_functiondef('append_conditional'::regproc);
  change      record;
BEGIN
  FOR change IN
    SELECT * FROM (VALUES
      ('notes text[])', 'notes text[], slots integer[])'),
      ('stamp bigint)', 'stamp bigint, origin text, digest bytea, current_tag text)'),
      ('INSERT INTO answers (idempotency_key, request, sequence, current, note)',
       'INSERT INTO answers (idempotency_key, request, sequence, current, note, slot)'),
      ('asked.sequence, asked.current, asked.note', 'asked.sequence, asked.current, asked.note, asked.slot'),
      ('requests, sequences, currents, notes, outcomes)', 'requests, sequences, currents, notes, outcomes, slots)'),
      ('AS asked (idempotency_key, request, sequence, current, note, outcome)',
       'AS asked (idempotency_key, request, sequence, current, note, outcome, slot)'),
      ('at.sequence, at.digest, at.recorded_at, at.stamp',
       E'at.sequence, at.digest, at.recorded_at, at.stamp,\n' ||
       '         CASE WHEN asked.outcome = ''answered'' THEN answers.origin END,' || E'\n' ||
       '         CASE WHEN asked.outcome = ''answered'' THEN answers.digest END,' || E'\n' ||
       '         CASE WHEN asked.outcome = ''answered'' THEN answers.current_tag END')
    ) AS changes (old, new)
  LOOP
    IF position(change.old IN definition) = 0 THEN
      RAISE EXCEPTION 'the function append_conditional is not as this program has made it';
    END IF;
    definition := replace(definition, change.old, change.new);
  END LOOP;
  EXECUTE 'DROP FUNCTION ' || former;
  EXECUTE definition;
END $$;
