-- An ETag names an entry and its history by the entry's sequence and digest. So the checkpoint keeps the digest of each
-- live key's entry as well. The old checkpoint is emptied, and a new one is made from the log.

-- Waits for a step that is under way, and delays the next one, but not readers, which take their locks in the other
-- order.
LOCK TABLE checkpoint IN EXCLUSIVE MODE;
DELETE FROM checkpoint;
TRUNCATE checkpoint_entries;
ALTER TABLE checkpoint_entries ADD COLUMN digest bytea NOT NULL;  -- that of the entry in transactions

DROP FUNCTION checkpoint_hash(bigint, text, bytea, text);

-- The sequence seeds the hash, so that fields which two rows exchanged do not cancel out.
CREATE FUNCTION checkpoint_hash(sequence bigint, key text, value bytea, content_type text, digest bytea) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
  SELECT hash_record_extended(ROW(key, value, content_type, digest), sequence)
$$;

-- 003_checkpoint.sql says what it does; the digests are new.
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
           CASE WHEN octet_length(value) <= 2000 THEN value END AS value, content_type, digest
    FROM transactions
    WHERE sequence > at.sequence AND sequence <= next.sequence AND NOT superseded
    ORDER BY key COLLATE "C", sequence DESC
  ), change AS MATERIALIZED (
    SELECT latest.*, old.ctid AS place,
           CASE WHEN lives
                THEN checkpoint_hash(latest.sequence, latest.key, latest.value, latest.content_type, latest.digest) END AS hash,
           CASE WHEN old.ctid IS NOT NULL
                THEN checkpoint_hash(old.sequence, old.key, old.value, old.content_type, old.digest) END AS old_hash
    FROM latest LEFT JOIN checkpoint_entries AS old ON old.key = latest.key COLLATE "C"
  ), updated AS (
    UPDATE checkpoint_entries AS entry
    SET sequence = change.sequence, value = change.value, content_type = change.content_type, digest = change.digest
    FROM change WHERE lives AND entry.ctid = place
  ), deleted AS (
    DELETE FROM checkpoint_entries AS entry USING change WHERE NOT lives AND entry.ctid = place
  ), inserted AS (
    INSERT INTO checkpoint_entries (sequence, key, value, content_type, digest)
    SELECT sequence, key, value, content_type, digest FROM change WHERE lives AND place IS NULL
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

-- The digest of an entry; null where there is no such entry. The function is volatile, so that it sees what was
-- committed while the calling statement waited for the head's lock; that statement's own snapshot is older.
CREATE FUNCTION digest_at(of_sequence bigint) RETURNS bytea LANGUAGE plpgsql VOLATILE STRICT AS $$
BEGIN
  RETURN (SELECT digest FROM transactions WHERE sequence = of_sequence);
END $$;
