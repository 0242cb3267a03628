// A tus server in its plain form: node tus_node.mjs FOLDER PORT [by-filename]. Says where it listens on its first line.
// `by-filename`: it calls each upload, and its file, what the client calls the file, which is what many sites set up; a new one empties it.
import { mkdirSync } from 'node:fs'
import { Server } from '@tus/server'
import { FileStore } from '@tus/file-store'

// Node 20's own streams now and then throw where nobody can catch it, when a client leaves in the middle of an answer ("ReadableStream is
// already closed"), and end the process. A service manager would start it again; here it says so and goes on.
process.on('uncaughtException', (error) => console.error(error))

const [directory, port, ...more] = process.argv.slice(2)
const named = more.includes('by-filename') ? { namingFunction: (_request, metadata) => metadata.filename } : {}
mkdirSync(directory, { recursive: true })
const server = new Server({ path: '/files', datastore: new FileStore({ directory }), ...named })
const listening = server.listen({ host: '127.0.0.1', port: Number(port) }, () => {
  console.log(`http://127.0.0.1:${listening.address().port}/files/`)
})
