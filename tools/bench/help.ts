import { partNames, parts } from './arguments.ts'

const width = 12

/** Text of `--help`. */
export function help(): string {
  const list = partNames.map((name) => `  ${name.padEnd(width)}${parts[name].sentence}`)
  return `npm run bench -- [PART…] [OPTION…]

Starts the service and its peers, lets them take turns, and prints medians, how far the rounds lie apart, and ratios. Without a PART it
measures all but nodes, lists, transactions, sites, ring, expiry, snapshot, large and soak, in about a quarter of an hour; each part may be measured alone, and the latest of each make up the table of targets.

${list.join('\n')}
  ${'report'.padEnd(width)}runs nothing: the table from what was measured last

  --seconds N   of one run (3)                       --quick        two minutes, for a look; kept apart
  --runs N      rounds of what a target hangs on (5) --profile      the service alone, under V8's profiler
  --minutes N   of soak and snapshot (20)            --write-docs   docs/performance.md and its pictures
  --large       also twenty million keys             --out DIR      where results go (bench-results)

Workloads of throughput can be chosen: put, get, 95/5, 50/50; 1, 32, 256 connections; 10B, 1KiB, 64KiB; zipfian.

  npm run bench -- --quick
  npm run bench -- throughput get 32 --seconds 5 --runs 7
  npm run bench -- put 256 --profile
  npm run bench -- soak --minutes 20 --write-docs
  npm run bench -- memory --large

Peers come from Debian's packages: apt-get install wrk etcd-server redis-server redis-tools postgresql-contrib haproxy
Data goes below TMPDIR, which should be on a disk: flushes to memory cost nothing.
`
}
