/**
 * node test/process/gcp/record-grammar.ts: writes grammar.json from the gcloud that is installed, after a command has
 * changed.
 */
import { writeFileSync } from 'node:fs'
import { allCommands } from './all-commands.ts'
import { grammarFile, installedGcloud } from './judges.ts'

const gcloud = installedGcloud()
if (gcloud === undefined) throw new Error('gcloud is not installed')
const commands = gcloud.record(allCommands())
writeFileSync(grammarFile, `${JSON.stringify({ version: gcloud.version, commands }, undefined, 2)}\n`)
