import { headerOf, valueHeaders } from '../../exchange/index.ts'
import type { Handle, Route } from '../route.ts'

/** Each path of the service, and what is there. */
const paths: readonly (readonly [path: string, what: string])[] = [
  ['/v1/KEY', 'a value, its bytes as they were put: PUT, GET, HEAD, DELETE; POST counts'],
  [
    '/v1/PREFIX:',
    'the keys that begin so: GET and HEAD list them, DELETE deletes them all; POST /v1/: does a transaction',
  ],
  ['/kvs/KEY', 'the same in JSON: PUT, GET, DELETE'],
  ['/keyValue-store/KEY', 'the same in forms, with payloads: PUT, GET, DELETE; GET /keyValue-store/search/KEY'],
  ['/view', 'the sites of the group: GET, PUT, DELETE'],
  ['/openapi.json', 'all of it for programs, in OpenAPI'],
  ['/readyz', 'whether it serves, and why not'],
  ['/livez', 'whether it runs'],
  ['/metrics', 'what it measures, for Prometheus'],
]

const documents = 'README.md and docs/api.md in its repository have the rest; node kvs/main.ts --help has the settings.'

/**
 * GET / says what answers here and where to go on, as text, or as HTML where a client asks for that. It is the same for
 * everybody and tells nothing of this node, neither where its log is nor who may ask it.
 * @param about what the service is, in a sentence
 */
export function frontPage(about: string): Route {
  const [text, html] = [asText(about), asHtml(about)]
  const get: Handle = (request) => {
    const isHtml = wantsHtml(headerOf(request, 'accept'))
    const body = isHtml ? html : text
    const headers = [
      'Content-Type',
      isHtml ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8',
      'Content-Length',
      String(Buffer.byteLength(body)),
      'Vary',
      'Accept',
      ...valueHeaders,
    ]
    return { status: 200, headers, body }
  }
  return { methods: { GET: get, HEAD: get }, rights: 'open' }
}

export const aboutNode = 'A key-value store over a Postgres transaction log.'
export const aboutForwarder =
  'A key-value store: a forwarding node, which hands each request for a key on to another node.'

function asText(about: string): string {
  const width = Math.max(...paths.map(([path]) => path.length))
  const rows = paths.map(([path, what]) => `  ${path.padEnd(width)}  ${what}`)
  return `${[about, '', ...rows, '', documents].join('\n')}\n`
}

/** Has no style or script, which its own Content-Security-Policy forbids. */
function asHtml(about: string): string {
  const rows = paths.map(([path, what]) => {
    const isPattern = /KEY|PREFIX/.test(path)
    return `<dt>${isPattern ? `<code>${path}</code>` : `<a href="${path}">${path}</a>`}</dt><dd>${what}</dd>`
  })
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">' +
      '<title>kvs</title></head>',
    `<body><h1>kvs</h1><p>${about}</p>`,
    `<dl>${rows.join('\n')}</dl>`,
    `<p>${documents}</p></body></html>`,
    '',
  ].join('\n')
}

/** Whether an Accept header names HTML, as a browser's does; a wildcard does not, since curl sends one. */
function wantsHtml(accept: string | undefined): boolean {
  return accept !== undefined && /\btext\/html\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(accept)
}
