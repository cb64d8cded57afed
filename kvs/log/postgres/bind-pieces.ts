import { type Connection, Query, type QueryArrayConfig, type QueryArrayResult } from 'pg'

/** A parameter in Postgres's binary format as several buffers, which are sent one after the other. */
export class Pieces {
  readonly pieces: readonly Buffer[]
  readonly length: number

  constructor(pieces: readonly Buffer[]) {
    this.pieces = pieces
    this.length = pieces.reduce((sum, { length }) => sum + length, 0)
  }
}

interface BindConfig {
  readonly portal?: string
  readonly statement?: string
  readonly values?: readonly unknown[]
}

/**
 * A query for `client.query` whose parameters may be `Pieces`, and the promise of its result. `pg` would copy the
 * message into a buffer that it enlarges as it goes: three times what is sent, and as much garbage.
 */
export function makeQueryInPieces<Row extends unknown[]>(config: QueryArrayConfig & { query_timeout?: number }) {
  const { promise, resolve, reject } = Promise.withResolvers<QueryArrayResult<Row>>()
  const query = new Query(config, (error, result) => {
    if (error) reject(error)
    else resolve(result as unknown as QueryArrayResult<Row>)
  })
  const submit = query.submit.bind(query)
  query.submit = (connection) => submit(Object.create(connection, { bind: { value: bindWriter(connection) } }))
  // `pg` looks for the timeout on the query itself.
  return { promise, query: Object.assign(query, { query_timeout: config.query_timeout }) }
}

function bindWriter({ stream }: Connection): (config: BindConfig) => void {
  return (config) => {
    if (!stream.writable) return
    for (const piece of bindMessage(config)) stream.write(piece)
  }
}

/** https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-BIND */
function bindMessage({ portal = '', statement = '', values = [] }: BindConfig): Buffer[] {
  const parameters = values.map(encoded)
  const isBinary = values.map((value) => value instanceof Pieces || value instanceof Buffer)
  const names = Buffer.from(`${portal}\0${statement}\0`)
  const body = [
    names,
    int16s([values.length, ...isBinary.map(Number), values.length]),
    ...parameters.flatMap((parameter) =>
      parameter === undefined ? [int32(-1)] : [int32(parameter.length), ...parameter.pieces],
    ),
    int16s([1, 0]), // results as text
  ]
  const length = body.reduce((sum, piece) => sum + piece.length, 4)
  return [Buffer.from('B'), int32(length), ...body]
}

/** Undefined is null. */
function encoded(value: unknown): Pieces | undefined {
  if (value === undefined || value === null) return undefined
  if (value instanceof Pieces) return value
  return new Pieces([value instanceof Buffer ? value : Buffer.from(String(value))])
}

function int16s(values: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(2 * values.length)
  let at = 0
  for (const value of values) at = bytes.writeInt16BE(value, at)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value)
  return bytes
}
