import type { Environment } from './settings-table.ts'

/**
 * The variables that libpq reads (https://www.postgresql.org/docs/18/libpq-envars.html), and those by which `pg` reads the same. What
 * they say is no setting of this service: taken in silence, one of them would change the log's sessions or keep a node from them.
 */
const names: readonly string[] = [
  ...['PGHOST', 'PGHOSTADDR', 'PGPORT', 'PGDATABASE', 'PGUSER', 'PGPASSWORD', 'PGPASSFILE', 'PGREQUIREAUTH'],
  ...['PGCHANNELBINDING', 'PGSERVICE', 'PGSERVICEFILE', 'PGOPTIONS', 'PGAPPNAME', 'PGSSLMODE', 'PGREQUIRESSL'],
  ...['PGSSLNEGOTIATION', 'PGSSLCOMPRESSION', 'PGSSLCERT', 'PGSSLKEY', 'PGSSLCERTMODE', 'PGSSLROOTCERT', 'PGSSLCRL'],
  ...['PGSSLCRLDIR', 'PGSSLSNI', 'PGREQUIREPEER', 'PGSSLMINPROTOCOLVERSION', 'PGSSLMAXPROTOCOLVERSION'],
  ...['PGMINPROTOCOLVERSION', 'PGMAXPROTOCOLVERSION', 'PGGSSENCMODE', 'PGKRBSRVNAME', 'PGGSSLIB', 'PGGSSDELEGATION'],
  ...['PGCONNECT_TIMEOUT', 'PGCLIENTENCODING', 'PGTARGETSESSIONATTRS', 'PGLOADBALANCEHOSTS', 'PGDATESTYLE', 'PGTZ'],
  ...['PGGEQO', 'PGSYSCONFDIR', 'PGLOCALEDIR', 'PGCLIENT_ENCODING', 'PGREPLICATION', 'PGBINARY'],
]

/** Has nothing of them reach `pg`, which reads them wherever it is given no value, or an empty one. */
export function removeLibpqVariables(env: Record<string, string | undefined>): void {
  for (const name of names) delete env[name]
}

/** One line for all that are set. */
export function tellLibpqVariables(env: Environment): string[] {
  const set = Object.keys(env).filter((name) => names.includes(name) && env[name])
  if (set.length === 0) return []
  return [
    `passed over, as libpq’s variables are not read: ${set.join(', ')}; set DATABASE_URL, which takes libpq’s parameters ` +
      '(options=… for PGOPTIONS), or POSTGRES_HOST, POSTGRES_USER, POSTGRES_PASSWORD …',
  ]
}
