import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { scripts } from './planned.ts'

const fake = fileURLToPath(new URL('fake-gcloud.ts', import.meta.url))

/** What fake-gcloud.ts keeps. */
export interface Cloud {
  things: Record<string, Record<string, string> & { versions?: string[] }>
  bindings: string[]
  calls: { words: string[]; changed: boolean }[]
}

/** An empty project of a cloud that is a double, and the scripts run in it. */
export function makeProject() {
  const directory = mkdtempSync(join(tmpdir(), 'kvs-project-'))
  const path = (name: string) => join(directory, name)
  const executable = (name: string, content: string) => {
    writeFileSync(path(name), `#!/bin/sh\n${content}\n`)
    chmodSync(path(name), 0o755)
  }
  executable('gcloud', `exec '${process.execPath}' '${fake}' "$@"`)
  executable('sleep', '')
  executable('curl', 'echo "$@" >>"$FAKE_CURL"; exit "$FAKE_CURL_CODE"')

  function cloud(): Cloud {
    return JSON.parse(readFileSync(path('cloud.json'), 'utf8'))
  }

  function run(command: string, args: readonly string[], env: Record<string, string> = {}) {
    const all = {
      ...process.env,
      ...{ PATH: `${directory}:${process.env.PATH}`, NODE_COMPILE_CACHE: path('cache') },
      ...{
        FAKE_GCLOUD: path('cloud.json'),
        FAKE_VM_SAYS: 'RELEASE ready',
        FAKE_CURL: path('curl.log'),
        FAKE_CURL_CODE: '0',
        ...env,
      },
    }
    const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', env: all, timeout: 120_000 })
    return { status, stdout, stderr }
  }

  return {
    file(name: string, content: string) {
      writeFileSync(path(name), content)
      return path(name)
    },
    cloud,
    read: (name: string) => readFileSync(path(name), 'utf8'),
    bash: (script: string) => run('bash', ['-c', script]),
    deploy: (options: readonly string[], env?: Record<string, string>) => run(join(scripts, 'deploy.sh'), options, env),
    destroy: (options: readonly string[], env?: Record<string, string>) =>
      run(join(scripts, 'destroy.sh'), options, env),

    /** What there is, without what differs from project to project: passwords, and how many versions a secret has. */
    contents() {
      const { things, bindings } = cloud()
      const secretless = Object.entries(things).map(([id, { versions, ...thing }]) => {
        const shown = Object.entries(thing).map(([name, value]) => [name, value.replace(/[0-9a-f]{48}/, 'PASSWORD')])
        const last = versions?.at(-1)?.replace(/^[0-9a-f]{48}$/, 'PASSWORD')
        return [id, { ...Object.fromEntries(shown), ...(versions && { last }) }]
      })
      return { things: Object.fromEntries(secretless), bindings: bindings.toSorted() }
    },

    remove: () => rmSync(directory, { recursive: true }),
  }
}

export type Project = ReturnType<typeof makeProject>
