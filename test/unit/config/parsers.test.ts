import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  address,
  bytes,
  duration,
  integer,
  listenHost,
  oneOf,
  orWord,
  type Parser,
  path,
  ports,
  server,
  text,
} from '../../../kvs/config/parsers.ts'

const forEver = orWord('never', undefined, duration())

const good: [string, Parser<unknown>, string, unknown][] = [
  ['integer', integer(1, 10), '1', 1],
  ['integer', integer(1, 10), '10', 10],
  ['ports', ports, '0', [0]],
  ['ports', ports, '65535', [65_535]],
  ['ports', ports, '8080,8090', [8080, 8090]],
  ['ports', ports, '8080, 0', [8080, 0]],
  ['bytes', bytes('0', '1GiB'), '0', 0],
  ['bytes', bytes('0', '1GiB'), '1048576', 1_048_576],
  ['bytes', bytes('0', '1GiB'), '64KiB', 65_536],
  ['bytes', bytes('0', '1GiB'), '1MiB', 1_048_576],
  ['bytes', bytes('0', '1GiB'), '1GiB', 1_073_741_824],
  ['duration', duration(), '500ms', 500],
  ['duration', duration(), '10s', 10_000],
  ['duration', duration(), '2m', 120_000],
  ['duration', duration(), '596h', 2_145_600_000],
  ['duration or never', forEver, 'never', undefined],
  ['duration or never', forEver, '1s', 1000],
  ['oneOf', oneOf('json', 'pretty'), 'pretty', 'pretty'],
  ['text', text, ' as it is ', ' as it is '],
  ['path', path, '/var/lib/kvs', '/var/lib/kvs'],
  ['path', path, './data', resolve('data')],
  ['address', address, '10.10.0.2:8090', '10.10.0.2:8090'],
  ['address', address, 'kvs_1.example.com:1', 'kvs_1.example.com:1'],
  ['address', address, 'KVS:65535', 'KVS:65535'],
  ['address', address, '[::1]:80', '[::1]:80'],
  ['address', address, '[2001:DB8:0::1]:80', '[2001:DB8:0::1]:80'],
  ['server', server, 'db.example.com', 'db.example.com'],
  ['server', server, '::1', '::1'],
  ['server', server, '[::1]', '::1'],
  ['server', server, '/var/run/postgresql', '/var/run/postgresql'],
  ['listenHost', listenHost, '0.0.0.0', '0.0.0.0'],
  ['listenHost', listenHost, 'localhost', 'localhost'],
  ['listenHost', listenHost, '::', '::'],
  ['listenHost', listenHost, '[::1]', '::1'],
  ['listenHost', listenHost, '[fe80::1%eth0]', 'fe80::1%eth0'],
]

