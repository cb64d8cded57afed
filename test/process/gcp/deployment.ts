import { afterEach, beforeEach, expect } from 'vitest'
import { makeProject, type Project } from './project.ts'

export const place = ['--project=my-project', '--zone=europe-west3-c']
export const token = '0123456789abcdef0123456789abcdef'

/** What each test of the scripts is given. */
export interface Given {
  readonly project: Project
  /** The least options with which deploy.sh works. */
  readonly needed: readonly string[]
  /** Options for all that deploy.sh can make. */
  readonly everything: readonly string[]
}

/** Makes a project for each test of the file. */
export function givenProject(): Given {
  const given = {} as { -readonly [name in keyof Given]: Given[name] }

  beforeEach(() => {
    const project = makeProject()
    const tokens = project.file('tokens.txt', `# who may\nme:read+write:${token}\n`)
    const needed = [...place, '--source-ranges=203.0.113.7/32', `--tokens-file=${tokens}`]
    const cert = project.file('cert.pem', '-----BEGIN CERTIFICATE-----')
    const key = project.file('key.pem', '-----BEGIN PRIVATE KEY-----')
    const everything = [...needed, '--cloud-sql=kvs-db', '--cloud-logging', `--tls-cert=${cert}`, `--tls-key=${key}`]
    Object.assign(given, { project, needed, everything })
  })

  afterEach(() => given.project.remove())
  return given
}

export function succeed({ status, stdout, stderr }: ReturnType<Project['deploy']>) {
  expect(status, stderr).toBe(0)
  return { stdout, stderr }
}
