-- Deletes may be forgotten. A site remembers them so that an older PUT of another site, which is on its way still, does
-- not bring a key back. Once no such PUT can be, as kvs/sites/floor.ts says, the site notes so here, and neither its
-- checkpoint nor its nodes need them any more. The log keeps them, as all entries.

-- As in 009_sites.sql: no step of a checkpoint runs from here to the commit.
SELECT pg_advisory_xact_lock(x'6b767320636b7074'::bigint);
LOCK TABLE checkpoint_entries, writers, end_of_log, log_head, transactions IN ACCESS EXCLUSIVE MODE;

ALTER TABLE log_head ADD COLUMN forgotten_stamp bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN log_head.forgotten_stamp IS
  'deletes with a stamp through this one may be forgotten; it only rises, and not with each append; 0 where none may';

ALTER TABLE checkpoint
  ADD COLUMN forgotten_stamp  bigint  NOT NULL DEFAULT 0,
  ADD COLUMN swept            bigint;
COMMENT ON COLUMN checkpoint.forgotten_stamp IS
  'of deletes with a stamp through this one, rows may be missing; never above log_head.forgotten_stamp';
COMMENT ON COLUMN checkpoint.swept IS 'hash of the key that taking out those rows has come to; null where all are gone';

-- By a hash, since an adopted key may be longer than a B-tree takes. Of columns that an update of a live key leaves as
-- they are, so that it does not touch the index.
CREATE INDEX checkpoint_entries_deleted ON checkpoint_entries (hashtext(key)) WHERE NOT lives;

-- Raises the stamp through which deletes may be forgotten; it is never lowered. Returns it.
CREATE FUNCTION forget_deletes(through bigint) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  ignored  text := begin_change();
BEGIN
  UPDATE log_head SET forgotten_stamp = through WHERE forgotten_stamp < through;
  RETURN (SELECT forgotten_stamp FROM log_head);
END $$;

-- The deletes among the entries after a sequence, through another one, that had an effect, and have a stamp through
-- `through`. A spooled delete that was overtaken has a later stamp than what overtook it.
CREATE FUNCTION deletes_between(after bigint, up_to bigint, through bigint)
RETURNS TABLE (key text, stamp bigint, is_expiry boolean, origin text) LANGUAGE sql STABLE AS $$
  SELECT key, stamp_of(stamp, recorded_at), deadline IS NOT NULL, coalesce(origin, log_id)
  FROM transactions, log_head
  WHERE sequence > after AND sequence <= up_to AND event_type = 1 AND NOT superseded
    AND stamp_of(stamp, recorded_at) <= through
$$;

-- 009_sites.sql says what it does. Deletes that may be forgotten are no longer folded, but for those that have a
-- dependency, which whoever reads the key depends on. Those that are in the checkpoint
-- already are taken out once the stamp in log_head has risen: each step passes `most` of all deletes, in the order of
-- their keys' hashes. Where that stamp is lower than the checkpoint's, since its row was made anew, the checkpoint is
-- begun anew as well.
CREATE OR REPLACE FUNCTION advance_checkpoint(
  most integer, tombstones boolean DEFAULT false, OUT outcome text, OUT before bigint, OUT reached bigint, OUT behind bigint
)
LANGUAGE plpgsql VOLATILE
-- Each key is looked up in the index, whatever is known of a table that was filled or emptied just now.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
  head       end_of_log;
  at         checkpoint;
  forgotten  bigint := (SELECT forgotten_stamp FROM log_head);
  last       bigint;
  next       record;
  fold       record;
BEGIN
  outcome := 'busy';
  IF NOT pg_try_advisory_xact_lock(x'6b767320636b7074'::bigint) THEN RETURN; END IF;  -- any number; this spells "kvs ckpt"
  SELECT * INTO STRICT head FROM end_of_log;
  IF head.flaw IS NOT NULL THEN RAISE EXCEPTION 'the log is broken: %', head.flaw; END IF;
  SELECT * INTO at FROM checkpoint FOR UPDATE;

  IF NOT FOUND OR NOT checkpoint_is_of_log(at) OR (tombstones AND NOT at.has_tombstones) OR
     (at.has_tombstones AND at.forgotten_stamp > forgotten) THEN
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
    at := ROW(true, head.log_id, 0, '', 0, 0, 0, 0, '{}', tombstones, forgotten, NULL);
    at.checksum := checkpoint_hash(at);
    DELETE FROM checkpoint;
    INSERT INTO checkpoint SELECT at.*;
  ELSE
    outcome := 'advanced';
  END IF;
  IF at.has_tombstones AND at.swept IS NULL AND at.forgotten_stamp < forgotten THEN
    at.forgotten_stamp := forgotten;
    at.swept := -2147483649;
  END IF;
  IF at.swept IS NOT NULL THEN
    WITH passed AS MATERIALIZED (
      SELECT ctid AS place, hashtext(key) AS hash FROM checkpoint_entries
      WHERE NOT lives AND hashtext(key) > at.swept ORDER BY hashtext(key) FETCH FIRST (most) ROWS WITH TIES
    ), deleted AS (
      DELETE FROM checkpoint_entries AS entry USING passed
      WHERE entry.ctid = place AND stamp_of(entry.stamp, entry.recorded_at) <= at.forgotten_stamp
        AND entry.dependency IS NULL
      RETURNING checkpoint_hash(entry.sequence, entry.lives, entry.key, entry.value, entry.content_type, entry.digest,
                                entry.recorded_at, entry.deadline, entry.stamp, entry.origin, entry.dependency) AS hash
    )
    SELECT (SELECT count(*) FROM deleted) AS keys, (SELECT coalesce(bit_xor(hash), 0) FROM deleted) AS hash,
           (SELECT CASE WHEN count(*) >= most THEN max(hash) END FROM passed) AS swept
    INTO fold;
    at.checksum := at.checksum # checkpoint_hash(at) # fold.hash;
    at.keys := at.keys - fold.keys;
    at.checksum := at.checksum # checkpoint_hash(at);
    at.swept := fold.swept;
    UPDATE checkpoint
    SET keys = at.keys, checksum = at.checksum, forgotten_stamp = at.forgotten_stamp, swept = at.swept;
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
    SELECT DISTINCT ON (key COLLATE "C") sequence, event_type = 2 AS lives, key,
           event_type = 2 OR
             (at.has_tombstones AND (stamp_of(stamp, recorded_at) > at.forgotten_stamp OR dependency IS NOT NULL)) AS stays,
           CASE WHEN octet_length(value) <= 2000 THEN value END AS value, content_type, digest, recorded_at, deadline,
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
