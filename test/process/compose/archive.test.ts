import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { compose } from './fake-docker.ts'

const segment = '000000010000000000000002'

let archive: string
let pgWal: string
let archiveSegment: () => number | null
let synced: () => string[]

beforeEach(() => {
  const directory = mkdtempSync(join(tmpdir(), 'kvs-archive-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  archive = join(directory, 'archive')
  pgWal = join(directory, 'pg_wal')
  const bin = join(directory, 'bin')
  for (const made of [archive, pgWal, bin]) mkdirSync(made)
  writeFileSync(
    join(bin, 'sync'),
    `#!/bin/sh\nfor file; do [ -e "$file" ] && echo "$file"; done >>'${directory}/synced'\n`,
  )
  chmodSync(join(bin, 'sync'), 0o755)
  const [, text = ''] = /-carchive_command=(.*)'$/m.exec(readFileSync(join(compose, 'archive.yml'), 'utf8')) ?? []
  const command = text.replaceAll('%p', `pg_wal/${segment}`).replaceAll('%f', segment).replaceAll('/archive', archive)
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` }
  archiveSegment = () => spawnSync('sh', ['-c', command], { cwd: directory, env }).status
  synced = () => {
    const file = join(directory, 'synced')
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
  }
})

test('a segment is put into the archive whole: it, then its name, is on the disk when Postgres is told so', () => {
  writeFileSync(join(pgWal, segment), 'some WAL')
  expect(archiveSegment()).toBe(0)
  expect(readdirSync(archive)).toEqual([segment])
  expect(readFileSync(join(archive, segment), 'utf8')).toBe('some WAL')
  expect(synced()[0]).toBe(join(archive, `${segment}.partial`))
  expect(synced().at(-1)).toBe(archive)
})

test('a segment that is there already is taken as archived, since Postgres asks again after a crash', () => {
  writeFileSync(join(pgWal, segment), 'some WAL')
  writeFileSync(join(archive, segment), 'some WAL')
  expect(archiveSegment()).toBe(0)
  expect(synced()).toEqual([join(archive, segment), archive])
})

test('another segment of the same name is never written over', () => {
  writeFileSync(join(pgWal, segment), 'some WAL')
  writeFileSync(join(archive, segment), 'WAL of another')
  expect(archiveSegment()).not.toBe(0)
  expect(readFileSync(join(archive, segment), 'utf8')).toBe('WAL of another')
})

test('what a copy that was cut short has left is written anew', () => {
  writeFileSync(join(pgWal, segment), 'some WAL')
  writeFileSync(join(archive, `${segment}.partial`), 'some WAL, and what was there before')
  expect(archiveSegment()).toBe(0)
  expect(readFileSync(join(archive, segment), 'utf8')).toBe('some WAL')
})
