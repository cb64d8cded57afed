import type { Parser } from './parsers.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface Setting<T = unknown> {
  /** Name of the environment variable. */
  name: string
  /** Default as a user would write it; undefined when the setting may stay unset. */
  default?: string
  parse: Parser<T>
  /** Text for `--help` and the table of settings in the docs. */
  purpose: string
  /** Set when no message may contain the setting's text. */
  secret?: true
}

/** Settings by the names of the fields that get their values. */
export type Table = Record<string, Setting>

/** Texts of settings as they were given. */
export type Texts<T extends Table> = { [K in keyof T]?: string }

/** Parsed values of settings; undefined only for a setting without a default. */
export type Values<T extends Table> = {
  [K in keyof T]: ReturnType<T[K]['parse']> | (T[K] extends { default: string } ? never : undefined)
}

/** Returns the texts that the environment has for a table. An empty string counts as not set. */
export function givenTexts<T extends Table>(table: T, env: Environment): Texts<T> {
  const given = Object.entries(table).flatMap(([key, { name }]) => (env[name] ? [[key, env[name]]] : []))
  return Object.fromEntries(given) as Texts<T>
}

/**
 * Parses each text, or the default when there is no text. For an invalid text it adds a sentence to `problems` and
 * leaves the value out.
 * @param label returns the subject of such a sentence
 */
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
