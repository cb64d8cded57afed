import { element, escapeXml, text } from '../../lab/svg.ts'

/** Colours of Okabe & Ito, "Color universal design" (2008), which people who see fewer colours can tell apart. */
const colours = {
  kvs: '#0072b2',
  etcd: '#e69f00',
  redis: '#d55e00',
  pgbench: '#009e73',
  'without-log': '#56b4e9',
  bare: '#999999',
} as const

export type Colour = keyof typeof colours

/**
 * The picture has its own ground, light or dark as the reader's system is: so that it is readable wherever it is shown,
 * also where a page is of the other kind.
 */
const style = `
text{font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;font-size:13px}
.title{font-size:19px;font-weight:600}.heading{font-size:14px;font-weight:600}.small{font-size:12px}
.number{font-weight:600;font-variant-numeric:tabular-nums}
.over{paint-order:stroke;stroke-width:3px}.grid{stroke-width:1;fill:none}.whisker{stroke-width:1.5;fill:none;stroke-opacity:.75}
${tones({ ground: '#ffffff', ink: '#1f2328', soft: '#59636e', line: '#d1d9e0' })}
${Object.entries(colours)
  .map(
    ([name, colour]) =>
      `.${name}{fill:${colour}}.line-${name}{stroke:${colour};fill:none;stroke-width:1.8;stroke-linejoin:round}`,
  )
  .join('\n')}
@media (prefers-color-scheme:dark){${tones({ ground: '#0d1117', ink: '#e6edf3', soft: '#9198a1', line: '#3d444d' })}.kvs{fill:#3b9ede}.line-kvs{stroke:#3b9ede}}
`

function tones({ ground, ink, soft, line }: Readonly<Record<'ground' | 'ink' | 'soft' | 'line', string>>): string {
  return `.ground{fill:${ground}}text{fill:${ink}}.small{fill:${soft}}.grid{stroke:${line}}.whisker{stroke:${ink}}.over{stroke:${ground}}`
}

export const frame = { width: 1000, left: 24, right: 976 } as const

export interface Picture {
  readonly title: string
  readonly subtitle: string
  readonly height: number
  readonly parts: readonly string[]
}

/** Makes a self-contained SVG. */
export function drawPicture({ title, subtitle, height, parts }: Picture): string {
  const size = { width: frame.width, height, viewBox: `0 0 ${frame.width} ${height}`, role: 'img' }
  const content = [
    element('title', {}, escapeXml(title)),
    element('style', {}, style),
    element('rect', { width: frame.width, height, rx: 8, class: 'ground' }),
    text(frame.left, 36, title, { class: 'title' }),
    text(frame.left, 58, subtitle, { class: 'small' }),
    ...parts,
  ]
  return `${element('svg', { xmlns: 'http://www.w3.org/2000/svg', ...size }, content.join('\n'))}\n`
}
