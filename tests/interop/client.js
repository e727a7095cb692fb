// A libp2p client that this project did not write, at a sprat rendezvous server: node client.js MULTIADDRESS/p2p/KEY
// It connects, is identified, pings, has connections forwarded, registers, finds itself, and is reached by relay.
// Prints a line of JSON for each step that was done; the last one is {"step":"done"}. Ends with 1 at the first that fails.
import { noise } from '@chainsafe/libp2p-noise'
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { lpStream } from '@libp2p/utils'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

// Node 20 lacks it, and some of the packages want it.
Promise.withResolvers ??= function () {
  const made = {}
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }))
  return made
}

const server = multiaddr(process.argv[2])
const serverId = process.argv[2].split('/p2p/')[1]
const namespace = 'sprat-interop'
const within = ms => AbortSignal.timeout(ms)
const did = (step, more = {}) => console.log(JSON.stringify({ step, ...more }))
const fail = why => { throw new Error(why) }

// Protocol buffers as far as /rendezvous/1.0.0 needs them: numbers (type 0) and bytes (type 2).
const varint = n => n < 128 ? [n] : [n % 128 + 128, ...varint(Math.floor(n / 128))]
const number = (field, n) => [...varint(field * 8), ...varint(n)]
const bytes = (field, data) => [...varint(field * 8 + 2), ...varint(data.length), ...data]
const text = (field, words) => bytes(field, new TextEncoder().encode(words))
function fields (data) {
  const found = {}
  let at = 0
  const read = () => {
    for (let n = 0, by = 1; ; by *= 128) {
      const byte = data[at++]
      n += (byte % 128) * by
      if (byte < 128) return n
    }
  }
  while (at < data.length) {
    const key = read()
    let value = read()
    if (key % 8 === 2) value = data.subarray(at, at += value)
    ;(found[Math.floor(key / 8)] ??= []).push(value)
  }
  return found
}

async function ask (connection, message) {
  const stream = await connection.newStream('/rendezvous/1.0.0', { signal: within(10_000) })
  const lp = lpStream(stream)
  await lp.write(Uint8Array.from(message), { signal: within(10_000) })
  const answer = fields((await lp.read({ signal: within(10_000) })).subarray())
  await stream.close()
  return answer
}

const start = async listen => {
  const privateKey = await generateKeyPair('Ed25519')
  const node = await createLibp2p({
    privateKey,
    addresses: { listen },
    transports: [tcp(), circuitRelayTransport()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify(), ping: ping() }
  })
  return { node, privateKey }
}

// What the other end said of itself. It is asked by itself as soon as a connection stands.
const seen = node => new Promise((resolve, reject) => {
  within(10_000).addEventListener('abort', () => reject(new Error('not identified')))
  node.addEventListener('peer:identify', ({ detail }) => {
    if (detail.peerId.toString() === serverId) resolve(detail)
  })
})

async function main () {
  const { node } = await start([])
  const identifying = seen(node)
  const connection = await node.dial(server, { signal: within(10_000) })
  if (connection.remotePeer.toString() !== serverId) fail('another key than the address says')
  did('connected')

  const identified = await identifying
  if (identified.protocolVersion !== '/sprat/1') fail(`a server of ${identified.protocolVersion}`)
  for (const wanted of ['/libp2p/circuit/relay/0.2.0/hop', '/rendezvous/1.0.0', '/ipfs/ping/1.0.0', '/sprat/directory/1']) {
    if (!identified.protocols.includes(wanted)) fail(`it does not speak ${wanted}: ${identified.protocols}`)
  }
  did('identified', { agent: identified.agentVersion, observed: identified.observedAddr?.toString() })
  did('pinged', { ms: await node.services.ping.ping(connection.remotePeer, { signal: within(10_000) }) })

  await node.stop()
  const waiting = await start([`${server}/p2p-circuit`])
  const me = waiting.node
  for (let tries = 0; me.getMultiaddrs().length === 0; tries++) {
    if (tries > 100) fail('no reservation')
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  did('reserved', { addresses: me.getMultiaddrs().map(String) })

  const link = me.getConnections().find(one => one.remotePeer.toString() === serverId) ?? fail('no connection')
  // The format that libp2p's other implementations have in common, and the older one of rust-libp2p.
  const formats = [
    ['libp2p-peer-record', Uint8Array.of(3, 1)],
    ['libp2p-routing-state', new TextEncoder().encode('/libp2p/routing-state-record')]
  ]
  for (const [domain, codec] of formats) {
    const record = new PeerRecord({ peerId: me.peerId, multiaddrs: me.getMultiaddrs() })
    Object.assign(record, { domain, codec })
    const envelope = (await RecordEnvelope.seal(record, waiting.privateKey)).marshal()
    const registered = await ask(link, [
      ...number(1, 0), ...bytes(2, [...text(1, namespace), ...bytes(2, envelope), ...number(3, 7200)])
    ])
    const answer = fields(registered[3]?.[0] ?? fail('no answer to a registration'))
    const status = answer[1]?.[0] ?? 0
    if (status === 0) did('registered', { format: domain, ttl: answer[3]?.[0] })
    else if (domain === formats[1][0]) fail(`not registered: ${status} ${new TextDecoder().decode(answer[2]?.[0])}`)
    if (status === 0) break
  }

  const discovered = await ask(link, [...number(1, 3), ...bytes(5, text(1, namespace))])
  const list = fields(discovered[6]?.[0] ?? fail('no answer to a discovery'))
  if ((list[3]?.[0] ?? 0) !== 0) fail(`nothing discovered: ${list[3]}`)
  const found = (list[1] ?? []).map(one => RecordEnvelope.createFromProtobuf(fields(one)[2][0]))
  const mine = found.find(one => one.publicKey.equals(waiting.privateKey.publicKey)) ?? fail('it did not find itself')
  const signed = await Promise.all(formats.map(([domain]) => mine.validate(domain)))
  if (!signed.includes(true)) fail('a record that is not signed')
  did('discovered', { registrations: found.length })

  const other = await start([])
  const relayed = await other.node.dial(multiaddr(`${server}/p2p-circuit/p2p/${me.peerId}`), { signal: within(10_000) })
  const stream = await relayed.newStream('/ipfs/ping/1.0.0', { runOnLimitedConnection: true, signal: within(10_000) })
  const sent = crypto.getRandomValues(new Uint8Array(32))
  stream.send(sent)
  for await (const echo of stream) {
    if (Buffer.compare(Buffer.from(echo.subarray()), Buffer.from(sent)) !== 0) fail('other bytes came back by the relay')
    break
  }
  did('relayed', { limits: relayed.limits && { seconds: relayed.limits.seconds, bytes: String(relayed.limits.bytes) } })
  await other.node.stop()
  await me.stop()
  did('done')
}

main().then(() => process.exit(0), error => {
  console.error(error)
  process.exit(1)
})
