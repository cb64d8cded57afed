/**
 * Prints the software bill of materials (SBOM) of the packages that `npm ci` installed in the working directory and of
 * the Node that runs this, as CycloneDX 1.6 in JSON. It leaves out the optional serial number and time, so that the
 * same lock file gives the same bytes. `npm sbom --omit=dev` would miss packages that a development dependency needs
 * too.
 */
import { readFileSync } from 'node:fs'

interface Installed {
  readonly version: string
  readonly integrity: string
  readonly license?: string
}

const { name, version, description, license } = JSON.parse(readFileSync('package.json', 'utf8'))
const { packages } = JSON.parse(readFileSync('node_modules/.package-lock.json', 'utf8')) as {
  packages: Record<string, Installed>
}

const licensed = (expression: string | undefined) => (expression ? { licenses: [{ expression }] } : {})

function component(path: string, { version, integrity, license }: Installed) {
  const full = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
  const purl = `pkg:npm/${full.replace('@', '%40')}@${version}`
  const [algorithm = '', digest = ''] = integrity.split('-')
  const hash = {
    alg: algorithm.toUpperCase().replace('SHA', 'SHA-'),
    content: Buffer.from(digest, 'base64').toString('hex'),
  }
  return {
    type: 'library',
    'bom-ref': `${purl}#${path}`,
    name: full,
    version,
    purl,
    hashes: [hash],
    ...licensed(license),
  }
}

const node = process.versions.node
const root = { type: 'application', 'bom-ref': name, name, version, description, ...licensed(license) }
const components = [
  { type: 'platform', 'bom-ref': 'node', name: 'node', version: node, purl: `pkg:generic/node@${node}` },
  ...Object.entries(packages).map(([path, installed]) => component(path, installed)),
]
console.log(
  JSON.stringify(
    { bomFormat: 'CycloneDX', specVersion: '1.6', version: 1, metadata: { component: root }, components },
    null,
    1,
  ),
)
