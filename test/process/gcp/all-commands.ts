import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { commandsOf, dryRun } from './planned.ts'

const place = ['--project=my-project', '--zone=europe-west3-c']

/** Every gcloud command that deploy.sh and destroy.sh have, with all options and without, once each. */
export function allCommands(): string[][] {
  const directory = mkdtempSync(join(tmpdir(), 'kvs-options-'))
  const file = (name: string, content: string) => {
    writeFileSync(join(directory, name), content)
    return join(directory, name)
  }
  try {
    const tokens = file('tokens.txt', 'me:read+write:0123456789abcdef\n')
    const needed = [...place, '--source-ranges=203.0.113.7/32,198.51.100.0/24', `--tokens-file=${tokens}`]
    const tls = [
      `--tls-cert=${file('cert.pem', 'BEGIN CERTIFICATE')}`,
      `--tls-key=${file('key.pem', 'BEGIN PRIVATE KEY')}`,
    ]
    const all = [
      dryRun('deploy.sh', needed),
      dryRun('deploy.sh', [...needed, ...tls, '--cloud-sql=kvs-db', '--cloud-logging', '--name=another', '--port=443']),
      dryRun('destroy.sh', [...place, '--cloud-sql=kvs-db']),
      dryRun('destroy.sh', [...place, '--cloud-sql=kvs-db', '--delete-data']),
    ].flatMap((plan) => [...commandsOf(plan), ...commandsOf(plan, true)])
    return [...new Map(all.map((words) => [words.join(' '), words])).values()]
  } finally {
    rmSync(directory, { recursive: true })
  }
}
