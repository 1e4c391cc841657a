// Runs the tests of http-tests/cache-tests against an edge that stands before their origin, and prints what fails.
//
//   node bench/conformance.mjs FOLDER EDGE-COMMAND…
//
// FOLDER holds the npm package http-cache-tests, or a checkout of its repository. The command gets the configuration
// file as its last argument.

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

// What is not met, and why.
const REASONS = [
  [/^interim-/, 'hyper does not let a server send interim answers'],
  [/^partial-store-partial-/, 'parts are not kept: a request for one fetches the whole'],
  [/^age-parse-/, 'these tests are older than RFC 9111 section 5.1: the first member counts, and what is no number is no age'],
  [/^304-etag-update-response-(Content-MD5|ETag)$/, 'these tests are older than RFC 9111 section 3.2: a 304 renews all fields but those of the bytes'],
  [/^stale-close-/, 'these tests want an answer of the origin that has closed the connection; the answer is a 502'],
  [/^conditional-lm-fresh-no-lm$/, 'the kept answer is newer than the date it is asked about: 304 would be wrong'],
  [/^vary-normalise-lang-select$/, 'which language an origin would choose is not guessed'],
  [/^freshness-expires-ansi-c$/, 'the 8th of August 2050 is no Thursday'],
  [/^method-POST$/, 'answers to POST are not kept'],
]

const [folder, ...command] = process.argv.slice(2)
if (!folder || command.length === 0) throw new Error('usage: conformance.mjs FOLDER EDGE-COMMAND…')
const root = resolve(folder)
const engine = existsSync(join(root, 'test-engine')) ? join(root, 'test-engine') : root
const scratch = mkdtempSync(join(tmpdir(), 'conformance-'))
const started = []

const freePort = () => new Promise((resolve, reject) => {
  const server = createServer()
  server.once('error', reject)
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address()
    server.close(() => resolve(port))
  })
})

const listens = async (port) => {
  for (let tries = 0; tries < 200; tries++) {
    const open = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('connect', () => { socket.destroy(); resolve(true) })
      socket.once('error', () => resolve(false))
    })
    if (open) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`nothing listens on ${port}`)
}

const start = (program, args, options) => {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'], ...options })
  started.push(child)
  return child
}

const output = (program, args, options) => new Promise((resolve, reject) => {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options })
  let text = ''
  child.stdout.on('data', (piece) => { text += piece })
  child.once('error', reject)
  child.once('exit', (code) => code === 0 ? resolve(text) : reject(new Error(`${program} ended with ${code}`)))
})

try {
  const [origin, edge] = [await freePort(), await freePort()]
  const settings = { npm_config_protocol: 'http', npm_config_port: String(origin), npm_config_pidfile: join(scratch, 'pid') }
  start(process.execPath, [join(engine, 'server', 'server.mjs')], { cwd: root, env: { ...process.env, ...settings } })
  const file = join(scratch, 'edge.toml')
  // The tests ask for guesses and shared cookies, which a site has to ask for here, too.
  writeFileSync(file, `http = ["127.0.0.1:${edge}"]
threads = 1

[upstream.origin]
servers = [{ address = "127.0.0.1:${origin}" }]

[[host]]
name = "*"
target = { kind = "proxy", upstream = "origin" }
cache = { heuristic = true, set_cookie = "keep" }
`)
  start(command[0], [...command.slice(1), file])
  await Promise.all([listens(origin), listens(edge)])
  const client = { npm_config_base: `http://127.0.0.1:${edge}`, npm_config_id: '', npm_package_config_id: '' }
  const text = await output(process.execPath, ['--no-warnings', join(engine, 'cli.mjs')], { cwd: root, env: { ...process.env, ...client } })
  const results = JSON.parse(text.slice(text.indexOf('{')))
  const suites = [...(await import(join(root, 'tests', 'index.mjs'))).default]
  const surrogate = join(root, 'tests', 'surrogate-control.mjs')
  if (existsSync(surrogate)) suites.push((await import(surrogate)).default)

  const table = { required: [0, 0], optimal: [0, 0], check: [0, 0] }
  const failed = []
  for (const test of suites.flatMap((suite) => suite.tests)) {
    if (test.browser_only) continue
    const kind = test.kind ?? 'required'
    table[kind][1]++
    if (results[test.id] === true) table[kind][0]++
    else if (kind !== 'check') failed.push([kind, test.id, results[test.id]])
  }
  for (const [kind, [met, all]] of Object.entries(table)) console.log(`${kind}: ${met} of ${all}`)
  for (const [kind, id, result] of failed.sort()) {
    const reason = REASONS.find(([pattern]) => pattern.test(id))?.[1] ?? `unexpected: ${result?.join(': ')}`
    console.log(`  ${kind} ${id}: ${reason}`)
  }
  process.exitCode = failed.some(([, id]) => !REASONS.some(([pattern]) => pattern.test(id))) ? 1 : 0
} finally {
  started.forEach((child) => child.kill('SIGKILL'))
  rmSync(scratch, { recursive: true, force: true })
}
