/** One sample of an exposition. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly samples: Sample[]
}

/**
 * Parses Prometheus's text format, as strictly as is of use here: each sample under the HELP and TYPE of its family.
 */
export function parse(text: string): Map<string, Family> {
  const families = new Map<string, Family>()
  let help: [name: string, text: string] | undefined
  let family: Family | undefined
  for (const line of text.split('\n').filter((line) => line !== '')) {
    const [, word, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? []
    if (word === 'HELP') help = [name, rest]
    else if (word === 'TYPE') {
      if (help?.[0] !== name) throw new Error(`no help before ${line}`)
      if (families.has(name)) throw new Error(`twice: ${name}`)
      family = { name, help: help[1], type: rest, samples: [] }
      families.set(name, family)
    } else {
      const sample = parseSample(line)
      const base = family?.type === 'histogram' ? sample.name.replace(/_(bucket|sum|count)$/, '') : sample.name
      if (!family || base !== family.name) throw new Error(`a sample of no family: ${line}`)
      family.samples.push(sample)
    }
  }
  return families
}

function parseSample(line: string): Sample {
  const [, name = '', labels = '', value = ''] = /^([a-z_]\w*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
  if (name === '') throw new Error(`no sample: ${line}`)
  const pairs = [...labels.matchAll(/([a-z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)/g)]
  if (pairs.map(([pair]) => pair).join('') !== labels) throw new Error(`bad labels: ${line}`)
  return { name, labels: Object.fromEntries(pairs.map(([, key, text]) => [key, text])), value: Number(value) }
}

export async function scrape({ url }: { readonly url: string }) {
  const answer = await fetch(`${url}/metrics`)
  if (answer.status !== 200) throw new Error(`/metrics answered ${answer.status}`)
  const families = parse(await answer.text())
  const samples = [...families.values()].flatMap(({ samples }) => samples)

  return {
    families,
    type: answer.headers.get('content-type'),
    /** All with these labels, and maybe others, added up; undefined where there is none. */
    value(name: string, labels: Record<string, string> = {}): number | undefined {
      const found = samples.filter(
        (sample) =>
          sample.name === name && Object.entries(labels).every(([label, text]) => sample.labels[label] === text),
      )
      return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0)
    },
  }
}
