-- The checkpoint: the live keys as of a sequence, so that a start reads them and the entries after it, not the whole
-- log. It is derived from the log: both tables may be emptied at any time, and are filled again in the background.

CREATE TABLE checkpoint (
  only_row  boolean  PRIMARY KEY DEFAULT true CHECK (only_row),
  log_id    text     NOT NULL,  -- log_head.log_id
  sequence  bigint   NOT NULL,  -- the last entry that was folded into it
  digest    bytea    NOT NULL,  -- that entry's digest
  keys      bigint   NOT NULL,  -- rows in checkpoint_entries
  checksum  bigint   NOT NULL   -- XOR of the hashes of this row and of those rows
);

-- The index is a hash index, since an adopted key may be longer than a B-tree takes.
CREATE TABLE checkpoint_entries (
  sequence      bigint  NOT NULL,  -- the entry in transactions
  key           text    COLLATE "C" NOT NULL,
  value         bytea,             -- null where it has more than 2,000 bytes, and is read from transactions
  content_type  text
) WITH (fillfactor = 85);  -- leaves room for an update on the same page, which does not touch the index
CREATE INDEX checkpoint_entries_by_key ON checkpoint_entries USING hash (key);
ALTER TABLE checkpoint_entries REPLICA IDENTITY FULL;  -- without it, a publication of all tables would refuse updates

-- The sequence seeds the hash, so that fields which two rows exchanged do not cancel out.
CREATE FUNCTION checkpoint_hash(sequence bigint, key text, value bytea, content_type text) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
  SELECT hash_record_extended(ROW(key, value, content_type), sequence)
$$;

CREATE FUNCTION checkpoint_hash(checkpoint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT hash_record_extended(ROW($1.log_id, $1.digest, $1.keys), $1.sequence)
$$;

-- Whether the checkpoint was made from this log's history.
CREATE FUNCTION checkpoint_is_of_log(checkpoint) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (
    SELECT FROM log_head AS head
    WHERE head.log_id = $1.log_id AND $1.sequence <= head.sequence
      AND ($1.sequence = 0 OR $1.digest = (SELECT digest FROM transactions WHERE sequence = $1.sequence))
  )
$$;

-- Folds the log's next entries, at most `most`, into the checkpoint. Where this log has no checkpoint, it begins one
-- from nothing. It takes no lock that an append waits for, and takes effect as a whole with the caller's transaction.
--   outcome  'advanced'; 'begun': advanced from nothing; 'busy': another node does a step, and nothing was done
--   before   the checkpoint's sequence before the step
--   reached  its sequence after the step
--   behind   how many sequences the log is ahead of that
CREATE FUNCTION advance_checkpoint(most integer, OUT outcome text, OUT before bigint, OUT reached bigint, OUT behind bigint)
LANGUAGE plpgsql VOLATILE
-- Each key is looked up in the index, whatever is known of a table that was filled or emptied just now.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
  head  log_head;
  at    checkpoint;
  next  record;
  fold  record;
BEGIN
  outcome := 'busy';
  IF NOT pg_try_advisory_xact_lock(x'6b767320636b7074'::bigint) THEN RETURN; END IF;  -- any number; this spells "kvs ckpt"
  SELECT * INTO STRICT head FROM log_head;
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
