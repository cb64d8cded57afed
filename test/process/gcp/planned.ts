import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const scripts = fileURLToPath(new URL('../../../compose/gcp/', import.meta.url))

/** Finds nothing where it is asked whether something is there, so that the plan goes through all that it would make. */
const recorder = `#!/bin/bash
printf '%s\\0' "$@" $'\\n' >>"$RECORD"
case " $* " in *"=- "*) cat >/dev/null ;; esac
case " $* " in *" describe "*--format=*) echo 192.0.2.7 ;; *" describe "*) exit 1 ;; *"get-iam-policy"*) echo a-role ;; esac`

/** What --dry-run prints. */
export function dryRun(script: 'deploy.sh' | 'destroy.sh', options: readonly string[]): string {
  return execFileSync(join(scripts, script), [...options, '--dry-run'], { encoding: 'utf8', stdio: 'pipe' })
}

/** The words of every gcloud command in a script that --dry-run has printed, as a shell takes them. */
export function commandsOf(plan: string, whereAllIsThere = false): string[][] {
  const directory = mkdtempSync(join(tmpdir(), 'kvs-plan-'))
  const record = join(directory, 'record')
  try {
    writeFileSync(record, '')
    writeFileSync(join(directory, 'gcloud'), whereAllIsThere ? recorder.replace('exit 1', 'exit 0') : recorder)
    chmodSync(join(directory, 'gcloud'), 0o755)
    const env = { ...process.env, PATH: `${directory}:${process.env.PATH}`, RECORD: record }
    writeFileSync(join(directory, 'plan'), plan)
    execFileSync('bash', [join(directory, 'plan')], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const lines = readFileSync(record, 'utf8').split('\0\n\0').slice(0, -1)
    return lines.map((line) => line.split('\0'))
  } finally {
    rmSync(directory, { recursive: true })
  }
}
