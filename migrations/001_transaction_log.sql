-- The transaction log: an append-only table, the head that orders it, and the writers that append to it.
-- It runs in one transaction, and converts a `transactions` table of the textbook service in place.

-- One row. An append raises its sequence first and holds its lock to the commit, so sequences are in commit order.
CREATE TABLE log_head (
  only_row         boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
  log_id           text        NOT NULL,  -- random: a position of another log does not pass for one of this log
  sequence         bigint      NOT NULL,  -- the last entry's sequence
  recorded_at      timestamptz NOT NULL,  -- the last entry's time; never goes back
  digest           bytea       NOT NULL,  -- covers all batches so far, each chained to the one before
  adopted_through  bigint      NOT NULL,  -- sequences through this one are the textbook service's, and may have gaps
  adopted_entries  bigint      NOT NULL   -- how many of the textbook service's entries the log has
);

CREATE TABLE writers (
  id             uuid   PRIMARY KEY,
  session        uuid   NOT NULL,  -- the connection that may append for this writer; no other may
  batch          bigint NOT NULL,  -- the number of its last committed batch
  last_sequence  bigint NOT NULL,  -- the last entry of that batch
  last_digest    bytea  NOT NULL   -- that entry's digest
);

-- Decodes what Go's url.QueryEscape encoded: the textbook service encodes each value, and never decodes it. A value
-- that QueryEscape can't have written, which somebody put there by hand, stays as it is.
CREATE FUNCTION kvs_query_unescape(escaped text) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT CASE
    WHEN escaped ~ '[^A-Za-z0-9_.~%+-]' OR escaped ~ '%(?![0-9A-Fa-f]{2})' THEN convert_to(escaped, 'UTF8')
    ELSE coalesce(
      (SELECT string_agg(
         CASE WHEN place = 1 THEN convert_to(part, 'UTF8')
              ELSE decode(left(part, 2), 'hex') || convert_to(substr(part, 3), 'UTF8') END,
         ''::bytea ORDER BY place)
       FROM unnest(string_to_array(replace(escaped, '+', ' '), '%')) WITH ORDINALITY AS parts (part, place)),
      ''::bytea)
  END
$$;

DO $$
DECLARE
  columns text;
  odd     bigint;
  serial  text;
BEGIN
  SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attname) INTO columns
  FROM pg_attribute WHERE attrelid = to_regclass('transactions') AND attnum > 0 AND NOT attisdropped;

  IF columns IS NULL THEN
    CREATE TABLE transactions (
      sequence      bigint      PRIMARY KEY,
      event_type    smallint    NOT NULL,
      key           text        NOT NULL,
      value         bytea,
      content_type  text,
      recorded_at   timestamptz NOT NULL,
      digest        bytea       NOT NULL
    );
  ELSIF columns ~ '^event_type (smallint|integer), key (text|character varying.*), sequence (bigint|integer), value (text|character varying.*)$' THEN
    LOCK TABLE transactions IN ACCESS EXCLUSIVE MODE;
    SELECT count(*) INTO odd FROM transactions WHERE key IS NULL OR event_type IS NULL OR event_type NOT IN (1, 2);
    IF odd > 0 THEN
      RAISE EXCEPTION 'the table "transactions" has % rows without a key or with an event_type other than 1 and 2', odd;
    END IF;
    serial := pg_get_serial_sequence('transactions', 'sequence');
    ALTER TABLE transactions ALTER COLUMN sequence DROP DEFAULT;
    IF serial IS NOT NULL THEN EXECUTE 'DROP SEQUENCE ' || serial; END IF;
    ALTER TABLE transactions
      ALTER COLUMN sequence TYPE bigint,
      ALTER COLUMN event_type TYPE smallint,
      ALTER COLUMN event_type SET NOT NULL,
      ALTER COLUMN key TYPE text,
      ALTER COLUMN key SET NOT NULL,
      ALTER COLUMN value DROP DEFAULT,
      ALTER COLUMN value TYPE bytea
        USING CASE event_type WHEN 2 THEN kvs_query_unescape(coalesce(value, '')) END,
      ADD COLUMN content_type text,
      ADD COLUMN recorded_at timestamptz NOT NULL DEFAULT transaction_timestamp(),
      ADD COLUMN digest bytea NOT NULL DEFAULT '';
    ALTER TABLE transactions ALTER COLUMN recorded_at DROP DEFAULT, ALTER COLUMN digest DROP DEFAULT;
    IF NOT EXISTS (SELECT FROM pg_index WHERE indrelid = 'transactions'::regclass AND indisprimary) THEN
      ALTER TABLE transactions ADD PRIMARY KEY (sequence);
    END IF;
  ELSE
    RAISE EXCEPTION 'the table "transactions" is neither this service''s nor the textbook service''s; it has the columns %', columns
      USING HINT = 'Use another database, or rename that table.';
  END IF;

  INSERT INTO log_head (log_id, sequence, recorded_at, digest, adopted_through, adopted_entries)
  SELECT encode(substring(uuid_send(gen_random_uuid()) FOR 4), 'hex'),
         coalesce(max(sequence), 0), transaction_timestamp(), substring(uuid_send(gen_random_uuid()) FOR 8), coalesce(max(sequence), 0), count(*)
  FROM transactions;
END $$;

DROP FUNCTION kvs_query_unescape(text);

ALTER TABLE transactions
  ADD CONSTRAINT known_event_type CHECK (event_type IN (1, 2)),
  ADD CONSTRAINT value_where_put CHECK ((event_type = 2) = (value IS NOT NULL));
COMMENT ON COLUMN transactions.event_type IS '1 = DELETE, 2 = PUT';
COMMENT ON COLUMN transactions.digest IS 'log_head.digest as of the batch this entry came with; empty where adopted';

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the transaction log is append-only: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON transactions
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