const bad: [string, Parser<unknown>, string, string][] = [
  ['integer', integer(1, 10), '0', '"0" is not a whole number from 1 to 10'],
  ['integer', integer(1, 10), '11', '"11" is not a whole number from 1 to 10'],
  ['integer', integer(1, 10), '-1', 'not a whole number'],
  ['integer', integer(1, 10), '1.5', 'not a whole number'],
  ['integer', integer(1, 10), '1e1', 'not a whole number'],
  ['integer', integer(1, 10), '0x1', 'not a whole number'],
  ['integer', integer(1, 10), ' 1', 'not a whole number'],
  ['ports', ports, '65536', '"65536" is not a whole number from 0 to 65535'],
  ['ports', ports, 'http', '"http" is not a whole number from 0 to 65535'],
  ['ports', ports, '8080,http', '"http" is not a whole number from 0 to 65535'],
  ['ports', ports, '8080;8090', '"8080;8090" is not a whole number'],
  ['ports', ports, '8080,', '"8080," has a comma without a port: write ports as 8080,8090'],
  ['ports', ports, ',', 'a comma without a port'],
  ['ports', ports, '8080,8090,8080', '"8080,8090,8080" names 8080 twice: name each port once'],
  ['ports', ports, '0,00', 'names 0 twice'],
  ['bytes', bytes('4KiB', '1MiB'), '4095', '"4095" is out of bounds: write 4KiB to 1MiB'],
  ['bytes', bytes('4KiB', '1MiB'), '2MiB', '"2MiB" is out of bounds: write 4KiB to 1MiB'],
  ['bytes', bytes('0', '1MiB'), '9'.repeat(400), 'is out of bounds'],
  ['bytes', bytes('0', '1MiB'), '1MB', '"1MB" is not a size: write bytes, or a whole number of KiB, MiB or GiB'],
  ['bytes', bytes('0', '1MiB'), '1.5KiB', 'not a size'],
  ['bytes', bytes('0', '1MiB'), '1 KiB', 'not a size'],
  ['bytes', bytes('0', '1MiB'), 'KiB', 'not a size'],
  ['bytes', bytes('0', '1MiB'), '1constructor', 'not a size'],
  ['duration', duration(), '10', '"10" has no unit: write 10ms, 10s or 10m'],
  ['duration', duration(), '0s', '"0s" is out of bounds: write 1ms to 596h'],
  ['duration', duration(), '597h', '"597h" is out of bounds: write 1ms to 596h'],
  ['duration', duration(), '10sec', '"10sec" is not a time: write a whole number of ms, s, m or h, such as 500ms'],
  ['duration', duration(), '1.5s', 'not a time'],
  ['duration', duration(), '-1s', 'not a time'],
  ['duration', duration(), 'never', 'not a time'],
  ['duration or never', forEver, 'soon', 'such as 500ms, or never'],
  ['oneOf', oneOf('json', 'pretty'), 'JSON', '"JSON" is not one of json, pretty'],
  ['path', path, '~/data', 'begins with ~, which only a shell expands: write the path in full'],
  ['address', address, '10.10.0.2', 'is not host:port, such as 10.10.0.2:8080'],
  ['address', address, 'kvs', 'is not host:port, such as 10.10.0.2:8080'],
  ['address', address, ':8080', 'is not host:port, such as 10.10.0.2:8080'],
  ['address', address, 'kvs:', 'is not host:port, such as 10.10.0.2:8080'],
  ['address', address, 'kvs:0', 'is not host:port, such as 10.10.0.2:8080'],
  ['address', address, 'kvs:65536', 'is not host:port, such as 10.10.0.2:8080'],
  ['address', address, 'kvs:http', 'is not host:port, such as 10.10.0.2:8080'],
  ['address', address, 'http://kvs:8080', 'is not host:port, such as 10.10.0.2:8080'],
  ['address', address, 'kvs:8080/', 'is not host:port, such as 10.10.0.2:8080'],
  ['address', address, 'kvs:80 80', 'is not host:port, such as 10.10.0.2:8080'],
  ['address', address, 'u@kvs:80', 'is not host:port, such as 10.10.0.2:8080'],
  ['address', address, '::1:80', 'is not host:port, such as 10.10.0.2:8080'],
  ['address', address, '[::1]', 'is not host:port, such as 10.10.0.2:8080'],
  ['address', address, '[kvs]:80', 'is not host:port, such as 10.10.0.2:8080'],
  ['address', address, '10.2:80', 'is not host:port, such as 10.10.0.2:8080'],
  ['address', address, '10.10.0.256:80', 'is not host:port, such as 10.10.0.2:8080'],
  ['address', address, 'k vs:80', 'is not host:port, such as 10.10.0.2:8080'],
  ['address', address, 'kvs:80,kvs:81', 'is not host:port, such as 10.10.0.2:8080'],
  ['server', server, 'db1,db2', 'one host is supported'],
  ['server', server, './socket', 'is neither a host nor an absolute path'],
  ['server', server, 'db:5433', 'write the host alone'],
  ['server', server, '[::1]:5432', 'write the host alone'],
  ['listenHost', listenHost, '127.0.0.1:8080', 'write the host alone, and the port in PORT'],
  ['listenHost', listenHost, '[::1]:8080', 'write the host alone, and the port in PORT'],
  ['listenHost', listenHost, '[localhost]', 'is no address'],
  ['listenHost', listenHost, '*', 'is no address: write one, or 0.0.0.0 or :: for all of them'],
  ['listenHost', listenHost, 'http://localhost', 'is no address'],
]

describe('takes', () => {
  test.each(good)('$0: $2', (_name, parse, text, value) => {
    expect(parse(text)).toStrictEqual(value)
  })
})

describe('refuses', () => {
  test.each(bad)('$0: $2', (_name, parse, text, message) => {
    expect(() => parse(text)).toThrow(message)
  })

  test('a URL in the place of a host, without quoting it', () => {
    expect(() => server('postgres://u:S3CRET@h/db')).toThrow(/^((?!S3CRET).)*$/)
  })
})
