import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { copyBinaries, findBinaries } from '../kvs/log/embedded/binaries.ts'
import { prepareCluster } from '../kvs/log/embedded/cluster.ts'
import { packTemplate } from '../kvs/log/embedded/cluster-template.ts'
import { findLauncher, serverUser } from '../kvs/log/embedded/launcher.ts'
import { makePrivateDirectory, temporaryDirectory } from '../kvs/log/embedded/socket-directory.ts'

/**
 * Makes the packed database cluster that the image contains. It is what initdb makes, except that the database
 * `postgres` has the name of the service's database, so that a first start need not create that, and that the template
 * databases are gone: they are two thirds of the files, and to make files is most of what a first start costs.
 * @param directory path of the cluster while it is made; only its parent exists
 */
export async function makeTemplate(directory: string): Promise<Buffer> {
  const [installed, user] = await Promise.all([findBinaries(), serverUser(directory)])
  const { launch, binaries } = await findLauncher(user, installed, [dirname(directory)], async () => {
    const reachable = temporaryDirectory(directory)
    await makePrivateDirectory(reachable, user)
    return copyBinaries(installed, reachable)
  })
  await prepareCluster(directory, binaries, launch, user, '')
  const run = async (database: string, statements: string) => {
    const { file, args, options } = launch(binaries.postgres, ['--single', '-D', directory, database])
    const running = promisify(execFile)(file, args, options)
    running.child.stdin?.end(statements)
    const { stderr } = await running
    if (/ERROR|FATAL|PANIC/.test(stderr)) throw new Error(stderr)
  }
  await run('template1', 'ALTER DATABASE postgres RENAME TO kvs;\n')
  // In single-user mode each line is a statement.
  await run(
    'kvs',
    `UPDATE pg_database SET datistemplate = false;
DROP DATABASE template0;
DROP DATABASE template1;
`,
  )
  return packTemplate(directory)
}

if (import.meta.main) {
  const home = await mkdtemp(join(tmpdir(), 'cluster-'))
  process.stdout.write(await makeTemplate(join(home, 'postgres')))
  await rm(home, { recursive: true })
}
