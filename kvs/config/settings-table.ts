import type { Parser } from './parsers.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface Setting<T = unknown> {
  name: string
  /** As a user would write it. Without one, the setting may stay unset. */
  default?: string
  parse: Parser<T>
  purpose: string
  /** Its text must not appear in any message. */
  secret?: true
}

export type Table = Record<string, Setting>

export type Texts<T extends Table> = { [K in keyof T]?: string }

export type Values<T extends Table> = {
  [K in keyof T]: ReturnType<T[K]['parse']> | (T[K] extends { default: string } ? never : undefined)
}

/** What the environment sets of a table. An empty string counts as not set. */
export function givenTexts<T extends Table>(table: T, env: Environment): Texts<T> {
  const given = Object.entries(table).flatMap(([key, { name }]) => (env[name] ? [[key, env[name]]] : []))
  return Object.fromEntries(given) as Texts<T>
}

/** Parses each text, or the default in its absence. A text that is wrong adds to `problems`, and its value is absent. */
export function parseTexts<T extends Table>(
  table: T,
  texts: Texts<T>,
  problems: string[],
  label = (_key: keyof T, name: string) => name,
): Partial<Values<T>> {
  const values: Partial<Record<keyof T, unknown>> = {}
  for (const [key, setting] of Object.entries(table)) {
    const text = texts[key] ?? setting.default
    if (text === undefined) continue
    try {
      values[key as keyof T] = setting.parse(text)
    } catch (error) {
      problems.push(`${label(key, setting.name)}: ${error instanceof Error ? error.message : error}`)
    }
  }
  return values as Partial<Values<T>>
}
