/** Escapes text for XML content and attributes. Control characters, which XML 1.0 forbids, are left out. */
export function escapeXml(text: string): string {
  const named: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
  const allowed = text.toWellFormed().replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
  return allowed.replaceAll(/[&<>"']/g, (character) => named[character] ?? '')
}

type Attributes = Readonly<Record<string, string | number | undefined>>

/** @param content is XML already, see escapeXml */
export function element(name: string, attributes: Attributes, content = ''): string {
  const written = Object.entries(attributes).map(([key, value]) => {
    if (value === undefined) return ''
    return ` ${key}="${typeof value === 'number' ? round(value) : escapeXml(value)}"`
  })
  return content === '' ? `<${name}${written.join('')}/>` : `<${name}${written.join('')}>${content}</${name}>`
}

export function text(x: number, y: number, content: string, attributes: Attributes = {}): string {
  return element('text', { x, y, ...attributes }, escapeXml(content))
}

/** Returns a rectangle as part of a path, since one path of many is far smaller than many elements. */
export function boxPath(x: number, y: number, width: number, height: number): string {
  return `M${round(x)} ${round(y)}h${round(width)}v${round(height)}h${round(-width)}z`
}

export function linePath(x1: number, y1: number, x2: number, y2: number): string {
  return `M${round(x1)} ${round(y1)}L${round(x2)} ${round(y2)}`
}

function round(number: number): number {
  return Math.round(number * 10) / 10
}
