import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

export const compose = fileURLToPath(new URL('../../../compose/', import.meta.url))

/**
 * The scripts of compose/ with a double of docker, and a sleep that takes no time.
 * @param answers the body of bash’s `case`, over docker’s words and, after a line feed, what psql is asked on stdin.
 *   `sql_error TEXT` answers as psql does: it ends with 0 unless it was told ON_ERROR_STOP.
 */
export function makeFakeDocker(answers: string) {
  const directory = mkdtempSync(join(tmpdir(), 'kvs-compose-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const path = (name: string) => join(directory, name)
  const executable = (name: string, content: string) => {
    writeFileSync(path(name), `#!/usr/bin/env bash\n${content}\n`)
    chmodSync(path(name), 0o755)
  }
  executable('sleep', '')
  executable(
    'docker',
    `words="$*"
case $words in *psql*) words+=$'\\n'$(cat) ;; *pg_restore*|*' run '*) cat >/dev/null ;; esac
printf '%s\\0' "$words" >>'${path('calls')}'
calls() { tr '\\0\\n' '\\n ' <'${path('calls')}' | grep -c -- "$1"; }
sql_error() { echo "ERROR:  $1" >&2; case $words in *ON_ERROR_STOP*) exit 3 ;; esac; exit 0; }
case $words in
${answers}
*) echo "no answer to: $words" >&2; exit 64 ;;
esac`,
  )

  return {
    path,
    /** A script of compose/; its status is null if it has not ended after ten seconds. */
    run(script: string, ...args: string[]) {
      const env = { ...process.env, PATH: `${directory}:${process.env.PATH}` }
      const { status, stdout, stderr } = spawnSync(join(compose, script), args, {
        ...{ encoding: 'utf8', env, cwd: directory, timeout: 10_000 },
      })
      return { status, stdout, stderr }
    },
    /** What docker was called with. */
    calls: () => (existsSync(path('calls')) ? readFileSync(path('calls'), 'utf8').split('\0').slice(0, -1) : []),
  }
}
