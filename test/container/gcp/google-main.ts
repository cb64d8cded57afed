/**
 * The part of Google Cloud that startup.sh asks: the VM's metadata on port 80, Secret Manager and Cloud SQL's API on
 * 443. Port 8000 is the test's: PUT /state sets what there is, GET /state shows it, with what the VM has written.
 */
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'

interface State {
  attributes: Record<string, string>
  secrets: Record<string, string>
  /** What the Cloud SQL instance is reached by, where there is one */
  cloudSql?: { address: string; certificates: string[] }
}

const accessToken = 'the access token of the VM'
let state: State = { attributes: {}, secrets: {} }
let changes = 0
let waiting: (() => void)[] = []
const guestAttributes: Record<string, string> = {}

function answer(response: ServerResponse, body: unknown, status = 200) {
  response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body))
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  return (await request.setEncoding('utf8').toArray()).join('')
}

/** Until a test changes something, or the time given is over */
function change(seconds: number): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve)
    setTimeout(resolve, seconds * 1000)
  })
}

/** https://cloud.google.com/compute/docs/metadata/querying-metadata */
const serveMetadata: RequestListener = async (request, response) => {
  const url = new URL(request.url ?? '', 'http://metadata.google.internal')
  const [, path = ''] = /^\/computeMetadata\/v1\/(.*)$/.exec(url.pathname) ?? []
  const [, attribute] = /^instance\/attributes\/([\w-]+)$/.exec(path) ?? []
  const [, guest] = /^instance\/guest-attributes\/([\w/-]+)$/.exec(path) ?? []
  if (request.headers['metadata-flavor'] !== 'Google')
    return answer(response, 'Missing Metadata-Flavor:Google header.', 403)
  const { wait_for_change, last_etag = `${changes}`, timeout_sec } = Object.fromEntries(url.searchParams)
  if (wait_for_change === 'true' && last_etag === `${changes}`) await change(Number(timeout_sec))
  response.setHeader('ETag', changes)
  if (path === 'instance/attributes/') return answer(response, state.attributes)
  if (path === 'project/project-id') return answer(response, 'my-project')
  if (path === 'instance/service-accounts/default/token') {
    return answer(response, { access_token: accessToken, expires_in: 3599, token_type: 'Bearer' })
  }
  if (guest !== undefined && request.method === 'PUT') {
    guestAttributes[guest] = await bodyOf(request)
    return answer(response, '')
  }
  const value = attribute && state.attributes[attribute]
  if (value === undefined) return answer(response, 'Error 404 (Not Found)', 404)
  answer(response, value)
}

/**
 * https://cloud.google.com/secret-manager/docs/reference/rest and
 * https://cloud.google.com/sql/docs/postgres/admin-api/rest
 */
const serveApis: RequestListener = (request, response) => {
  const { host, authorization } = request.headers
  const path = request.url ?? ''
  const [, secret = ''] = /^\/v1\/projects\/my-project\/secrets\/([\w-]+)\/versions\/latest:access$/.exec(path) ?? []
  const [, more] = /^\/v1\/projects\/my-project\/instances\/kvs-db(\/listServerCas)?$/.exec(path) ?? []
  if (authorization !== `Bearer ${accessToken}`) return answer(response, { error: { code: 401 } }, 401)
  const value = state.secrets[secret]
  if (host === 'secretmanager.googleapis.com' && value !== undefined) {
    return answer(response, { name: secret, payload: { data: Buffer.from(value).toString('base64') } })
  }
  if (host === 'sqladmin.googleapis.com' && state.cloudSql && /instances\/kvs-db/.test(path)) {
    const { address, certificates } = state.cloudSql
    if (more) return answer(response, { certs: certificates.map((cert) => ({ cert })) })
    return answer(response, {
      ipAddresses: [
        { type: 'OUTGOING', ipAddress: '192.0.2.1' },
        { type: 'PRIMARY', ipAddress: address },
      ],
    })
  }
  answer(response, { error: { code: 403 } }, 403)
}

const serveTest: RequestListener = async (request, response) => {
  if (request.method === 'PUT') {
    state = JSON.parse(await bodyOf(request))
    changes++
    for (const resolve of waiting) resolve()
    waiting = []
  }
  answer(response, { ...state, guestAttributes })
}

createServer(serveMetadata).listen(80)
const read = (name: string) => readFileSync(`/certificates/google.${name}`)
createTlsServer({ key: read('key'), cert: read('crt') }, serveApis).listen(443)
createServer(serveTest).listen(8000)
process.on('SIGTERM', () => process.exit())
