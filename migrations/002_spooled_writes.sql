-- Spooled writes come late: a node accepted them while it could not reach the log. One whose key another node wrote in
-- the meantime is kept for the record as superseded, and has no effect; whoever reads this table skips it.

ALTER TABLE transactions
  ADD COLUMN superseded  boolean NOT NULL DEFAULT false,
  ADD COLUMN writer      integer;
COMMENT ON COLUMN transactions.superseded IS 'accepted while the log was down, and overtaken by another node''s write';
COMMENT ON COLUMN transactions.writer IS 'writers.number of the node it came from; null where older than this column';

-- A writer numbers its writes from now on, not its batches, so that spooled writes have numbers as well.
ALTER TABLE writers RENAME COLUMN batch TO last_write;
ALTER TABLE writers ADD COLUMN number integer GENERATED ALWAYS AS IDENTITY;

-- Whether a key has an entry with an effect after one sequence, through another. The function is volatile, so that it
-- sees what was committed while the calling statement waited for the head's lock; that statement's own snapshot is
-- older.
CREATE FUNCTION is_overtaken(of_key text, after bigint, up_to bigint) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM transactions WHERE sequence > after AND sequence <= up_to AND key = of_key AND NOT superseded
  );
END $$;
