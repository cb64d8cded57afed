#!/usr/bin/env node
/**
 * A double of gcloud for deploy.sh and destroy.sh, since a cloud can't be had in a test: it keeps what has been made in
 * one JSON file (FAKE_GCLOUD), writes each call to it, and fails as gcloud does where something is there twice, or not
 * at all. Call number FAKE_FAILS_AT fails before it does anything.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'

interface Cloud {
  /** By kind and name; for a secret its versions, for a policy its bindings, else what it was made with. */
  things: Record<string, Record<string, string> & { versions?: string[] }>
  bindings: string[]
  calls: { words: string[]; changed: boolean }[]
}

const words = process.argv.slice(2)
// To its end first: what comes by a pipe may come from another call, which must have written the file before it is
// read.
const input = words.some((word) => word.endsWith('-file=-')) ? readFileSync(0, 'utf8') : ''
const file = process.env.FAKE_GCLOUD ?? ''
const cloud: Cloud = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { things: {}, bindings: [], calls: [] }
const flags = new Map(
  words
    .filter((word) => word.startsWith('--'))
    .map((word) => [word.split('=', 1)[0] ?? '', word.slice(word.indexOf('=') + 1)]),
)
const plain = words.filter((word) => !word.startsWith('--'))
const before = JSON.stringify([cloud.things, cloud.bindings])

function end(output = '', code = 0): never {
  cloud.calls.push({ words, changed: JSON.stringify([cloud.things, cloud.bindings]) !== before })
  writeFileSync(file, JSON.stringify(cloud, undefined, 2))
  ;(code === 0 ? process.stdout : process.stderr).write(output && `${output}\n`)
  process.exit(code)
}

const fail = (text: string) => end(`ERROR: (gcloud) ${text}`, 1)
const flag = (name: string) => flags.get(name) ?? ''
const settings = () => Object.fromEntries(flags)

if (cloud.calls.length === Number(process.env.FAKE_FAILS_AT ?? -1)) fail('the network has gone')

const verbs = [
  'describe',
  'create',
  'delete',
  'update',
  'patch',
  'add',
  'access',
  'add-metadata',
  'add-labels',
  'submit',
]
const verb = plain.find((word) => [...verbs, 'enable'].includes(word) || /-(iam-policy|guest)/.test(word)) ?? ''
const at = plain.indexOf(verb)
const kind = plain.slice(0, at).join(' ')
const name = plain[at + 1] ?? ''
const where = kind.startsWith('sql ') && kind !== 'sql instances' ? `${flag('--instance')}/` : ''
const shortName = kind === 'iam service-accounts' ? (name.split('@', 1)[0] ?? '') : name
const id = `${kind} ${where}${shortName}`
const thing = cloud.things[id]

function policy(): never {
  const binding = `${kind} ${name} ${flag('--member')} ${flag('--role')}`
  if (verb === 'get-iam-policy') {
    const [, role, member] = /^bindings.role=(\S+) AND bindings.members=(\S+)$/.exec(flag('--filter')) ?? []
    end(cloud.bindings.includes(`${kind} ${name} ${member} ${role}`) ? role : '')
  }
  if (kind !== 'projects' && thing === undefined) fail(`NOT_FOUND: ${id} not found`)
  const account = /^serviceAccount:([^@]+)@/.exec(flag('--member'))?.[1]
  if (verb === 'add-iam-policy-binding') {
    if (!cloud.things[`iam service-accounts ${account}`]) fail(`Service account ${account} does not exist.`)
    cloud.bindings = [...new Set([...cloud.bindings, binding])]
  } else {
    if (!cloud.bindings.includes(binding))
      fail('Policy binding with the specified principal, role, and condition not found!')
    cloud.bindings = cloud.bindings.filter((each) => each !== binding)
  }
  end()
}

/** Of a secret: describe, access and add. */
function versions(): never {
  const secretName = verb === 'add' ? name : flag('--secret')
  const secret = cloud.things[`secrets ${secretName}`]
  if (secret === undefined) fail(`NOT_FOUND: Secret [${secretName}] not found.`)
  const all = secret?.versions ?? []
  if (verb === 'add') {
    if (secret)
      secret.versions = [...all, flag('--data-file') === '-' ? input : readFileSync(flag('--data-file'), 'utf8')]
    end()
  }
  if (all.length === 0) fail('NOT_FOUND: Secret Version [latest] not found.')
  if (verb === 'describe') end()
  process.stdout.write(all.at(-1) ?? '')
  end()
}

function show(): never {
  if (thing === undefined) fail(`Could not fetch resource: ${id} was not found`)
  const format = flag('--format')
  if (format.includes('address)')) end('192.0.2.7')
  if (format.includes('sourceRanges')) end(`${thing?.['--source-ranges']} ${thing?.['--allow']}`)
  if (format.includes('labels.release')) end((thing?.['--labels'] ?? '').replace('release=', ''))
  if (format.includes('authorizedNetworks')) end(thing?.['--authorized-networks'] ?? '')
  end('described')
}

if (/iam-policy/.test(verb)) policy()
if (kind === 'secrets versions') versions()
if (verb === 'describe') show()
if (verb === 'enable') end()
if (verb === 'get-guest-attributes')
  end(process.env.FAKE_VM_SAYS?.replace('RELEASE', (thing?.['--labels'] ?? '').replace('release=', '')))
if (verb === 'submit') {
  const image = flag('--substitutions').replace('_IMAGE=', '')
  if (!existsSync(name)) fail(`${name} is not there`)
  cloud.things[`artifacts docker images ${image}`] = {}
  end()
}
if (verb === 'create') {
  if (thing !== undefined) fail(`ALREADY_EXISTS: ${id}`)
  cloud.things[id] = { ...settings(), ...(flags.get('--flags-file') === '-' ? { stdin: input } : {}) }
  end()
}
if (thing === undefined) fail(`NOT_FOUND: ${id}`)
if (verb === 'delete') {
  delete cloud.things[id]
  const gone = (other: string) =>
    (kind === 'artifacts repositories' && other.startsWith('artifacts docker')) || other.includes(` ${shortName}/`)
  for (const other of Object.keys(cloud.things).filter(gone)) delete cloud.things[other]
  cloud.bindings = cloud.bindings.filter((binding) => !binding.startsWith(`${kind} ${name} `))
  end()
}
if (['update', 'patch', 'add-metadata', 'add-labels'].includes(verb)) {
  cloud.things[id] = Object.assign({ ...thing }, settings())
  if (flags.has('--clear-authorized-networks')) cloud.things[id]['--authorized-networks'] = ''
  end()
}
fail(`unknown: ${words.join(' ')}`)
