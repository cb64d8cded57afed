import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Arguments, WrongUse } from './arguments.ts'
import { adviceFor, findTool, type Tool } from './servers/installed-programs.ts'

/** What a part of the benchmark works with. */
export interface Bench {
  readonly args: Arguments
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal
  /** Prints a line for the person who waits. */
  say(line: string): void
  /** Finds a program. If it is missing, returns undefined and prints once what installs it. */
  tool(name: Tool): string | undefined
  /** Like `tool`, but throws if the program is missing. */
  requireTool(name: Tool): string
  /** Makes an empty directory that every user may read, as Postgres's user has to. */
  makeDirectory(name: string): Promise<string>
  /** Registers what is done at the end, last first, whatever happens. */
  defer(cleanUp: () => Promise<unknown> | unknown): void
}

/** Runs a part and takes down all that it has started. */
export async function withBench<T>(
  args: Arguments,
  signal: AbortSignal,
  run: (bench: Bench) => Promise<T>,
): Promise<T> {
  await using stack = new AsyncDisposableStack()
  const home = await mkdtemp(join(tmpdir(), 'bench-kvs-'))
  await chmod(home, 0o755)
  stack.defer(() => rm(home, { recursive: true, force: true }))
  const say = (line: string) => void process.stderr.write(`${line}\n`)
  let made = 0

  function tool(name: Tool): string | undefined {
    const found = findTool(name)
    if (found === undefined && !told.has(name)) {
      told.add(name)
      say(`\n!! ${name} is not installed, and is left out; this brings it:\n!!   ${adviceFor([name])}\n`)
    }
    return found
  }

  return await run({
    args,
    signal,
    say,
    tool,
    requireTool(name) {
      const found = tool(name)
      if (found === undefined) throw new WrongUse(`nothing can be measured without ${name}`)
      return found
    },
    async makeDirectory(name) {
      const path = join(home, `${made++}-${name}`)
      await mkdir(path, { mode: 0o755 })
      return path
    },
    defer: (cleanUp) => stack.defer(async () => void (await cleanUp())),
  })
}

const told = new Set<Tool>()
