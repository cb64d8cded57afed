-- Writes that a node had accepted while it could not reach the log come late. One whose key another node has written in
-- the meantime is kept for the record, and has no effect: a reader of this table passes over what is superseded.

ALTER TABLE transactions
  ADD COLUMN superseded  boolean NOT NULL DEFAULT false,
  ADD COLUMN writer      integer;
COMMENT ON COLUMN transactions.superseded IS 'accepted while the log was down, and overtaken by another node''s write';
COMMENT ON COLUMN transactions.writer IS 'writers.number of the node it came from; null where older than this column';

-- A writer numbers its writes now, not its batches: so that writes which wait on its own disk have numbers as well.
ALTER TABLE writers RENAME COLUMN batch TO last_write;
ALTER TABLE writers ADD COLUMN number integer GENERATED ALWAYS AS IDENTITY;

-- Whether a key has an entry of any effect after one sequence, up to another. Volatile, so that it sees what was committed while the
-- statement that calls it waited for the head's lock; that statement's own snapshot is from before.
CREATE FUNCTION is_overtaken(of_key text, after bigint, up_to bigint) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM transactions WHERE sequence > after AND sequence <= up_to AND key = of_key AND NOT superseded
  );
END $$;
