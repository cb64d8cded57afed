-- 009_sites.sql says what it does. Entries are compared with the newest one of their key, by one hash join, and no
-- longer each with every one that came since the view was looked at: those are up to 50,000 while a backlog comes in.
CREATE OR REPLACE FUNCTION append_foreign(
  of_writer uuid, of_session uuid, after_number bigint, last_number bigint, seen bigint,
  event_types smallint[], keys text[], put_values bytea[], content_types text[], deadlines timestamptz[],
  dependencies text[], stamps bigint[], origins text[], origin_sequences bigint[], superseded boolean[],
  OUT outcome text, OUT sequence bigint, OUT digest bytea, OUT recorded_at timestamptz, OUT stamp bigint
) LANGUAGE plpgsql VOLATILE
-- Thousands of entries are compared with as many, and more, whatever the planner takes their number for.
SET enable_nestloop = off
AS $$
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
           entry.event_type = 1 AND entry.deadline IS NOT NULL AS is_expiry, coalesce(entry.origin, own) AS origin
    FROM transactions AS entry
    WHERE entry.sequence > seen AND entry.sequence <= at.sequence AND entry.key IN (SELECT unnest(keys)) AND NOT entry.superseded
      AND entry.event_type <= 2
    UNION ALL  -- No view has members, so that these are ranked against all there are.
    SELECT true, entry.key, entry.stamp, false, coalesce(entry.origin, own)
    FROM transactions AS entry
    WHERE 2 < ANY (event_types) AND entry.event_type > 2 AND entry.key IN (SELECT unnest(keys)) AND NOT entry.superseded
  ), newest AS (
    SELECT DISTINCT ON (is_member, key) * FROM later ORDER BY is_member, key, stamp DESC, is_expiry DESC, origin DESC
  )
  SELECT array_agg(asked.flag OR coalesce(
    (newest.stamp, newest.is_expiry, newest.origin) >
      (asked.stamp, asked.event_type = 1 AND asked.deadline IS NOT NULL, asked.origin), false
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
